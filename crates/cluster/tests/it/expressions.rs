//! Random expressions of every kind, typed as the checker would type them.

use hedui_base::ColumnType;
use hedui_rules::Program;
use hedui_rules::program::*;
use jiff::civil::date;

use crate::build::*;
use crate::rng::Rng;

/// Where an expression stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Household,
    Person,
    /// Records of a dataset, in a fact of its owner.
    Record(u32),
    /// A fact's value: aggregates over the records of a dataset.
    Fact(u32),
}

const CODES: [&str; 4] = ["current", "term", "wealth", "it's"];

pub(crate) struct Gen<'a> {
    pub(crate) rng: &'a mut Rng,
    pub(crate) program: &'a Program,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Want {
    Number,
    Truth,
    Text,
    Day,
    Month,
}

const fn want(ty: ColumnType) -> Want {
    match ty {
        ColumnType::Bool => Want::Truth,
        ColumnType::Text | ColumnType::Code => Want::Text,
        ColumnType::Date => Want::Day,
        ColumnType::Month => Want::Month,
        _ => Want::Number,
    }
}

impl Gen<'_> {
    fn owner(&self, place: Place) -> Entity {
        match place {
            Place::Household => Entity::Household,
            Place::Person => Entity::Person,
            Place::Record(dataset) | Place::Fact(dataset) => self.program.datasets[dataset as usize].entity,
        }
    }

    /// Columns, inputs and steps that can be read here.
    fn leaves(&self, place: Place, wanted: Want) -> Vec<Expr> {
        let mut found = Vec::new();
        if let Place::Record(dataset) = place {
            for (i, column) in (0..).zip(&self.program.datasets[dataset as usize].columns) {
                if want(column.spec.ty) == wanted {
                    // Twice: what records say matters most.
                    found.push(e(ExprKind::Column(ColumnId(i)), column.spec.ty));
                    found.push(e(ExprKind::Column(ColumnId(i)), column.spec.ty));
                }
            }
        }
        let owner = self.owner(place);
        for (i, input) in (0..).zip(&self.program.inputs) {
            let leaf = e(ExprKind::Input(InputId(i)), input.spec.ty);
            self.leaf(&mut found, (input.entity, owner), wanted, leaf);
        }
        for (i, step) in (0..).zip(&self.program.steps) {
            let leaf = e(ExprKind::Step(StepId(i)), step.ty);
            self.leaf(&mut found, (step.entity, owner), wanted, leaf);
        }
        found
    }

    fn leaf(&self, found: &mut Vec<Expr>, (of, owner): (Entity, Entity), wanted: Want, leaf: Expr) {
        if want(leaf.ty) != wanted {
            return;
        }
        if of == owner {
            found.push(leaf);
        } else if owner == Entity::Person {
            let ty = leaf.ty;
            found.push(e(ExprKind::Household(leaf.into()), ty));
        }
    }

    fn read(&mut self, place: Place, wanted: Want) -> Option<Expr> {
        let leaves = self.leaves(place, wanted);
        (!leaves.is_empty()).then(|| self.rng.pick(&leaves))
    }

    fn constant(&mut self) -> Expr {
        match self.rng.below(40) {
            0 => int(i64::MAX / 3),
            1 => int(-4_000_000_000_000_000_000),
            _ => int(self.rng.between(-9, 40)),
        }
    }

    fn boxed(&mut self, place: Place, depth: u32) -> Box<Expr> {
        Box::new(self.number(place, depth))
    }

    /// A number.
    pub(crate) fn number(&mut self, place: Place, depth: u32) -> Expr {
        if let Place::Fact(dataset) = place
            && (depth == 0 || self.rng.chance(40))
        {
            return self.record_aggregate(dataset);
        }
        if place == Place::Household && self.rng.chance(25) {
            return self.people_aggregate(depth.min(2));
        }
        if depth == 0 {
            return match self.rng.below(6) {
                0 => self.constant(),
                _ => self.read(place, Want::Number).unwrap_or_else(|| int(3)),
            };
        }
        let d = depth - 1;
        let kind = match self.rng.below(26) {
            0 | 1 => ExprKind::Add(self.boxed(place, d), self.boxed(place, d)),
            2 | 3 => ExprKind::Sub(self.boxed(place, d), self.boxed(place, d)),
            4 => ExprKind::Mul(self.boxed(place, d), self.boxed(place, d), self.rng.below(3) as u8),
            5 => ExprKind::Div(self.boxed(place, d), self.boxed(place, d), self.rng.between(-2, 3) as i8),
            6 => ExprKind::Div(self.boxed(place, d), Box::new(int(self.rng.between(1, 13))), 1),
            7 => ExprKind::Neg(self.boxed(place, d)),
            8 => ExprKind::Abs(self.boxed(place, d)),
            9 => ExprKind::Rescale(self.boxed(place, d), self.rng.between(-2, 3) as i8),
            10 => ExprKind::Least(self.numbers(place, d)),
            11 => ExprKind::Greatest(self.numbers(place, d)),
            12 => ExprKind::Round(self.mode(), self.boxed(place, d), Box::new(int(self.rng.between(1, 40)))),
            13 => {
                let mut to = self.number(place, d);
                if self.rng.chance(80) {
                    to = e(ExprKind::Greatest(vec![to, int(1)]), INT);
                }
                ExprKind::Round(self.mode(), self.boxed(place, d), to.into())
            }
            14 => {
                let branches = (0..1 + self.rng.below(2)).map(|_| (self.truth(place, d), self.number(place, d)));
                let branches = branches.collect();
                ExprKind::Case(branches, self.boxed(place, d))
            }
            15 => {
                let day = self.rng.pick(&[AS_OF, date(2026, 7, 1), date(2026, 1, 1)]);
                ExprKind::Dated(self.boxed(place, d), vec![(day, self.number(place, d))])
            }
            16 | 17 => return self.parameter(place, d, Want::Number),
            18 => ExprKind::Age(Box::new(self.day(place, d))),
            19 => ExprKind::MonthsBetween(Box::new(self.month_or_day(place, d)), Box::new(self.month_or_day(place, d))),
            20 => ExprKind::DaysBetween(Box::new(self.day(place, d)), Box::new(self.day(place, d))),
            21 => ExprKind::PerMonth(self.boxed(place, d)),
            22 => ExprKind::Spread(self.boxed(place, d), "[test]".into()),
            23 => {
                ExprKind::Assume { value: self.boxed(place, d), instead: self.boxed(place, d), reason: "[test]".into() }
            }
            _ => return self.number(place, 0),
        };
        e(kind, INT)
    }

    fn numbers(&mut self, place: Place, depth: u32) -> Vec<Expr> {
        (0..2 + self.rng.below(2)).map(|_| self.number(place, depth)).collect()
    }

    fn mode(&mut self) -> RoundMode {
        use RoundMode::{Ceil, Down, Floor, HalfDown, HalfEven, Nearest, Up};
        self.rng.pick(&[Nearest, HalfEven, HalfDown, Up, Down, Floor, Ceil])
    }

    fn op(&mut self) -> CompareOp {
        use CompareOp::{Eq, Ge, Gt, Le, Lt, Ne};
        self.rng.pick(&[Eq, Ne, Lt, Le, Gt, Ge])
    }

    /// A condition.
    pub(crate) fn truth(&mut self, place: Place, depth: u32) -> Expr {
        if let Place::Fact(dataset) = place
            && self.rng.chance(40)
        {
            let function = self.rng.pick(&[AggregateFn::BoolOr, AggregateFn::BoolAnd]);
            let argument = self.truth(Place::Record(dataset), 1);
            return self.over(Over::Records, function, Some(argument), Place::Record(dataset), BOOL);
        }
        if place == Place::Household && self.rng.chance(15) {
            let function = self.rng.pick(&[AggregateFn::BoolOr, AggregateFn::BoolAnd]);
            let argument = self.truth(Place::Person, 1);
            let over = self.people();
            return self.over(over, function, Some(argument), Place::Person, BOOL);
        }
        let d = depth.saturating_sub(1);
        let list = |g: &mut Self| (0..2 + g.rng.below(2)).map(|_| g.truth(place, d)).collect::<Vec<_>>();
        let kind = match self.rng.below(if depth == 0 { 7 } else { 16 }) {
            0 | 1 => return self.read(place, Want::Truth).unwrap_or_else(|| e(ExprKind::Int(1), BOOL)),
            2 if place == Place::Person => ExprKind::IsMember,
            2..=4 => ExprKind::Compare(self.op(), self.boxed(place, d), self.boxed(place, d)),
            5 => ExprKind::Compare(self.op(), Box::new(self.text(place, d)), Box::new(self.text(place, d))),
            6 => {
                let texts = (0..1 + self.rng.below(3)).map(|_| self.some_text()).collect();
                ExprKind::In(Box::new(self.text(place, d)), texts)
            }
            7 | 8 => ExprKind::And(list(self)),
            9 | 10 => ExprKind::Or(list(self)),
            11 => ExprKind::Not(Box::new(self.truth(place, d))),
            12 => ExprKind::In(self.boxed(place, d), self.numbers(place, d)),
            13 => {
                let of = match self.rng.below(4) {
                    0 => self.text(place, d),
                    1 => self.day(place, d),
                    2 => self.truth(place, d),
                    _ => self.number(place, d),
                };
                ExprKind::IsNone(of.into())
            }
            14 => ExprKind::Compare(self.op(), Box::new(self.day(place, d)), Box::new(self.day(place, d))),
            _ => match self.rng.below(4) {
                0 => ExprKind::Case(vec![(self.truth(place, d), self.truth(place, d))], Box::new(self.truth(place, d))),
                1 => ExprKind::Assume {
                    value: Box::new(self.truth(place, d)),
                    instead: Box::new(self.truth(place, d)),
                    reason: "[test]".into(),
                },
                2 => return self.parameter(place, d, Want::Truth),
                _ => {
                    let both = (Box::new(self.truth(place, d)), Box::new(self.truth(place, d)));
                    let op = self.rng.pick(&[CompareOp::Eq, CompareOp::Ne]);
                    ExprKind::Compare(op, both.0, both.1)
                }
            },
        };
        e(kind, BOOL)
    }

    fn some_text(&mut self) -> Expr {
        text(self.rng.pick(&CODES))
    }

    /// A text or code.
    pub(crate) fn text(&mut self, place: Place, depth: u32) -> Expr {
        if let Place::Fact(dataset) = place
            && self.rng.chance(60)
        {
            let function = self.rng.pick(&[AggregateFn::Min, AggregateFn::Max]);
            let argument = self.text(Place::Record(dataset), 0);
            return self.over(Over::Records, function, Some(argument), Place::Record(dataset), CODE);
        }
        if depth > 0 && self.rng.chance(40) {
            let d = depth - 1;
            let kind = match self.rng.below(3) {
                0 => return self.parameter(place, d, Want::Text),
                1 => ExprKind::Case(vec![(self.truth(place, d), self.text(place, d))], Box::new(self.text(place, d))),
                _ => ExprKind::Assume {
                    value: Box::new(self.text(place, d)),
                    instead: Box::new(self.text(place, d)),
                    reason: "[test]".into(),
                },
            };
            return e(kind, CODE);
        }
        match self.rng.below(5) {
            0 => self.some_text(),
            1 => e(ExprKind::Residence, ColumnType::Text),
            _ => self.read(place, Want::Text).unwrap_or_else(|| text("term")),
        }
    }

    /// A date.
    pub(crate) fn day(&mut self, place: Place, depth: u32) -> Expr {
        if let Place::Fact(dataset) = place
            && self.rng.chance(60)
        {
            let function = self.rng.pick(&[AggregateFn::Min, AggregateFn::Max]);
            let argument = self.day(Place::Record(dataset), 0);
            return self.over(Over::Records, function, Some(argument), Place::Record(dataset), DAY);
        }
        if depth > 0 && self.rng.chance(50) {
            let d = depth - 1;
            let kind = match self.rng.below(4) {
                0 => ExprKind::AddMonths(Box::new(self.day(place, d)), self.rng.between(-20, 20) as i32),
                1 => ExprKind::AddDays(Box::new(self.day(place, d)), self.rng.between(-400, 400) as i32),
                2 => ExprKind::ShiftMonths(Box::new(self.day(place, d)), self.boxed(place, 0)),
                _ => ExprKind::Case(vec![(self.truth(place, d), self.day(place, d))], Box::new(self.day(place, d))),
            };
            return e(kind, DAY);
        }
        if self.rng.chance(30) {
            return e(ExprKind::AsOf, DAY);
        }
        self.read(place, Want::Day).unwrap_or_else(|| e(ExprKind::AsOf, DAY))
    }

    fn month_or_day(&mut self, place: Place, depth: u32) -> Expr {
        if self.rng.chance(50) {
            return self.day(place, depth);
        }
        match self.read(place, Want::Month) {
            Some(month) if self.rng.chance(50) => {
                e(ExprKind::AddMonths(month.into(), self.rng.between(-3, 3) as i32), MONTH)
            }
            Some(month) => month,
            None => e(ExprKind::MonthOf(Box::new(self.day(place, depth))), MONTH),
        }
    }

    fn parameter(&mut self, place: Place, depth: u32, wanted: Want) -> Expr {
        let fits: Vec<usize> = (0..self.program.parameters.len())
            .filter(|i| {
                let parameter = &self.program.parameters[*i];
                want(parameter.scale.map_or(parameter.ty, |scale| scale.result)) == wanted
            })
            .collect();
        let Some(id) = (!fits.is_empty()).then(|| self.rng.pick(&fits)) else { return int(1) };
        let parameter = &self.program.parameters[id];
        let keys = parameter.keys.iter().map(|key| match key.as_str() {
            "kind" => self.text(place, 0),
            _ => self.number(place, depth.min(1)),
        });
        let kind = ExprKind::Parameter { id: ParameterId(id as u32), keys: keys.collect() };
        e(kind, parameter.scale.map_or(parameter.ty, |scale| scale.result))
    }

    fn people(&mut self) -> Over {
        self.rng.pick(&[Over::Members, Over::Members, Over::Obligors])
    }

    fn record_aggregate(&mut self, dataset: u32) -> Expr {
        use AggregateFn::{Avg, Count, CountDistinct, Max, Min, MonthFirst, MonthLast, MonthMax, MonthMin, Sum};
        let inside = Place::Record(dataset);
        let functions = [Sum, Sum, Sum, Count, Min, Max, Avg, CountDistinct, MonthFirst, MonthLast, MonthMax, MonthMin];
        let function = self.rng.pick(&functions);
        if function.is_by_month() {
            let by = self.month_or_day(inside, 1);
            let argument = self.number(inside, 1);
            let mut made = self.over(Over::Records, function, Some(argument), inside, INT);
            if let ExprKind::Aggregate(of) = &mut made.kind {
                of.by = Some(by.into());
            }
            return made;
        }
        self.aggregate(Over::Records, function, inside, 1)
    }

    fn people_aggregate(&mut self, depth: u32) -> Expr {
        use AggregateFn::{Avg, Count, CountDistinct, Max, Min, Sum};
        let function = self.rng.pick(&[Sum, Sum, Count, Min, Max, Avg, CountDistinct]);
        let over = self.people();
        self.aggregate(over, function, Place::Person, depth)
    }

    fn aggregate(&mut self, over: Over, function: AggregateFn, inside: Place, depth: u32) -> Expr {
        let argument = match function {
            AggregateFn::Count if self.rng.chance(50) => None,
            AggregateFn::Count | AggregateFn::CountDistinct => Some(match self.rng.below(4) {
                0 => self.text(inside, 0),
                1 => self.truth(inside, 0),
                2 => self.day(inside, 0),
                _ => self.number(inside, depth),
            }),
            _ => Some(self.number(inside, depth)),
        };
        self.over(over, function, argument, inside, INT)
    }

    fn over(
        &mut self,
        over: Over,
        function: AggregateFn,
        argument: Option<Expr>,
        inside: Place,
        ty: ColumnType,
    ) -> Expr {
        let filter = self.rng.chance(40).then(|| self.truth(inside, 1).into());
        let argument = argument.map(Box::new);
        e(ExprKind::Aggregate(Aggregate { over, function, argument, by: None, filter }), ty)
    }
}
