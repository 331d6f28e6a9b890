//! The grammar as a page: every table, every key.

use std::fmt::Write as _;

use super::Grammar;

pub(super) fn page(grammar: &Grammar) -> String {
    let mut text = String::from(
        "# The grammar of a manifest\n\n\
         Generated from what the reader asks for; do not edit. `docs/connectors.md` explains how to use it, `connectors/schema.json`\n\
         tells editors the same. A key that is not here is an error, and so is one that the transport in use does nothing with.\n\n\
         Lengths of time are texts such as `500ms`, `20s`, `1m`, `2h`, `30d`; a place in a reply is a JSON path, an XML path without\n\
         namespaces or the name of a column, as the transport has it.\n",
    );
    for (table, keys) in grammar.iter().filter(|(table, _)| *table != "map") {
        let heading = match table.as_str() {
            "" => "(top)".to_owned(),
            "field" => "a field of `[map.DATASET]`, and `outcome.as_of`".to_owned(),
            "sample" => "`[[sample]]`".to_owned(),
            table => format!("`[{table}]`"),
        };
        let _ = write!(text, "\n## {heading}\n\n| key | form | says |\n| --- | --- | --- |\n");
        for (key, known) in keys {
            let words = known.words.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", ");
            let form = match (known.words.is_empty(), known.closed()) {
                (true, _) => known.forms.join(" or "),
                (false, true) => words,
                (false, false) => format!("{} or {words}", known.forms.join(" or ")),
            };
            let _ = writeln!(text, "| `{key}` | {} | {} |", form.replace('|', "\\|"), known.text.replace('|', "\\|"));
        }
    }
    text
}
