//! The whole as statements that an engine runs one after the other.

use std::fmt;

use hedui_rules::Program;

use crate::expressions::quoted;
use crate::plan::Scope;
use crate::printer::Printer;
use crate::setting::{Options, Setting};
use crate::stages::Stages;
use crate::{ClusterError, Dialect};

/// One relation of the script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The relation it defines.
    pub name: String,
    /// The query.
    pub query: String,
    /// Whether later statements read it: it is computed once and kept as a table.
    pub kept: bool,
}

/// A program as SQL: after its statements the relations `findings` and `flags` hold the results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// For which engine.
    pub dialect: Dialect,
    /// What is said about it at the top.
    pub head: String,
    /// In the order to run them.
    pub statements: Vec<Statement>,
    /// Columns of `findings` in the order of `findings.parquet`, after `case_row`.
    pub findings: Vec<String>,
}

/// What Spark must be told, each as `--conf`, so that the SQL means what it says: errors instead of silent wraps, one
/// time zone, no metastore. A stage is a query of many levels, of which the analyser resolves one a turn and the planner
/// descends into all: hence the turns and the stack.
///
/// One more is the runner's: `spark.sql.warehouse.dir`, an empty folder that the driver and all workers see under the same
/// path. The kept statements become Parquet tables there, so that an executor that dies takes no finished stage with it;
/// nobody needs the folder once the results are written.
pub const SPARK_SETTINGS: [&str; 6] = [
    "spark.sql.ansi.enabled=true",
    "spark.sql.session.timeZone=UTC",
    "spark.sql.catalogImplementation=in-memory",
    "spark.sql.analyzer.maxIterations=10000",
    "spark.driver.extraJavaOptions=-Xss16m",
    "spark.executor.extraJavaOptions=-Xss16m",
];

/// Columns of `flags` in the order of `flags.parquet`, after `case_row`.
pub const FLAG_COLUMNS: [&str; 9] =
    ["case", "person", "flag", "severity", "follow_up", "declared", "found", "difference", "evidence"];

/// Prints a program.
///
/// # Errors
/// [`ClusterError::Unsupported`] for what SQL has no words for.
pub fn script(program: &Program, setting: &Setting, options: Options) -> Result<Script, ClusterError> {
    let dialect = options.dialect;
    let mut printer = Printer::new(program, setting, options);
    printer.run()?;
    let (columns, broken) = printer.findings();
    let flags: Vec<_> = program.flags.iter().map(|flag| printer.flag_columns(flag)).collect();
    let evidence = printer.evidence();
    let names = printer.evidence_names(&evidence);
    let plan = std::mem::replace(&mut printer.plan, crate::plan::Plan::new(Vec::new()));
    let datasets = program.datasets.iter().map(|dataset| dataset.name.clone()).collect();
    let mut stages = Stages::new(&plan, dialect, datasets);
    stages.run();
    let mut statements: Vec<Statement> = stages
        .stages
        .iter()
        .map(|stage| Statement { name: stage.name.clone(), query: stage.query.clone(), kept: true })
        .collect();
    let households = stages.last(Scope::Household);
    let names_of: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
    let lines: Vec<String> = columns
        .iter()
        .map(|column| {
            let note =
                column.note.as_ref().map_or_else(String::new, |note| format!("  -- {}\n", note.replace('\n', " ")));
            format!("{note}  {} AS {}", column.sql.text, quoted(&column.name, dialect))
        })
        .collect();
    let ok = if broken.is("0") { String::new() } else { format!("\nWHERE {} = 0", broken.text) };
    let findings = format!("SELECT case_row,\n{}\nFROM {households}{ok}", lines.join(",\n"));
    statements.push(Statement { name: "findings".to_owned(), query: findings, kept: false });
    let raised = printer.raised_query(&stages, &flags, &broken);
    statements.push(Statement { name: "raised".to_owned(), query: raised, kept: true });
    let evidence_query = printer.evidence_query(&stages, &evidence, &names);
    if evidence_query.is_some() {
        let people = "SELECT DISTINCT f.case_row, b.person, f.flag\nFROM raised f JOIN persons b ON b.case_row = f.case_row \
                      AND (f.person IS NULL OR f.person = b.person)";
        statements.push(Statement { name: "raised_people".to_owned(), query: people.to_owned(), kept: true });
    }
    let case = |of: &dyn Fn(&hedui_rules::program::Flag) -> &str| {
        let lines: Vec<String> = program
            .flags
            .iter()
            .enumerate()
            .map(|(i, flag)| format!("WHEN {i} THEN {}", dialect.text(of(flag))))
            .collect();
        if lines.is_empty() {
            "CAST(NULL AS STRING)".to_owned()
        } else {
            format!("CASE f.flag {} END", lines.join(" "))
        }
    };
    let (evidence_column, evidence_join) = match &evidence_query {
        None => ("CAST(NULL AS STRING)", String::new()),
        Some(query) => (
            "e.evidence",
            format!(
                "\nLEFT JOIN (\n{query}\n) e ON e.case_row = f.case_row AND e.flag = f.flag AND e.person IS NOT DISTINCT FROM f.person"
            )
            .replace("e.person IS NOT DISTINCT FROM f.person", if dialect == Dialect::Spark { "e.person <=> f.person" } else { "e.person IS NOT DISTINCT FROM f.person" }),
        ),
    };
    let flags = format!(
        "SELECT f.case_row, f.flag AS flag_order, c.case_id AS {}, f.person,\n  {} AS flag,\n  {} AS severity,\n  {} AS follow_up,\n  \
         f.declared, f.found, f.found - f.declared AS difference, {evidence_column} AS evidence\n\
         FROM raised f JOIN cases c ON c.case_row = f.case_row{evidence_join}",
        quoted("case", dialect),
        case(&|flag| &flag.id),
        case(&|flag| flag.severity.as_str()),
        case(&|flag| flag.follow_up.as_str()),
    );
    statements.push(Statement { name: "flags".to_owned(), query: flags, kept: false });
    let pack = &program.pack;
    let head = format!(
        "pack {} {} {}, as of {}, {} mode, for {}",
        pack.id,
        pack.version,
        pack.title,
        setting.as_of,
        options.mode.as_str(),
        dialect.as_str(),
    );
    Ok(Script { dialect, head, statements, findings: names_of })
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "-- {}", self.head.replace('\n', " "))?;
        for statement in &self.statements {
            writeln!(f)?;
            if self.dialect == Dialect::Spark && statement.kept {
                // As `OR REPLACE` does for the others: the script can be run again in the same session.
                writeln!(f, "DROP TABLE IF EXISTS {};", statement.name)?;
            }
            writeln!(f, "{};", statement.create(self.dialect))?;
        }
        Ok(())
    }
}

impl Statement {
    /// The statement that defines the relation.
    #[must_use]
    pub fn create(&self, dialect: Dialect) -> String {
        let name = &self.name;
        let head = match dialect {
            Dialect::DuckDb if self.kept => format!("CREATE OR REPLACE TEMP TABLE {name}"),
            // A view would be analysed again by all who read it, and they by all who read them.
            Dialect::Spark if self.kept => format!("CREATE TABLE {name} USING parquet"),
            Dialect::DuckDb | Dialect::Spark => format!("CREATE OR REPLACE TEMP VIEW {name}"),
        };
        format!("{head} AS\n{}", self.query)
    }
}
