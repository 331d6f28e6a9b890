//! One bucket of cases as the engine takes it: who is in them, what is known about them, and where a source did not answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hedui_base::{AreaCode, CaseId, Outcome, PersonKey};
use hedui_engine::input::Role;
use hedui_engine::packed::{Packed, PackedCases, PackedColumn, PackedDataset, PackedPersons, Unanswered, Words};
use hedui_rules::Program;
use hedui_rules::program::Entity;
use hedui_store::{CASES, PEOPLE, Scan, ScannedColumn, Snapshot};
use rustc_hash::FxHashMap;

use super::carry::{Carried, CarriedRow, Exchange, Wanted};
use super::coverage::{MIXED, Outcomes, UNASKED};
use super::rows::Rows;
use super::sources::{Sources, Standing};
use super::table::{Columns, ints, packed, push, taken, value, words};
use crate::VerifyError;

/// What the loading of buckets needs beside the store.
pub(super) struct Setting<'s> {
    pub(super) snapshot: &'s Snapshot,
    pub(super) programs: &'s [Arc<Program>],
    /// Index of the program in force, by area.
    pub(super) program_of: &'s BTreeMap<AreaCode, usize>,
    pub(super) words: &'s [Words],
    pub(super) exchange: &'s Exchange,
    /// Whether the outcome of every pair is kept, to explain cases later.
    pub(super) keep: bool,
}

/// Counts of (person, source) pairs by source: the nine outcomes by their codes, then those never asked.
pub(super) type PairCounts = BTreeMap<usize, [usize; 10]>;

/// The cases of one program in a bucket.
pub(super) struct Loaded {
    pub(super) program: usize,
    pub(super) packed: Packed,
    /// Order of the cases: largest key, then place in the order of registration.
    pub(super) keys: Vec<(i64, i64)>,
    pub(super) origins: Vec<Origins>,
    pub(super) counts: PairCounts,
}

impl Loaded {
    /// Without the records, which are not needed once all is computed.
    pub(super) fn without_rows(mut self) -> Self {
        self.packed.datasets = Vec::new();
        self.packed.persons.inputs = Vec::new();
        self.packed.cases.inputs = Vec::new();
        self.packed.outcomes = Vec::new();
        self.packed.words = Arc::default();
        self.origins = Vec::new();
        self
    }
}

/// Where the rows of a dataset come from.
#[derive(Debug, Default)]
pub(super) struct Origins {
    /// Row in the files of the bucket, by row; none if they are the same.
    raw: Option<Vec<u32>>,
    /// How many rows lie in the order of the bucket's people.
    own: usize,
    /// Bucket and row in its files of all rows behind them.
    more: Vec<(u32, u32)>,
}

impl Origins {
    /// Bucket and row in its files.
    pub(super) fn of(&self, bucket: u32, row: u32) -> (u32, u32) {
        match (row as usize).checked_sub(self.own) {
            Some(at) => self.more[at],
            None => (bucket, self.raw.as_ref().map_or(row, |raw| raw[row as usize])),
        }
    }
}

/// Cases of one program, in order.
struct CaseRows {
    keys: Vec<(i64, i64)>,
    packed: PackedCases,
    letters: Vec<Box<str>>,
}

/// Their people, in order.
struct PersonRows {
    packed: PackedPersons,
    standing: Vec<u8>,
}

/// The standings that policies tell apart, by number.
const STANDINGS: [Standing; 3] = [
    Standing { role: hedui_ledger::Role::Member, is_applicant: false },
    Standing { role: hedui_ledger::Role::Member, is_applicant: true },
    Standing { role: hedui_ledger::Role::Obligor, is_applicant: false },
];

/// Loads a bucket: one part for each program that has cases in it. Hands on what other buckets need of it.
pub(super) fn load(setting: &Setting<'_>, bucket: u32, sources: &mut Sources) -> Result<Vec<Loaded>, VerifyError> {
    let people = setting.snapshot.bucket_people() as usize;
    let first = i64::from(bucket) * people as i64;
    let outcomes = Outcomes::read(setting.snapshot, bucket, (first, people), sources)?;
    let mut cases = BTreeMap::new();
    for (at, program) in setting.programs.iter().enumerate() {
        let mut words = setting.words[at].clone();
        let own = case_rows(setting, bucket, at, program, &mut words)?;
        let wanted: Vec<Wanted> = setting.exchange.wanted(bucket).filter(|(_, of)| *of == at).collect();
        if own.keys.is_empty() && wanted.is_empty() {
            continue;
        }
        let mut rows = Vec::with_capacity(program.datasets.len());
        for dataset in &program.datasets {
            rows.push(Rows::read(setting.snapshot, bucket, (first, people), dataset, &outcomes, sources, &mut words)?);
        }
        cases.insert(at, (own, rows, words, wanted));
    }
    let mut handed = Vec::new();
    for (_, rows, words, wanted) in cases.values() {
        let letters = outcomes.letters_of(&wanted.iter().map(|(who, _)| (*who - first) as u32).collect::<Vec<_>>());
        for who in wanted {
            handed.push((*who, carried(bucket, who.0 - first, rows, words, &outcomes, &letters, sources)));
        }
    }
    setting.exchange.hand_on(bucket, handed)?;
    let mut loaded = Vec::new();
    for (at, (own, rows, words, _)) in cases {
        if own.keys.is_empty() {
            continue;
        }
        if !setting.exchange.wait(bucket) {
            return Err(VerifyError::Internal("another bucket could not be read".to_owned()));
        }
        loaded.push(part(setting, bucket, (first, people), at, (own, rows, words), &outcomes, sources)?);
    }
    Ok(loaded)
}

fn case_rows(
    setting: &Setting<'_>,
    bucket: u32,
    at: usize,
    program: &Program,
    all: &mut Words,
) -> Result<CaseRows, VerifyError> {
    let nothing = CaseRows { keys: Vec::new(), packed: PackedCases::default(), letters: Vec::new() };
    if !setting.snapshot.has_rows(CASES, bucket) {
        return Ok(nothing);
    }
    let mut names = vec!["person", "position", "case", "area", "residence", "letters"];
    let inputs = input_names(setting.snapshot, CASES, program, Entity::Household);
    names.extend(inputs.iter().flatten());
    let Scan { rows, columns, .. } = setting.snapshot.scan(CASES, bucket, &names)?;
    let mut columns = Columns::new(columns);
    let (home, position) = (ints(columns.next())?.0, ints(columns.next())?.0);
    let (case, case_words) = words(columns.next())?;
    let (area, area_words) = words(columns.next())?;
    let (residence, residence_words) = words(columns.next())?;
    let (letters, letter_words) = words(columns.next())?;
    let areas = area_words
        .iter()
        .map(|area| area.parse::<AreaCode>().map_err(|e| VerifyError::Internal(e.to_string())))
        .collect::<Result<Vec<_>, _>>()?;
    let ours: Vec<bool> = areas.iter().map(|area| setting.program_of.get(area) == Some(&at)).collect();
    let mut order: Vec<u32> = (0..rows as u32).filter(|row| ours[area[*row as usize] as usize]).collect();
    order.sort_by_key(|row| (home[*row as usize], position[*row as usize]));
    let each = |row: &u32| *row as usize;
    let residence_of: Vec<u32> = residence_words.iter().map(|word| all.intern(word)).collect();
    let word = |words: &[Box<str>], id: u32| words.get(id as usize).cloned().unwrap_or_default();
    let inputs = inputs.iter().map(|name| {
        let column = name.as_ref().and_then(|_| columns.next())?;
        Some(taken(&packed(column, all), &order))
    });
    let inputs = inputs.collect();
    Ok(CaseRows {
        keys: order.iter().map(each).map(|row| (home[row], position[row])).collect(),
        letters: order.iter().map(each).map(|row| word(&letter_words, letters[row])).collect(),
        packed: PackedCases {
            id: order.iter().map(each).map(|row| CaseId::from(&*word(&case_words, case[row]))).collect(),
            area: order.iter().map(each).map(|row| areas[area[row] as usize]).collect(),
            residence: order
                .iter()
                .map(each)
                .map(|row| residence_of.get(residence[row] as usize).copied().unwrap_or(Words::NULL))
                .collect(),
            inputs,
        },
    })
}

/// Columns of a program's inputs in a table, by input; none for inputs that are no columns of it.
fn input_names<'p>(snapshot: &Snapshot, table: &str, program: &'p Program, entity: Entity) -> Vec<Option<&'p str>> {
    let column = |input: &'p hedui_rules::program::Input| {
        (input.entity == entity && snapshot.has_column(table, &input.name)).then_some(input.name.as_str())
    };
    program.inputs.iter().map(column).collect()
}

fn person_rows(
    setting: &Setting<'_>,
    bucket: u32,
    program: &Program,
    cases: &CaseRows,
    all: &mut Words,
) -> Result<PersonRows, VerifyError> {
    let mut names = vec!["person", "position", "who", "role", "relation"];
    let inputs = input_names(setting.snapshot, PEOPLE, program, Entity::Person);
    // `relation` is read once, and may be an input too.
    let own = |name: &&Option<&str>| name.is_some_and(|name| name != "relation");
    names.extend(inputs.iter().filter(own).flatten());
    let Scan { rows, columns, .. } = setting.snapshot.scan(PEOPLE, bucket, &names)?;
    let mut columns = Columns::new(columns);
    let (home, position) = (ints(columns.next())?.0, ints(columns.next())?.0);
    let who = ints(columns.next())?.0;
    let (role, role_words) = words(columns.next())?;
    let (relation, relation_words) = words(columns.next())?;
    let case_of: FxHashMap<(i64, i64), u32> = (0u32..).zip(&cases.keys).map(|(row, key)| (*key, row)).collect();
    let mut order: Vec<(u32, i64, u32)> =
        (0..rows).filter_map(|row| Some((*case_of.get(&(home[row], position[row]))?, who[row], row as u32))).collect();
    order.sort_unstable();
    let rows: Vec<u32> = order.iter().map(|(.., row)| *row).collect();
    let is_member: Vec<bool> = role_words.iter().map(|word| &**word == "member").collect();
    let is_self: Vec<bool> = relation_words.iter().map(|word| &**word == "self").collect();
    let is = |list: &[bool], id: u32| list.get(id as usize) == Some(&true);
    let standing = |row: &u32| {
        let row = *row as usize;
        match (is(&is_member, role[row]), is(&is_self, relation[row])) {
            (true, false) => 0,
            (true, true) => 1,
            (false, _) => 2,
        }
    };
    let standing: Vec<u8> = rows.iter().map(standing).collect();
    let relation = ScannedColumn::Words { ids: relation, words: relation_words };
    let relation = taken(&packed(relation, all), &rows);
    let inputs = inputs.iter().map(|name| match *name {
        Some("relation") => Some(relation.clone()),
        Some(_) => columns.next().map(|column| taken(&packed(column, all), &rows)),
        None => None,
    });
    let inputs = inputs.collect();
    Ok(PersonRows {
        packed: PackedPersons {
            case: order.iter().map(|(case, ..)| *case).collect(),
            key: order.iter().map(|(_, who, _)| PersonKey(u32::try_from(*who).unwrap_or(u32::MAX))).collect(),
            owner: Vec::new(),
            role: standing.iter().map(|standing| if *standing == 2 { Role::Obligor } else { Role::Member }).collect(),
            inputs,
        },
        standing,
    })
}

/// Everything about somebody that another bucket asks for.
fn carried(
    bucket: u32,
    person: i64,
    rows: &[Rows],
    all: &Words,
    outcomes: &Outcomes,
    letters: &FxHashMap<(u32, u32), u32>,
    sources: &Sources,
) -> Carried {
    let at = person as usize;
    let of = |rows: &Rows| {
        let one = |row: usize| CarriedRow {
            source: sources.ids()[usize::from(rows.source[row])].as_str().into(),
            raw: rows.raw(row),
            values: rows
                .columns
                .iter()
                .map(|column| column.as_ref().map_or(super::table::Value::Null, |column| value(column, row, all)))
                .collect(),
        };
        rows.of(at).map(one).collect()
    };
    let letter = |source: usize| {
        let letter = letters.get(&(at as u32, source as u32)).and_then(|id| outcomes.letters.get(*id as usize));
        letter.cloned().unwrap_or_default()
    };
    let known = (0..sources.len()).map(|source| (source, outcomes.code(source, at)));
    Carried {
        bucket,
        rows: rows.iter().map(of).collect(),
        outcomes: known
            .filter(|(_, code)| *code != UNASKED)
            .map(|(source, code)| (sources.ids()[source].as_str().into(), code, letter(source)))
            .collect(),
    }
}

/// Whether an answer says something that a case may only see under a letter of its own.
fn says_something(code: u8) -> bool {
    matches!(Outcome::from_code(code), Some(Outcome::Found | Outcome::NoRecord | Outcome::Partial))
}

/// Whether a letter is one of a case's own.
fn is_own(letters: &str, letter: &str) -> bool {
    !letter.is_empty() && letters.split(',').any(|own| own == letter)
}

#[allow(clippy::too_many_lines, reason = "one pass over a bucket's people; its parts share all their columns")]
fn part(
    setting: &Setting<'_>,
    bucket: u32,
    (first, people): (i64, usize),
    at: usize,
    (cases, rows, mut all): (CaseRows, Vec<Rows>, Words),
    outcomes: &Outcomes,
    sources: &mut Sources,
) -> Result<Loaded, VerifyError> {
    let program = &setting.programs[at];
    let PersonRows { packed: mut persons, standing } = person_rows(setting, bucket, program, &cases, &mut all)?;
    let count = persons.key.len();
    // Who lies here, and who was handed on by an earlier bucket.
    let local: Vec<Option<u32>> = persons.key.iter().map(|key| u32::try_from(i64::from(key.0) - first).ok()).collect();
    let mut from_elsewhere: BTreeMap<PersonKey, Carried> = BTreeMap::new();
    for (key, local) in persons.key.iter().zip(&local) {
        if local.is_none() && !from_elsewhere.contains_key(key) {
            let taken = setting.exchange.take((i64::from(key.0), at))?;
            let carried = taken.ok_or_else(|| VerifyError::Internal("nobody handed on a person's rows".to_owned()))?;
            for (source, ..) in &carried.outcomes {
                sources.number(source);
            }
            from_elsewhere.insert(*key, carried);
        }
    }
    let known = sources.known().len();
    let applies: Vec<[bool; 3]> = (0..sources.len())
        .map(|source| STANDINGS.each_ref().map(|standing| sources.applies(source, standing)))
        .collect();
    let dataset_of: Vec<Option<usize>> = sources
        .known()
        .iter()
        .map(|source| program.datasets.iter().position(|d| d.name == source.dataset.name))
        .collect();
    let is_asked = |source: usize, row: usize| applies[source][usize::from(standing[row])];
    // How each pair stands: what is unanswered, and what a case may not see of it.
    let mut counts = PairCounts::new();
    let mut unanswered: Vec<Vec<Unanswered>> = vec![Vec::new(); program.datasets.len()];
    let mut hidden: BTreeMap<u32, BTreeSet<u16>> = BTreeMap::new();
    let mut kept: Vec<Vec<u8>> = if setting.keep { vec![vec![UNASKED; count]; known] } else { Vec::new() };
    let mut settle = |row: usize, source: usize, code: u8, denied: bool, counts: &mut [usize; 10]| {
        let seen = match (is_asked(source, row), denied) {
            (false, _) => Outcome::NotApplicable as u8,
            (true, true) => Outcome::NotAuthorised as u8,
            (true, false) => code,
        };
        if let Some(of_source) = kept.get_mut(source) {
            of_source[row] = seen;
        }
        let code = match (is_asked(source, row), denied) {
            (false, _) => Outcome::NotApplicable as u8,
            (true, true) => Outcome::NotAuthorised as u8,
            (true, false) => {
                let outcome = Outcome::from_code(code);
                counts[outcome.map_or(9, |outcome| outcome as usize)] += 1;
                if let (true, Some(Some(dataset))) = (outcome.is_none_or(Outcome::is_unknown), dataset_of.get(source)) {
                    unanswered[*dataset].push(Unanswered { row: row as u32, source: source as u16, outcome });
                }
                return;
            }
        };
        counts[usize::from(code)] += 1;
        if denied && let Some(Some(dataset)) = dataset_of.get(source) {
            let outcome = Some(Outcome::NotAuthorised);
            unanswered[*dataset].push(Unanswered { row: row as u32, source: source as u16, outcome });
        }
    };
    // People with answers that came under a letter which is not their case's: few.
    let foreign = |row: usize, local: u32| match outcomes.letter(local as usize) {
        None => false,
        Some(MIXED) => true,
        Some(letter) => {
            let letter = outcomes.letters.get(letter as usize).map_or("", |letter| letter);
            !is_own(&cases.letters[persons.case[row] as usize], letter)
        }
    };
    let slow: Vec<bool> = (0..count).map(|row| local[row].is_some_and(|local| foreign(row, local))).collect();
    let slow_people: Vec<u32> = (0..count).filter(|row| slow[*row]).filter_map(|row| local[row]).collect();
    let letters = outcomes.letters_of(&slow_people);
    for source in 0..sources.len() {
        let codes = outcomes.of_source(source);
        let counts = counts.entry(source).or_default();
        for row in 0..count {
            let Some(local) = local[row] else { continue };
            let code = codes.get(local as usize).copied().unwrap_or(UNASKED);
            let denied = slow[row] && says_something(code) && {
                let letter = letters.get(&(local, source as u32)).and_then(|id| outcomes.letters.get(*id as usize));
                !is_own(&cases.letters[persons.case[row] as usize], letter.map_or("", |letter| letter))
            };
            if code != UNASKED && (denied || !is_asked(source, row)) {
                hidden.entry(row as u32).or_default().insert(source as u16);
            }
            settle(row, source, code, denied, counts);
        }
    }
    for row in (0..count).filter(|row| local[*row].is_none()) {
        let carried = &from_elsewhere[&persons.key[row]];
        let mut of: FxHashMap<u16, (u8, &str)> = FxHashMap::default();
        for (source, code, letter) in &carried.outcomes {
            of.insert(sources.number(source), (*code, letter));
        }
        for source in 0..sources.len() {
            let (code, letter) = of.get(&(source as u16)).copied().unwrap_or((UNASKED, ""));
            let denied = says_something(code) && !is_own(&cases.letters[persons.case[row] as usize], letter);
            if code != UNASKED && (denied || !is_asked(source, row)) {
                hidden.entry(row as u32).or_default().insert(source as u16);
            }
            settle(row, source, code, denied, counts.entry(source).or_default());
        }
    }
    counts.retain(|source, _| *source < known);
    // Owners: the people of the bucket, those handed on, and those of whom a case sees only a part.
    let mut extra: Vec<(u32, BTreeSet<u16>)> = Vec::new();
    let mut whole: BTreeMap<PersonKey, u32> = BTreeMap::new();
    persons.owner = (0..count)
        .map(|row| match (local[row], hidden.remove(&(row as u32))) {
            (Some(local), None) => local,
            (local, hidden) => {
                let is_whole = hidden.is_none() && local.is_none();
                if let (true, Some(owner)) = (is_whole, whole.get(&persons.key[row])) {
                    return *owner;
                }
                let owner = (people + extra.len()) as u32;
                extra.push((row as u32, hidden.unwrap_or_default()));
                if is_whole {
                    whole.insert(persons.key[row], owner);
                }
                owner
            }
        })
        .collect();
    let mut datasets = Vec::with_capacity(rows.len());
    let mut origins = Vec::with_capacity(rows.len());
    for (nth, mut rows) in rows.into_iter().enumerate() {
        let own = rows.len();
        let mut more = Vec::new();
        if !extra.is_empty() && rows.start.is_empty() {
            rows.start = vec![0; people + 1];
        }
        for (row, hidden) in &extra {
            match local[*row as usize] {
                Some(local) => {
                    for copied in rows.of(local as usize) {
                        let source = rows.source[copied];
                        if hidden.contains(&source) {
                            continue;
                        }
                        more.push((bucket, rows.raw(copied)));
                        rows.source.push(source);
                        for column in rows.columns.iter_mut().flatten() {
                            let copy = value(column, copied, &all);
                            push(column, &copy, &mut all);
                        }
                    }
                }
                None => {
                    let carried = &from_elsewhere[&persons.key[*row as usize]];
                    for copied in carried.rows.get(nth).into_iter().flatten() {
                        let source = sources.number(&copied.source);
                        if hidden.contains(&source) {
                            continue;
                        }
                        more.push((carried.bucket, copied.raw));
                        add(&mut rows, program, nth, source, copied, &mut all);
                    }
                }
            }
            rows.start.push((own + more.len()) as u32);
        }
        let mut unanswered = std::mem::take(&mut unanswered[nth]);
        unanswered.sort_unstable_by_key(|one| (one.row, one.source));
        let served = dataset_of.contains(&Some(nth));
        let Rows { start, columns, source, raw } = rows;
        datasets.push(PackedDataset { start, columns, source, unanswered, served });
        origins.push(Origins { raw, own, more });
    }
    let CaseRows { keys, packed: cases, .. } = cases;
    let packed =
        Packed { cases, persons, datasets, sources: sources.ids().to_vec(), outcomes: kept, words: Arc::new(all) };
    Ok(Loaded { program: at, packed, keys, origins, counts })
}

/// Adds a row that was handed on.
fn add(rows: &mut Rows, program: &Program, nth: usize, source: u16, carried: &CarriedRow, all: &mut Words) {
    let before = rows.source.len();
    rows.source.push(source);
    let columns = rows.columns.iter_mut().zip(&program.datasets[nth].columns).zip(&carried.values);
    for ((column, used), value) in columns {
        let column = column.get_or_insert_with(|| {
            // Nobody here has rows: the column begins with those from elsewhere.
            if used.spec.ty.is_int() {
                PackedColumn::Int { values: vec![0; before], valid: vec![false; before] }
            } else {
                PackedColumn::Word(vec![Words::NULL; before])
            }
        });
        push(column, value, all);
    }
}
