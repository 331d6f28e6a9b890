//! The records of one dataset: whose, from which source, and the dataset's own columns.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use hedui_base::catalogue::Per;
use hedui_base::columns::days_to_date;
use hedui_base::diagnostic::nearest;
use hedui_base::{Column, ColumnType, Dataset, SourceId, Table};
use jiff::civil::Date;

use super::Problem;
use super::cell::{convert, id, key_text};
use super::folder::{Belongs, Draft as Folder, RAGGED, open, simple};
use super::sheet::Sheet;

/// Rows that belong to someone, before bad cases are set aside.
pub(super) struct Draft {
    pub(super) sheet: Sheet,
    pub(super) of_household: bool,
    /// Rows of the sheet that are kept, and whose each is: number of the person, or of the case.
    pub(super) rows: Vec<(usize, u32)>,
    /// By row of the sheet.
    pub(super) source: Vec<Option<SourceId>>,
    pub(super) record_id: Vec<Arc<str>>,
    pub(super) as_of: Vec<Option<Date>>,
    pub(super) table: Table,
}

impl Draft {
    /// The cases a row belongs to.
    pub(super) fn cases(&self, who: u32, people_cases: &[Vec<u32>]) -> Vec<u32> {
        if self.of_household { vec![who] } else { people_cases[who as usize].clone() }
    }
}

pub(super) fn read(path: &Path, dataset: &Dataset, folder: &mut Folder) {
    let Some(sheet) = open(path, folder) else { return };
    let of_household = dataset.per == Per::Household;
    let who = if of_household { "case" } else { "person" };
    let Some(cells) = folder.required(&sheet, who) else { return };
    let mut belongs = Vec::with_capacity(sheet.rows);
    for row in 0..sheet.rows {
        let found = match id(cells, row) {
            Ok(Some(id)) => {
                let (known, outside) = if of_household {
                    (&folder.case_index, &folder.outside_cases)
                } else {
                    (&folder.people, &folder.outside)
                };
                match known.get(id.as_ref()) {
                    Some(number) => Ok(Belongs::To(*number)),
                    None if outside.contains(id.as_ref()) => Ok(Belongs::Outside),
                    None if !(if of_household { folder.has_cases } else { folder.has_persons }) => Ok(Belongs::Nothing),
                    None if of_household => Err("a case that cases does not have".to_owned()),
                    None => Err("a person that persons does not have".to_owned()),
                }
            }
            Ok(None) => Err(format!("empty; every row belongs to a {who}")),
            Err(complaint) => Err(complaint),
        };
        belongs.push(found.unwrap_or_else(|complaint| {
            folder.cell(&sheet, row, Some(who), complaint, &[]);
            Belongs::Nothing
        }));
    }
    let spoiled = |row: usize, people_cases: &[Vec<u32>]| match belongs[row] {
        Belongs::To(number) if of_household => Some(vec![number]),
        Belongs::To(number) => Some(people_cases[number as usize].clone()),
        Belongs::Outside => None,
        Belongs::Nothing => Some(Vec::new()),
    };
    for row in &sheet.ragged {
        if let Some(cases) = spoiled(*row, &folder.people_cases) {
            folder.cell(&sheet, *row, None, RAGGED.to_owned(), &cases);
        }
    }

    let people = std::mem::take(&mut folder.people);
    let mut spoilt: HashSet<(usize, &str)> = HashSet::new();
    let mut table = Table { rows: sheet.rows, ..Table::default() };
    let mut shared: HashMap<&str, Column> = HashMap::new();
    for (name, cells) in &sheet.columns {
        let own = dataset.columns.get(name);
        let spec = match (own, name.as_str()) {
            (Some(spec), _) => spec.clone(),
            (None, "as_of") => simple(ColumnType::Date),
            (None, "source" | "record_id") => simple(ColumnType::Text),
            (None, name) if name == who => continue,
            (None, _) => {
                let own = dataset.columns.keys().map(String::as_str).chain([who, "source", "record_id", "as_of"]);
                let help =
                    nearest(name, own).map_or_else(|| "remove it".to_owned(), |n| format!("did you mean `{n}`?"));
                let message = format!("is not a column of dataset {}", dataset.name);
                folder.problem(Problem::of_file(&sheet.file, message).column(name).help(help), &[]);
                continue;
            }
        };
        let mut complaints = Vec::new();
        let converted = convert(cells, sheet.rows, &spec, &people, &mut |row, said| complaints.push((row, said)));
        for (row, said) in complaints {
            spoilt.insert((row, name));
            if let Some(cases) = spoiled(row, &folder.people_cases) {
                folder.cell(&sheet, row, Some(name), said, &cases);
            }
        }
        match converted {
            Ok(column) if own.is_some() => {
                table.columns.insert(name.clone(), column);
            }
            Ok(column) => {
                shared.insert(name, column);
            }
            Err(said) => folder.problem(Problem::of_file(&sheet.file, said).column(name), &[]),
        }
    }
    folder.people = people;

    let mut kept: Vec<(usize, u32)> = Vec::new();
    for (row, belongs) in belongs.iter().enumerate() {
        if let Belongs::To(number) = belongs {
            kept.push((row, *number));
        }
    }
    let source: Vec<Option<SourceId>> = match shared.get("source") {
        Some(column) => (0..sheet.rows).map(|r| column.text(r).map(SourceId::from)).collect(),
        None => vec![None; sheet.rows],
    };
    let keys = natural_keys(&sheet, dataset, &table, &kept, &spoilt, folder);
    let given = shared.get("record_id");
    let record_id = (0..sheet.rows)
        .map(|row| match (given.and_then(|g| g.text(row)), &keys[row]) {
            (Some(text), _) => Arc::from(text),
            (None, Some(key)) if !dataset.key.is_empty() => Arc::from(key.as_str()),
            _ => Arc::from(sheet.row(row).to_string()),
        })
        .collect();
    let as_of = match shared.get("as_of") {
        Some(column) => (0..sheet.rows).map(|r| column.int(r).and_then(days_to_date)).collect(),
        None => vec![None; sheet.rows],
    };
    let mut draft = Draft { sheet, of_household, rows: kept, source, record_id, as_of, table };
    once(&mut draft, dataset, &keys, folder);
    folder.records.insert(dataset.name.clone(), draft);
}

/// The natural key of each kept row, its parts joined by `|`; none where a part is null.
fn natural_keys(
    sheet: &Sheet,
    dataset: &Dataset,
    table: &Table,
    kept: &[(usize, u32)],
    spoilt: &HashSet<(usize, &str)>,
    folder: &mut Folder,
) -> Vec<Option<String>> {
    let mut keys: Vec<Option<String>> = vec![None; sheet.rows];
    let mut parts: Vec<(&str, ColumnType, &Column)> = Vec::with_capacity(dataset.key.len());
    for name in &dataset.key {
        match (table.columns.get(name), dataset.columns.get(name)) {
            (Some(column), Some(spec)) => parts.push((name, spec.ty, column)),
            // Of the wrong type as a whole: already reported.
            _ if sheet.column(name).is_some() => return keys,
            _ => {
                let message = "the column is missing; it is part of the key of every row";
                folder.problem(Problem::of_file(&sheet.file, message).column(name), &[]);
                return keys;
            }
        }
    }
    for (row, who) in kept {
        let mut key: Vec<String> = Vec::with_capacity(parts.len());
        for (name, ty, column) in &parts {
            match key_text(column, *ty, *row) {
                Some(part) => key.push(part),
                None if spoilt.contains(&(*row, *name)) => {}
                None => {
                    let household = dataset.per == Per::Household;
                    let cases = if household { vec![*who] } else { folder.people_cases[*who as usize].clone() };
                    let message = "empty; it is part of the key of every row".to_owned();
                    folder.cell(sheet, *row, Some(name), message, &cases);
                }
            }
        }
        if key.len() == parts.len() {
            keys[*row] = Some(key.join("|"));
        }
    }
    keys
}

/// Keeps one of rows that are the same record; complains where they differ.
fn once(draft: &mut Draft, dataset: &Dataset, keys: &[Option<String>], folder: &mut Folder) {
    let mut first: HashMap<(u32, Option<&SourceId>, &str), usize> = HashMap::new();
    let mut kept = Vec::with_capacity(draft.rows.len());
    let mut differ = Vec::new();
    for (row, who) in &draft.rows {
        if let Some(key) = &keys[*row] {
            let earlier = *first.entry((*who, draft.source[*row].as_ref(), key)).or_insert(*row);
            if earlier != *row {
                let same = draft.as_of[earlier] == draft.as_of[*row]
                    && draft.table.columns.values().all(|c| match c {
                        Column::Int(v) => v[earlier] == v[*row],
                        Column::Text(v) => v[earlier] == v[*row],
                    });
                if !same {
                    differ.push((*row, earlier, *who));
                }
                continue;
            }
        }
        kept.push((*row, *who));
    }
    for (row, earlier, who) in differ {
        let key = if dataset.key.is_empty() {
            "one record a person".to_owned()
        } else {
            format!("key {}", dataset.key.join(", "))
        };
        let message = format!("the same record ({key}) as row {} with other content", draft.sheet.row(earlier));
        let cases = draft.cases(who, &folder.people_cases);
        folder.cell(&draft.sheet, row, None, message, &cases);
    }
    draft.rows = kept;
}
