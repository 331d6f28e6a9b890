//! The grammar as a JSON Schema (draft 2020-12), as editors for TOML read it.

use hedui_base::Catalogue;
use serde_json::{Map, Value, json};

use super::{Grammar, Key};

/// Tables whose keys are data: header names, code tables, months.
const OPEN: [&str; 4] = ["headers", "table", "sheets", "alias"];

pub(super) fn schema(grammar: &Grammar, catalogue: &Catalogue) -> Value {
    let mut root = table(grammar, "", catalogue);
    let mut field = table(grammar, "field", catalogue);
    field["required"] = json!(["to"]);
    if let Value::Object(root) = &mut root {
        root.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
        root.insert("title".into(), json!("hedui connector manifest"));
        root.insert("$defs".into(), json!({ "field": field }));
    }
    // What a transport does not use is an error: known only where the kind stands in the same file.
    let kinds = grammar.get("transport").and_then(|t| t.get("kind")).map(|k| k.words.clone()).unwrap_or_default();
    let only: Vec<Value> = kinds
        .iter()
        .map(|kind| {
            let keys: Vec<&String> =
                grammar["transport"].iter().filter(|(_, key)| key.kinds.contains(kind)).map(|(name, _)| name).collect();
            json!({
                "if": { "required": ["transport"], "properties": { "transport": { "required": ["kind"], "properties": { "kind": { "const": kind } } } } },
                "then": { "properties": { "transport": { "propertyNames": { "enum": keys } } } },
            })
        })
        .collect();
    root["allOf"] = Value::Array(only);
    root
}

fn table(grammar: &Grammar, name: &str, catalogue: &Catalogue) -> Value {
    if name == "map" {
        return map(catalogue);
    }
    let Some(keys) = grammar.get(name) else { return json!({ "type": "object" }) };
    let properties: Map<String, Value> =
        keys.iter().map(|(key, known)| (key.clone(), value(grammar, name, key, known, catalogue))).collect();
    json!({ "type": "object", "additionalProperties": false, "properties": properties })
}

fn value(grammar: &Grammar, table_name: &str, key: &str, known: &Key, catalogue: &Catalogue) -> Value {
    let inner = if table_name.is_empty() { key.to_owned() } else { format!("{table_name}.{key}") };
    if inner == "outcome.as_of" {
        return json!({ "$ref": "#/$defs/field", "description": known.text });
    }
    let word = |described: bool| {
        let mut text = json!({ "type": "string" });
        if described && known.closed() {
            text["enum"] = json!(known.words);
        }
        text
    };
    let mut forms: Vec<Value> = Vec::new();
    for form in &known.forms {
        forms.push(match *form {
            "text" => word(!known.forms.contains(&"texts")),
            "texts" => json!({ "type": "array", "items": word(true) }),
            "number" => json!({ "type": "number" }),
            "flag" => json!({ "type": "boolean" }),
            "table" => table(grammar, &inner, catalogue),
            "tables" => json!({ "type": "array", "items": table(grammar, &inner, catalogue) }),
            _ => continue,
        });
    }
    if inner == "map" {
        forms = vec![map(catalogue)];
    } else if forms.is_empty() && OPEN.contains(&key) {
        forms.push(json!({ "type": "object" }));
    }
    if inner == "transport.signer.parts" {
        // Besides its words, a fixed text.
        let part = json!({ "anyOf": [word(true), { "type": "string", "pattern": "^literal:" }] });
        forms = vec![json!({ "type": "array", "items": part })];
    }
    if inner == "transport.put.columns.value" {
        forms = vec![json!({ "anyOf": [word(true), { "type": "string", "pattern": "^const:" }] })];
    }
    if inner == "sample.reply" {
        forms.push(json!({ "type": "string" }));
    }
    let mut value = match forms.len() {
        0 => json!({}),
        1 => forms.remove(0),
        _ => json!({ "anyOf": forms }),
    };
    value["description"] = json!(known.text);
    value
}

/// Datasets and their columns, from the catalogue.
fn map(catalogue: &Catalogue) -> Value {
    let datasets: Map<String, Value> = catalogue
        .datasets
        .iter()
        .map(|(name, dataset)| {
            let mut columns: Map<String, Value> = dataset
                .columns
                .iter()
                .map(|(column, spec)| {
                    let text = format!("{} · {} ({})", spec.title.zh, spec.title.en, spec.ty);
                    (column.clone(), json!({ "$ref": "#/$defs/field", "description": text }))
                })
                .collect();
            columns.insert(
                "as_of".into(),
                json!({ "$ref": "#/$defs/field", "description": "The day a row is true for." }),
            );
            let text = format!("{} · {}", dataset.title.zh, dataset.title.en);
            let table =
                json!({ "type": "object", "additionalProperties": false, "properties": columns, "description": text });
            (name.clone(), table)
        })
        .collect();
    json!({ "type": "object", "additionalProperties": false, "properties": datasets })
}
