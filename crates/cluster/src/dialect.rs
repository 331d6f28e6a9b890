//! Where the two engines' SQL differs. Everything else is written once.

/// Which engine the SQL is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `DuckDB` 1.5: tests and benches on one machine.
    DuckDb,
    /// Apache Spark 4 with `spark.sql.ansi.enabled=true`.
    Spark,
}

/// Stands for an unbounded end in wide arithmetic: 2^100, beyond every 64-bit number and far from the ends of 38 digits.
pub(crate) const INFINITE: &str = "1267650600228229401496703205376";

impl Dialect {
    /// The word on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DuckDb => "duckdb",
            Self::Spark => "spark",
        }
    }

    /// The type of whole numbers wider than 64 bits: a product of two amounts fits.
    pub(crate) const fn wide_type(self) -> &'static str {
        match self {
            Self::DuckDb => "HUGEINT",
            Self::Spark => "DECIMAL(38,0)",
        }
    }

    /// A wide number written out.
    pub(crate) fn wide_literal(self, digits: &str) -> String {
        match self {
            Self::DuckDb => format!("CAST({digits} AS HUGEINT)"),
            Self::Spark => format!("CAST('{digits}' AS DECIMAL(38,0))"),
        }
    }

    /// Division of two non-negative numbers of 64 bits, cut to a whole number.
    pub(crate) fn quotient(self, a: &str, b: &str) -> String {
        match self {
            Self::DuckDb => format!("({a}) // ({b})"),
            Self::Spark => format!("({a}) div ({b})"),
        }
    }

    /// Division of two wide numbers, cut towards zero.
    ///
    /// Spark's `div` gives 64 bits only, and its `/` rounds: so what is left over is taken away before dividing. A
    /// quotient of more than 32 digits, which no amount has, counts as endless.
    pub(crate) fn wide_quotient(self, a: &str, b: &str) -> String {
        match self {
            Self::DuckDb => format!("({a}) // ({b})"),
            Self::Spark => format!(
                "COALESCE(CAST(TRY_DIVIDE(({a}) - ({a}) % ({b}), ({b})) AS DECIMAL(38,0)), \
                 CASE WHEN ({a}) IS NULL OR ({b}) IS NULL THEN NULL WHEN ({a}) < 0 THEN -{endless} ELSE {endless} END)",
                endless = self.wide_literal(INFINITE)
            ),
        }
    }

    /// Days since 1970-01-01 of a date.
    pub(crate) fn days(self, date: &str) -> String {
        match self {
            Self::DuckDb => format!("({date} - DATE '1970-01-01')"),
            Self::Spark => format!("CAST(UNIX_DATE({date}) AS BIGINT)"),
        }
    }

    /// The date of a day number.
    pub(crate) fn date(self, days: &str) -> String {
        match self {
            Self::DuckDb => format!("(DATE '1970-01-01' + CAST({days} AS INTEGER))"),
            Self::Spark => format!("DATE_ADD(DATE '1970-01-01', CAST({days} AS INT))"),
        }
    }

    /// A text literal.
    pub(crate) fn text(self, value: &str) -> String {
        let quoted = value.replace('\'', "''");
        match self {
            Self::DuckDb => format!("'{quoted}'"),
            // Spark reads backslashes and doubled quotes in its own way; a raw literal has neither.
            Self::Spark => format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'")),
        }
    }

    /// Texts of a group joined with `;` in an order.
    pub(crate) fn ordered_join(self, order: &[&str], text: &str, filter: &str) -> String {
        match self {
            Self::DuckDb => format!("STRING_AGG({text}, ';' ORDER BY {}){filter}", order.join(", ")),
            Self::Spark => format!(
                "ARRAY_JOIN(TRANSFORM(ARRAY_SORT(COLLECT_LIST(STRUCT({}, {text} AS joined)){filter}), x -> x.joined), ';')",
                order.join(", ")
            ),
        }
    }

    /// One row for each element of a list that is not null, as `name`: to be selected from.
    pub(crate) fn each(self, list: &[String], name: &str) -> String {
        match self {
            Self::DuckDb => format!("UNNEST([{}]) AS {name}", list.join(", ")),
            Self::Spark => format!("EXPLODE(ARRAY({})) AS {name}", list.join(", ")),
        }
    }

    /// A join that only asks whether there is a partner.
    pub(crate) const fn semi_join(self) -> &'static str {
        match self {
            Self::DuckDb => "SEMI JOIN",
            Self::Spark => "LEFT SEMI JOIN",
        }
    }

    /// A join that asks for there being none.
    pub(crate) const fn anti_join(self) -> &'static str {
        match self {
            Self::DuckDb => "ANTI JOIN",
            Self::Spark => "LEFT ANTI JOIN",
        }
    }
}
