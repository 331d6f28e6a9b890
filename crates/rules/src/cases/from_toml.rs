//! Households, people and records of cases.

use std::collections::{BTreeMap, BTreeSet};

use hedui_base::diagnostic::nearest;
use hedui_base::{ColumnSpec, ColumnType, Dataset, Diagnostic, Month, Outcome};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ast::{Case, CasePerson, CaseRole, Row};
use super::expect;
use crate::folder::PackFolder;
use crate::program::{Entity, ParameterValue};
use crate::resolved::{self, Named};
use crate::spot::{Spot, Spotted};
use crate::surface::{Fields, Reader, parse_document};
use crate::{typed, value};

/// Sources that the catalogue's institutions are known by, and the dataset each serves.
const SOURCES: [(&str, &str); 12] = [
    ("police.", "hukou"),
    ("vehicle.", "vehicle"),
    ("tax.", "employment_income"),
    ("hrss.insurance", "social_insurance"),
    ("hrss.pension", "pension_income"),
    ("housing.", "housing"),
    ("market.", "business"),
    ("bank.", "deposit"),
    ("water.", "utility_use"),
    ("finance.security", "security"),
    ("finance.insurance", "insurance"),
    ("finance.wallet", "wallet"),
];

/// Reads the cases of a pack.
pub(crate) fn from_toml(
    folder: &PackFolder,
    pack: &resolved::Pack,
    types: &typed::Pack,
    mistakes: &mut Vec<Diagnostic>,
) -> Vec<Case> {
    let mut cases = Vec::new();
    for file in &folder.files {
        let name = folder.name_within(file);
        if !name.starts_with("cases/") || !name.ends_with(".toml") {
            continue;
        }
        let reader = Reader::new(file);
        let document = parse_document(&reader, &mut true);
        let fields = Fields::new(&reader, "a case file", reader.spot(0..0), &document);
        if let Some(list) = fields.get("case") {
            for item in list.get_ref().as_array().into_iter().flatten() {
                let before = reader.mistakes.borrow().len();
                let context = Context { reader: &reader, pack, types };
                let case = context.case(item);
                if reader.mistakes.borrow().len() == before {
                    cases.extend(case);
                }
            }
            if !list.get_ref().is_array() {
                reader.wrong_kind(list, "[[case]] in double brackets");
            }
        }
        fields.finish();
        mistakes.extend(reader.mistakes.into_inner());
    }
    cases
}

pub(super) struct Context<'t> {
    pub reader: &'t Reader,
    pub pack: &'t resolved::Pack,
    pub types: &'t typed::Pack,
}

type Value<'t> = Spanned<DeValue<'t>>;

impl<'t> Context<'t> {
    /// A name that nothing has.
    pub(super) fn unknown(&self, what: &str, name: &Spotted<String>, known: &[&str]) {
        if self.pack.lost.has(&name.value) {
            return;
        }
        let help = nearest(&name.value, known.iter().copied()).map_or_else(
            || {
                let some: Vec<&str> = known.iter().copied().take(20).collect();
                if some.is_empty() { "the pack has none".to_owned() } else { format!("known: {}", some.join(", ")) }
            },
            |near| format!("did you mean `{near}`?"),
        );
        self.reader.push(
            name.spot
                .error("rules::case_unknown_name", format!("there is no {what} `{}`", name.value), "unknown")
                .help(help),
        );
    }

    /// A value in the scale of its type.
    pub(super) fn typed(&self, item: &Value<'_>, ty: ColumnType) -> Option<ParameterValue> {
        let literal = self.reader.literal(item)?;
        match value::typed(&literal.value, ty) {
            Ok(typed) => Some(typed),
            Err(why) => {
                self.reader.push(
                    literal
                        .spot
                        .error("rules::case_bad_value", format!("this is no value of type {ty}"), why)
                        .help(value::example(ty)),
                );
                None
            }
        }
    }

    fn spec_value(&self, item: &Value<'_>, spec: &ColumnSpec) -> Option<ParameterValue> {
        let typed = self.typed(item, spec.ty)?;
        if let ParameterValue::Text(code) = &typed
            && !spec.codes.is_empty()
            && !spec.codes.contains_key(&**code)
        {
            self.reader.push(resolved::unknown_code(code, &self.reader.spot(item.span()), &spec.codes));
        }
        if let ParameterValue::Int(n) = typed
            && spec.min.is_some_and(|min| n < min)
        {
            self.reader.push(
                self.reader
                    .spot(item.span())
                    .error("rules::case_bad_value", "this is less than the column allows", "below `min`")
                    .help("see `min` of the column or input"),
            );
        }
        Some(typed)
    }

    fn case(&self, item: &'t Value<'t>) -> Option<Case> {
        let Some(table) = item.get_ref().as_table() else {
            self.reader.wrong_kind(item, "a table of keys");
            return None;
        };
        let head = self.reader.spot(item.span());
        let fields = Fields::new(self.reader, "the case", head.clone(), table);
        let title = fields.need_text("title", "title = \"what it shows\"");
        let as_of = fields.need_date("as_of", "as_of = 2026-06-30");
        let area = fields
            .need_text("area", "area = \"321102\"")
            .and_then(|text| value::area(&text).map_err(|mistake| self.reader.push(mistake)).ok());
        let residence = fields.word("residence", &[("urban", "urban"), ("rural", "rural")]).map(str::to_owned);
        let inputs = self.household_inputs(&fields);
        let mut named = BTreeMap::new();
        for (source, dataset) in fields.get("sources").map(|v| self.texts_by_name(v)).unwrap_or_default() {
            if self.pack.catalogue.get(&dataset.value).is_some() {
                named.insert(source.value, dataset.value);
            } else {
                let known: Vec<&str> = self.pack.catalogue.datasets.keys().map(String::as_str).collect();
                self.unknown("dataset", &dataset, &known);
            }
        }
        let mut seen = Sources { named, rows: BTreeMap::new(), asked: Vec::new() };
        let mut persons = Vec::new();
        for (key, role) in [("member", CaseRole::Member), ("obligor", CaseRole::Obligor)] {
            let Some(list) = fields.get(key) else { continue };
            let Some(items) = list.get_ref().as_array() else {
                self.reader.wrong_kind(list, "a list of people, such as [{ relation = \"self\" }]");
                continue;
            };
            persons.extend(items.iter().filter_map(|person| self.person(person, role, &mut seen)));
        }
        let records = self.household_records(&fields, table, &mut seen);
        let outcomes = self.outcomes(fields.get("outcome"), &mut seen);
        let expect = fields.get("expect").map(|v| expect::household(self, v)).unwrap_or_default();
        if fields.get("expect").is_none() {
            fields.missing("expect", "expect = { dibao = \"met\" }");
        }
        let sources = self.sources(seen);
        fields.finish();
        let title = title?;
        Some(Case {
            line: title.spot.line(),
            title: title.value,
            as_of: as_of?,
            area: area?,
            residence,
            inputs,
            records,
            persons,
            sources,
            outcomes,
            expect,
            file: self.reader.file.name.clone(),
        })
    }

    fn texts_by_name(&self, value: &Value<'_>) -> Vec<(Spotted<String>, Spotted<String>)> {
        let Some(table) = value.get_ref().as_table() else {
            self.reader.wrong_kind(value, "names and texts, such as { \"bank.x\" = \"deposit\" }");
            return Vec::new();
        };
        table
            .iter()
            .filter_map(|(key, text)| {
                let name = Spotted { value: key.get_ref().to_string(), spot: self.reader.spot(key.span()) };
                Some((name, self.reader.text(text)?))
            })
            .collect()
    }

    fn household_inputs(&self, fields: &Fields<'t>) -> BTreeMap<String, ParameterValue> {
        let mut inputs = BTreeMap::new();
        let Some(value) = fields.get("input") else { return inputs };
        let Some(table) = value.get_ref().as_table() else {
            self.reader.wrong_kind(value, "inputs and values, such as { declared_vehicle_count = 0 }");
            return inputs;
        };
        for (key, item) in table.iter() {
            let name = Spotted { value: key.get_ref().to_string(), spot: self.reader.spot(key.span()) };
            self.input(&name, item, Entity::Household, &mut inputs);
        }
        inputs
    }

    fn input(
        &self,
        name: &Spotted<String>,
        item: &Value<'_>,
        entity: Entity,
        into: &mut BTreeMap<String, ParameterValue>,
    ) {
        let found = match self.pack.names.get(&name.value) {
            Some(Named::Input(id)) => Some(&self.pack.inputs[id.index()]),
            _ => None,
        };
        match found {
            Some(input) if input.entity.is_none_or(|e| e == entity) => {
                if let Some(spec) = &input.spec
                    && let Some(typed) = self.spec_value(item, spec)
                {
                    into.insert(name.value.clone(), typed);
                }
            }
            Some(_) => {
                let (whose, help) = match entity {
                    Entity::Household => ("a person", "write it inside `member` or `obligor`"),
                    Entity::Person => ("the household", "write it inside `input = { .. }`"),
                };
                self.reader.push(
                    name.spot
                        .error(
                            "rules::case_wrong_place",
                            format!("the input `{}` belongs to {whose}", name.value),
                            "not here",
                        )
                        .help(help),
                );
            }
            None => {
                let of = |i: &&resolved::Input| i.entity == Some(entity);
                let mut known: Vec<&str> = self.pack.inputs.iter().filter(of).map(|i| i.name.value.as_str()).collect();
                let what = if entity == Entity::Person {
                    known.extend(self.pack.catalogue.datasets.keys().map(String::as_str));
                    "input or dataset"
                } else {
                    "household input"
                };
                self.unknown(what, name, &known);
            }
        }
    }

    fn is_input(&self, name: &str) -> bool {
        matches!(self.pack.names.get(name), Some(Named::Input(_)))
    }

    fn person(&self, item: &'t Value<'t>, role: CaseRole, seen: &mut Sources) -> Option<CasePerson> {
        let Some(table) = item.get_ref().as_table() else {
            self.reader.wrong_kind(item, "a person, such as { relation = \"self\" }");
            return None;
        };
        let mut person = CasePerson {
            role,
            inputs: BTreeMap::new(),
            records: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            expect: Vec::new(),
            margins: Vec::new(),
            flags: Vec::new(),
            no_flags: Vec::new(),
        };
        for (key, value) in table.iter() {
            let name = Spotted { value: key.get_ref().to_string(), spot: self.reader.spot(key.span()) };
            match name.value.as_str() {
                "outcome" => person.outcomes = self.outcomes(Some(value), seen),
                "expect" => expect::person(self, value, &mut person),
                // An input may share the name of a dataset: records are a list, a value is none.
                _ => match self.pack.catalogue.get(&name.value) {
                    Some(dataset) if value.get_ref().is_array() || !self.is_input(&name.value) => {
                        let rows = self.rows(dataset, value, seen);
                        person.records.insert(name.value, rows);
                    }
                    _ => self.input(&name, value, Entity::Person, &mut person.inputs),
                },
            }
        }
        Some(person)
    }

    fn household_records(
        &self,
        fields: &Fields<'t>,
        table: &'t DeTable<'t>,
        seen: &mut Sources,
    ) -> BTreeMap<String, Vec<Row>> {
        let mut records = BTreeMap::new();
        for (key, value) in table.iter() {
            let Some(dataset) = self.pack.catalogue.get(key.get_ref()) else { continue };
            fields.know(key.get_ref());
            if dataset.per == hedui_base::catalogue::Per::Household {
                records.insert(dataset.name.clone(), self.rows(dataset, value, seen));
            } else {
                self.reader.push(
                    self.reader
                        .spot(key.span())
                        .error(
                            "rules::case_wrong_place",
                            format!("records of `{}` belong to a person", dataset.name),
                            "not here",
                        )
                        .help("write them inside `member` or `obligor`"),
                );
            }
        }
        records
    }

    fn rows(&self, dataset: &Dataset, value: &'t Value<'t>, seen: &mut Sources) -> Vec<Row> {
        let Some(items) = value.get_ref().as_array() else {
            self.reader.wrong_kind(value, "a list of records, such as [{ .. }, { .. }]");
            return Vec::new();
        };
        items.iter().flat_map(|item| self.row(dataset, item, seen)).collect()
    }

    fn row(&self, dataset: &Dataset, item: &'t Value<'t>, seen: &mut Sources) -> Vec<Row> {
        let Some(table) = item.get_ref().as_table() else {
            self.reader.wrong_kind(item, "a record, such as { balance = 100.00 }");
            return Vec::new();
        };
        let mut values = BTreeMap::new();
        let mut source = dataset.name.clone();
        let mut months = Vec::new();
        for (key, value) in table.iter() {
            let name = Spotted { value: key.get_ref().to_string(), spot: self.reader.spot(key.span()) };
            if name.value == "source" {
                if let Some(text) = self.reader.text(value) {
                    seen.rows.insert(text.value.clone(), dataset.name.clone());
                    source = text.value;
                }
            } else if name.value == "months" && dataset.columns.contains_key("month") {
                months = self.months(value);
            } else if let Some(spec) = dataset.columns.get(&name.value) {
                if let Some(typed) = self.spec_value(value, spec) {
                    values.insert(name.value, typed);
                }
            } else {
                let known: Vec<&str> = dataset.columns.keys().map(String::as_str).chain(["source"]).collect();
                self.unknown(&format!("column of `{}` named", dataset.name), &name, &known);
            }
        }
        let line = self.reader.spot(item.span()).line();
        if months.is_empty() {
            return vec![Row { source, values, line }];
        }
        let one = |month: Month| {
            let mut values = values.clone();
            values.insert("month".to_owned(), ParameterValue::Int(month.index()));
            Row { source: source.clone(), values, line }
        };
        months.into_iter().map(one).collect()
    }

    /// `"2025-06..2026-05"`: every month from the first to the last.
    fn months(&self, value: &Value<'_>) -> Vec<Month> {
        let Some(text) = self.reader.text(value) else { return Vec::new() };
        let ends =
            text.value.split_once("..").and_then(|(a, b)| Some((a.parse::<Month>().ok()?, b.parse::<Month>().ok()?)));
        match ends {
            Some((first, last)) if first <= last && last.index() - first.index() < 120 => {
                (first.index()..=last.index()).filter_map(Month::from_index).collect()
            }
            _ => {
                self.reader.push(
                    text.spot
                        .error("rules::case_bad_value", "this is no span of months", "not a span")
                        .help("write months = \"2025-06..2026-05\": one record for each month, both ends included"),
                );
                Vec::new()
            }
        }
    }

    fn outcomes(&self, value: Option<&'t Value<'t>>, seen: &mut Sources) -> BTreeMap<String, Outcome> {
        let mut outcomes = BTreeMap::new();
        for (source, word) in value.map(|v| self.texts_by_name(v)).unwrap_or_default() {
            match word.value.parse::<Outcome>() {
                Ok(outcome) => {
                    outcomes.insert(source.value.clone(), outcome);
                    seen.asked.push(source);
                }
                Err(error) => {
                    let near = nearest(&word.value, Outcome::ALL.map(Outcome::as_str));
                    let help = near.map_or_else(|| error.to_string(), |n| format!("did you mean `{n}`?"));
                    self.reader.push(
                        word.spot
                            .error("rules::case_bad_value", format!("`{}` is no outcome", word.value), "not an outcome")
                            .help(help),
                    );
                }
            }
        }
        outcomes
    }

    /// The dataset that each named source serves.
    fn sources(&self, seen: Sources) -> BTreeMap<String, String> {
        let mut sources = seen.rows;
        sources.extend(seen.named);
        let mut told = BTreeSet::new();
        for source in seen.asked {
            if sources.contains_key(&source.value) || !told.insert(source.value.clone()) {
                continue;
            }
            let known = SOURCES.iter().find(|(prefix, _)| source.value.starts_with(prefix)).map(|(_, d)| *d);
            let own = self.pack.catalogue.get(&source.value).map(|d| d.name.as_str());
            match own.or(known.filter(|d| self.pack.catalogue.get(d).is_some())) {
                Some(dataset) => {
                    sources.insert(source.value, dataset.to_owned());
                }
                None => self.reader.push(
                    source
                        .spot
                        .error(
                            "rules::case_unknown_name",
                            format!("no dataset is known for the source `{}`", source.value),
                            "unknown source",
                        )
                        .help(format!("say what it serves: sources = {{ \"{}\" = \"deposit\" }}", source.value)),
                ),
            }
        }
        sources
    }
}

/// Sources met while reading a case.
struct Sources {
    /// By `sources = {..}`.
    named: BTreeMap<String, String>,
    /// By `source` of a record.
    rows: BTreeMap<String, String>,
    /// By `outcome`.
    asked: Vec<Spotted<String>>,
}

/// A place, for messages about a name inside `expect`.
pub(super) fn key_spot(context: &Context<'_>, key: &Spanned<std::borrow::Cow<'_, str>>) -> Spot {
    context.reader.spot(key.span())
}
