//! A program as text: what snapshots show and `rules show` prints.

mod parameters;

use std::fmt::{self, Write as _};

use hedui_base::columns::days_to_date;
use hedui_base::{ColumnType, Month};

use super::{
    AggregateFn, DatasetUse, Entity, Expr, ExprKind, KeyMatch, Over, ParameterValue, Program, RuleVersion, Step,
    StepKind,
};

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pack = &self.pack;
        write!(f, "pack {} {} {}", pack.id, pack.version, pack.title)?;
        if let Some(area) = pack.area {
            write!(f, ", area {area}")?;
        }
        write!(f, ", from {}", pack.from)?;
        if let Some(until) = pack.until {
            write!(f, " until {until}")?;
        }
        for base in &pack.extends {
            write!(f, ", extends {base}")?;
        }
        for dataset in &self.datasets {
            write!(f, "\ndataset {} of a {}:", dataset.name, entity(dataset.entity))?;
            for column in &dataset.columns {
                write!(f, " {} {}", column.name, column.spec.ty)?;
            }
        }
        for input in &self.inputs {
            write!(f, "\ninput {} of a {}: {}", input.name, entity(input.entity), input.spec.ty)?;
            if let Some(default) = &input.default {
                write!(f, " = {}", value(default, input.spec.ty))?;
            }
        }
        for parameter in &self.parameters {
            write!(f, "\nparameter {}({}): {}", parameter.name, parameter.keys.join(", "), parameter.ty)?;
            parameters::head(f, parameter)?;
            for row in &parameter.rows {
                f.write_str("\n  ")?;
                f.write_str(&row.area.map_or_else(|| "everywhere".to_owned(), |a| a.to_string()))?;
                if let Some(residence) = &row.residence {
                    write!(f, " {residence}")?;
                }
                for key in &row.keys {
                    match key {
                        KeyMatch::Any => f.write_str(" any")?,
                        KeyMatch::Range(low, i64::MAX) => write!(f, " {low}+")?,
                        KeyMatch::Range(low, high) => write!(f, " {low}-{high}")?,
                        KeyMatch::Text(text) => write!(f, " {text}")?,
                    }
                }
                parameters::row(f, parameter, row)?;
            }
        }
        for (index, step) in self.steps.iter().enumerate() {
            write!(f, "\nstep {index} {} of a {}: {} = ", step.name, entity(step.entity), step.ty)?;
            self.print_step(f, step)?;
            write!(
                f,
                "   -- {}:{} {}",
                step.rule.file,
                step.rule.line,
                step.rule.text.split_whitespace().collect::<Vec<_>>().join(" ")
            )?;
            for version in &step.rule.versions {
                let text = version.text.split_whitespace().collect::<Vec<_>>().join(" ");
                let RuleVersion { from, cite, file, line, .. } = version;
                write!(f, "\n  -- from {from}: {file}:{line} {text} ({cite})")?;
            }
        }
        for test in &self.tests {
            write!(
                f,
                "\ntest {} of a {}: step {} -> step {}",
                test.name,
                entity(test.entity),
                test.value.0,
                test.result.0
            )?;
            if let (Some(relation), Some(limit)) = (test.relation, test.limit) {
                write!(f, " ({} step {})", relation.sign(), limit.0)?;
            }
        }
        for flag in &self.flags {
            write!(
                f,
                "\nflag {} {} of a {}: {} {}",
                flag.id,
                flag.title,
                entity(flag.entity),
                flag.severity.as_str(),
                flag.follow_up.as_str()
            )?;
            write!(f, " when step {}", flag.when.0)?;
            for (word, step) in [("declared", flag.declared), ("found", flag.found)] {
                if let Some(step) = step {
                    write!(f, ", {word} step {}", step.0)?;
                }
            }
            for dataset in &flag.evidence {
                write!(f, ", evidence {}", self.datasets[dataset.index()].name)?;
            }
        }
        for scheme in &self.schemes {
            write!(f, "\nscheme {} {} {}: when step {}", scheme.order, scheme.id, scheme.title, scheme.when.0)?;
            let persons = scheme.persons.as_ref();
            for (word, step) in [
                ("amount", scheme.amount),
                ("recheck_months", scheme.recheck_months),
                ("until", scheme.until),
                ("each person", persons.map(|p| p.when)),
                ("amount of each", persons.and_then(|p| p.amount)),
                ("until of each", persons.and_then(|p| p.until)),
            ] {
                if let Some(step) = step {
                    write!(f, ", {word} step {}", step.0)?;
                }
            }
        }
        if let Some(score) = self.score {
            write!(f, "\nscore: step {}", score.0)?;
        }
        f.write_char('\n')
    }
}

const fn entity(entity: Entity) -> &'static str {
    match entity {
        Entity::Person => "person",
        Entity::Household => "household",
    }
}

fn value(value: &ParameterValue, ty: ColumnType) -> String {
    match value {
        ParameterValue::Int(n) => number(*n, ty),
        ParameterValue::Text(text) => format!("'{text}'"),
    }
}

fn number(n: i64, ty: ColumnType) -> String {
    match ty {
        ColumnType::Bool => if n == 0 { "FALSE" } else { "TRUE" }.to_owned(),
        ColumnType::Date => days_to_date(n).map_or_else(|| n.to_string(), |d| d.to_string()),
        ColumnType::Month => Month::from_index(n).map_or_else(|| n.to_string(), |m| m.to_string()),
        _ => rust_decimal::Decimal::try_from_i128_with_scale(n.into(), ty.scale().into())
            .map_or_else(|_| n.to_string(), |d| d.to_string()),
    }
}

impl Program {
    fn print_step(&self, f: &mut fmt::Formatter<'_>, step: &Step) -> fmt::Result {
        match &step.kind {
            StepKind::Fact { dataset, filter, value } => {
                let dataset = &self.datasets[dataset.index()];
                write!(f, "{} from {}", self.shown(value, Some(dataset)), dataset.name)?;
                filter.as_ref().map_or(Ok(()), |filter| write!(f, " where {}", self.shown(filter, Some(dataset))))
            }
            StepKind::Formula(expr) => f.write_str(&self.shown(expr, None)),
            StepKind::FlagCount(severity) => write!(f, "flags {}", severity.as_str()),
        }
    }

    /// An expression with names put back and every change of scale shown.
    fn shown(&self, expr: &Expr, records: Option<&DatasetUse>) -> String {
        let show = |e: &Expr| self.shown(e, records);
        let list = |list: &[Expr]| list.iter().map(show).collect::<Vec<_>>().join(", ");
        let joined = |list: &[Expr], word: &str| format!("({})", list.iter().map(show).collect::<Vec<_>>().join(word));
        match &expr.kind {
            ExprKind::Int(n) => number(*n, expr.ty),
            ExprKind::Text(text) => format!("'{text}'"),
            ExprKind::AsOf => "as_of".to_owned(),
            ExprKind::Residence => "residence".to_owned(),
            ExprKind::IsMember => "is_member".to_owned(),
            ExprKind::Column(id) => records
                .map_or_else(|| format!("column {}", id.0), |d| format!("{}.{}", d.name, d.columns[id.index()].name)),
            ExprKind::Input(id) => self.inputs[id.index()].name.clone(),
            ExprKind::Step(id) => self.steps[id.index()].name.clone(),
            ExprKind::Household(inner) => format!("household.{}", show(inner)),
            ExprKind::Parameter { id, keys } if self.parameters[id.index()].scale.is_some() => {
                let (of, keys) = keys.split_last().map_or((String::new(), keys.as_slice()), |(of, k)| (show(of), k));
                let keys: String = keys.iter().map(|key| format!(", {}", show(key))).collect();
                format!("SCALE({of}, {}{keys})", self.parameters[id.index()].name)
            }
            ExprKind::Parameter { id, keys } => format!("{}({})", self.parameters[id.index()].name, list(keys)),
            ExprKind::Not(x) => format!("(NOT {})", show(x)),
            ExprKind::And(all) => joined(all, " AND "),
            ExprKind::Or(all) => joined(all, " OR "),
            ExprKind::Compare(op, a, b) => format!("({} {} {})", show(a), op.as_str(), show(b)),
            ExprKind::In(x, all) => format!("({} IN ({}))", show(x), list(all)),
            ExprKind::IsNone(x) => format!("({} IS NULL)", show(x)),
            ExprKind::Case(branches, otherwise) => {
                let branches: String =
                    branches.iter().map(|(c, v)| format!(" WHEN {} THEN {}", show(c), show(v))).collect();
                format!("CASE{branches} ELSE {} END", show(otherwise))
            }
            ExprKind::Neg(x) => format!("(- {})", show(x)),
            ExprKind::Add(a, b) => format!("({} + {})", show(a), show(b)),
            ExprKind::Sub(a, b) => format!("({} - {})", show(a), show(b)),
            ExprKind::Mul(a, b, drop) => format!("({} *[{drop}] {})", show(a), show(b)),
            ExprKind::Div(a, b, raise) => format!("({} /[{raise}] {})", show(a), show(b)),
            ExprKind::Rescale(x, power) => format!("RESCALE[{power}]({})", show(x)),
            ExprKind::Round(mode, x, multiple) => {
                format!("{}({}, {}{})", mode.function(), show(x), show(multiple), mode.argument())
            }
            ExprKind::Least(all) => format!("LEAST({})", list(all)),
            ExprKind::Greatest(all) => format!("GREATEST({})", list(all)),
            ExprKind::Abs(x) => format!("ABS({})", show(x)),
            ExprKind::AddMonths(x, n) => format!("({} + {n} months)", show(x)),
            ExprKind::ShiftMonths(x, n) => format!("ADD_MONTHS({}, {})", show(x), show(n)),
            ExprKind::PerMonth(x) => format!("PER_MONTH({})", show(x)),
            ExprKind::Spread(x, cite) => format!("SPREAD({}, '{cite}')", show(x)),
            ExprKind::AddDays(x, n) => format!("({} + {n} days)", show(x)),
            ExprKind::MonthOf(x) => format!("MONTH({})", show(x)),
            ExprKind::Age(x) => format!("AGE({})", show(x)),
            ExprKind::MonthsBetween(a, b) => format!("MONTHS_BETWEEN({}, {})", show(a), show(b)),
            ExprKind::DaysBetween(a, b) => format!("DAYS_BETWEEN({}, {})", show(a), show(b)),
            ExprKind::Dated(first, versions) => {
                let later: String = versions.iter().map(|(from, e)| format!(" | from {from}: {}", show(e))).collect();
                format!("{{{}{later}}}", show(first))
            }
            ExprKind::Aggregate(aggregate) => {
                let distinct = if aggregate.function == AggregateFn::CountDistinct { "_DISTINCT" } else { "" };
                let word = format!("{}{distinct}", aggregate.function.as_str());
                let by = aggregate.by.as_ref().map(|e| format!(", {}", show(e))).unwrap_or_default();
                let over = match aggregate.over {
                    Over::Records => "",
                    Over::Members => "member: ",
                    Over::Obligors => "obligor: ",
                };
                let argument = aggregate.argument.as_ref().map_or_else(|| "*".to_owned(), |e| show(e));
                let filter = aggregate.filter.as_ref().map(|e| format!(" FILTER {}", show(e))).unwrap_or_default();
                format!("{word}({over}{argument}{by}{filter})")
            }
            ExprKind::Assume { value, instead, reason } => {
                format!("ASSUME({}, {}, '{reason}')", show(value), show(instead))
            }
        }
    }
}
