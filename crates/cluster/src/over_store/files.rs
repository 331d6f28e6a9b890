//! Relations over a store's files, and how each engine is told of them.

use hedui_base::ColumnType;

use crate::Dialect;
use crate::expressions::quoted;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 64 bits: numbers, amounts, months.
    Int,
    /// Text.
    Text,
    /// True or false.
    Bool,
    /// A day.
    Date,
}

impl Kind {
    /// How values of a type are stored.
    #[must_use]
    pub const fn of(ty: ColumnType) -> Self {
        match ty {
            ColumnType::Text | ColumnType::Code => Self::Text,
            ColumnType::Bool => Self::Bool,
            ColumnType::Date => Self::Date,
            _ => Self::Int,
        }
    }

    pub(super) const fn sql(self) -> &'static str {
        match self {
            Self::Int => "BIGINT",
            Self::Text => "STRING",
            Self::Bool => "BOOLEAN",
            Self::Date => "DATE",
        }
    }
}

/// Where a relation's rows come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Some columns of Parquet files.
    Files {
        /// Names and kinds.
        columns: Vec<(String, Kind)>,
        /// Paths; none means no rows.
        paths: Vec<String>,
    },
    /// A query.
    Query {
        /// Its text.
        text: String,
        /// Whether it is read more than once, so that its rows should be kept.
        kept: bool,
    },
}

/// A relation over a store's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// Its name.
    pub name: String,
    /// What it is, for the comment above it.
    pub note: String,
    /// Where its rows come from.
    pub body: Body,
}

impl Relation {
    /// What defines it, with the comment above: statements as a script has them.
    #[must_use]
    pub fn statements(&self, dialect: Dialect) -> String {
        let drop = match (&self.body, dialect) {
            (Body::Query { kept: true, .. }, Dialect::Spark) => format!("DROP TABLE IF EXISTS {};\n", self.name),
            _ => String::new(),
        };
        format!("-- {}\n{drop}{};\n", self.note.replace('\n', " "), self.create(dialect))
    }

    /// The statement that defines it.
    #[must_use]
    pub fn create(&self, dialect: Dialect) -> String {
        let name = &self.name;
        match &self.body {
            Body::Query { text, kept } => {
                let kind = match (kept, dialect) {
                    (true, Dialect::DuckDb) => format!("OR REPLACE TEMP TABLE {name}"),
                    (true, Dialect::Spark) => format!("TABLE {name} USING parquet"),
                    (false, _) => format!("OR REPLACE TEMP VIEW {name}"),
                };
                format!("CREATE {kind} AS\n{text}")
            }
            Body::Files { columns, paths } if paths.is_empty() => {
                let columns: Vec<String> = columns
                    .iter()
                    .map(|(column, kind)| format!("CAST(NULL AS {}) AS {}", kind.sql(), quoted(column, dialect)))
                    .collect();
                format!("CREATE OR REPLACE TEMP VIEW {name} AS\nSELECT {} WHERE FALSE", columns.join(", "))
            }
            Body::Files { columns, paths } => match dialect {
                Dialect::DuckDb => {
                    let columns: Vec<String> = columns.iter().map(|(column, _)| quoted(column, dialect)).collect();
                    let paths: Vec<String> = paths.iter().map(|path| dialect.text(path)).collect();
                    format!(
                        "CREATE OR REPLACE TEMP VIEW {name} AS\nSELECT {}\nFROM read_parquet([\n  {}\n], union_by_name = true)",
                        columns.join(", "),
                        paths.join(",\n  ")
                    )
                }
                Dialect::Spark => {
                    let columns: Vec<String> = columns
                        .iter()
                        .map(|(column, kind)| format!("{} {}", quoted(column, dialect), kind.sql()))
                        .collect();
                    format!(
                        "CREATE OR REPLACE TEMPORARY VIEW {name} ({})\nUSING parquet OPTIONS (path {})",
                        columns.join(", "),
                        dialect.text(&pattern(paths))
                    )
                }
            },
        }
    }
}

/// One path that Hadoop expands to all of some: Spark's option takes no list. The folder they share stands before the braces, or
/// the whole would be taken for the name of a file where Spark runs.
fn pattern(paths: &[String]) -> String {
    let Some(first) = paths.first() else { return String::new() };
    let shared = paths.iter().fold(first.len(), |shared, path| {
        let same = first.bytes().zip(path.bytes()).take_while(|(a, b)| a == b).count();
        shared.min(same)
    });
    let folder = first[..first.floor_char_boundary(shared)].rfind('/').map_or(0, |slash| slash + 1);
    let names: Vec<String> = paths.iter().map(|path| literal(&path[folder..])).collect();
    match &names[..] {
        [only] => format!("{}{only}", literal(&first[..folder])),
        _ => format!("{}{{{}}}", literal(&first[..folder]), names.join(",")),
    }
}

/// A part of a path in which nothing stands for anything else.
fn literal(path: &str) -> String {
    let mut literal = String::with_capacity(path.len());
    for character in path.chars() {
        if matches!(character, '\\' | '*' | '?' | '[' | ']' | '{' | '}' | ',' | '^') {
            literal.push('\\');
        }
        literal.push(character);
    }
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_files_are_one_pattern_below_the_folder_they_share() {
        let pattern = |paths: &[&str]| pattern(&paths.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(pattern(&["/city/store/wage/b0.parquet"]), "/city/store/wage/b0.parquet");
        assert_eq!(
            pattern(&["/city/store/wage/b0.parquet", "/city/store/wage/b1.parquet"]),
            "/city/store/wage/{b0.parquet,b1.parquet}"
        );
        assert_eq!(pattern(&["/city/wage/b0", "/city/wages/b0"]), "/city/{wage/b0,wages/b0}");
        assert_eq!(pattern(&["/县/甲/a", "/县/乙/a"]), "/县/{甲/a,乙/a}");
        assert_eq!(pattern(&["/a,b{1}/x*", "/a,b{1}/y"]), "/a\\,b\\{1\\}/{x\\*,y}");
    }
}
