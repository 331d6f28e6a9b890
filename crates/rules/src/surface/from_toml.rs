//! Files and tables: from the text of one pack to [`Pack`].

use hedui_base::Diagnostic;
use hedui_base::catalogue::Title;
use hedui_base::diagnostic::nearest;
use jiff::civil::Date;
use toml::de::{DeTable, DeValue};

use super::ast::{Head, Lost, Pack};
use super::deduction::deduction;
use super::document::{parse_document, without_echoes};
use super::fields::{Fields, Reader};
use super::tables::{dataset, rule};
use super::versions::within_pack;
use crate::folder::PackFolder;
use crate::spot::{Spot, Spotted};
use crate::value;

const TABLES: [&str; 11] =
    ["parameter", "scale", "deduction", "input", "dataset", "fact", "variable", "test", "flag", "scheme", "score"];

/// Reads the rules of a pack. Mistakes are pushed; what is wrong is left out or stands as an error in the tree.
pub fn from_toml(folder: &PackFolder, mistakes: &mut Vec<Diagnostic>) -> Pack {
    let mut pack = Pack { head: empty_head(folder), rules: Vec::new(), datasets: Vec::new(), lost: Lost::default() };
    let (mut has_head, mut unreadable_head) = (false, false);
    for file in &folder.files {
        let name = folder.name_within(file);
        if name.starts_with("cases/") || !name.ends_with(".toml") {
            continue;
        }
        let reader = Reader::new(file);
        let mut readable = true;
        let document = parse_document(&reader, &mut readable);
        if !readable {
            pack.lost.note(&file.text);
            unreadable_head |= name == "pack.toml";
        }
        for (key, value) in document.iter() {
            let spot = reader.spot(key.span());
            let word = key.get_ref().as_ref();
            match (word, value.get_ref()) {
                ("pack", DeValue::Table(table)) if name == "pack.toml" => {
                    has_head = true;
                    pack.head = head(&reader, folder, spot, table);
                }
                ("score", DeValue::Table(table)) => {
                    pack.rules.push(rule(&reader, "score", Spotted { value: "score".to_owned(), spot }, table));
                }
                (word, DeValue::Table(tables)) if TABLES.contains(&word) => {
                    named_tables(&reader, word, spot, tables, &mut pack);
                }
                (word, _) if word == "pack" || TABLES.contains(&word) => {
                    reader.push(
                        spot.error("rules::wrong_value", format!("`{word}` has to be a table here"), "not a table")
                            .help(format!("write [{word}.NAME] above its keys; [pack] belongs into pack.toml")),
                    );
                }
                // A key that lost its table is no mistake of its own.
                (_, value) if !readable && value.as_table().is_none_or(|t| t.is_empty()) => {}
                (word, _) => {
                    let help = nearest(word, TABLES).map_or_else(
                        || format!("a pack has tables [X.NAME] where X is one of {}", TABLES.join(", ")),
                        |near| format!("did you mean `{near}`?"),
                    );
                    reader.push(
                        spot.error("rules::unknown_key", format!("a pack has no table `{word}`"), "unknown table")
                            .help(help),
                    );
                }
            }
        }
        reader.stray.into_inner().iter().for_each(|text| pack.lost.note_words(text));
        mistakes.extend(without_echoes(reader.mistakes.into_inner()));
    }
    if has_head {
        pack.rules.iter().for_each(|rule| within_pack(&pack.head, rule, mistakes));
    }
    if !has_head && !unreadable_head {
        mistakes.push(
            Diagnostic::error("rules::missing_key", format!("pack `{}` has no [pack] in a pack.toml", folder.id))
                .help("add pack.toml with [pack] id, title, version, from (and area, extends for a local pack)"),
        );
    }
    pack
}

/// Reads `[pack]` alone, without telling mistakes: enough to choose a pack by area and day.
pub(crate) fn read_head(folder: &PackFolder) -> Option<Head> {
    let reader = Reader::new(folder.file("pack.toml")?);
    let document = parse_document(&reader, &mut true);
    let table = document.get("pack")?.get_ref().as_table()?;
    let head = head(&reader, folder, reader.spot(0..0), table);
    reader.mistakes.into_inner().iter().all(|m| !m.is_error()).then_some(head)
}

fn empty_head(folder: &PackFolder) -> Head {
    Head {
        id: folder.id.clone(),
        title: Title::default(),
        area: None,
        extends: None,
        version: String::new(),
        from: Date::MIN,
        until: None,
    }
}

fn head(reader: &Reader, folder: &PackFolder, spot: Spot, table: &DeTable<'_>) -> Head {
    let fields = Fields::new(reader, "[pack]", spot, table);
    if let Some(id) = fields.need_text("id", &format!("id = \"{}\"", folder.id))
        && id.value != folder.id
    {
        reader.push(
            id.spot
                .error(
                    "rules::pack_id",
                    format!("pack `{}` lies in the folder `{}`", id.value, folder.id),
                    "another name",
                )
                .help("a pack is named as its folder"),
        );
    }
    let title = fields.title().unwrap_or_else(|| {
        if fields.get("title").is_none() {
            fields.missing("title", "title = { zh = \"..\" }");
        }
        Title::default()
    });
    let area = fields.text("area").and_then(|text| value::area(&text).map_err(|mistake| reader.push(mistake)).ok());
    let from = fields.need_date("from", "from = 2026-01-01");
    let until = fields.date("until");
    if let (Some(from), Some(until)) = (from, until)
        && until < from
    {
        reader.push(
            fields
                .key_spot("until")
                .unwrap_or_else(|| fields.spot.clone())
                .error(
                    "rules::until_before_from",
                    format!("the pack ends on {until}, before it begins on {from}"),
                    "ends too early",
                )
                .help("`until` is the last day in force; leave it out while there is none"),
        );
    }
    let head = Head {
        id: folder.id.clone(),
        title,
        area,
        extends: fields.text("extends"),
        version: fields.need_text("version", "version = \"2026.1\"").map(|v| v.value).unwrap_or_default(),
        from: from.unwrap_or(Date::MIN),
        until,
    };
    let _ = fields.cite();
    fields.finish();
    head
}

fn named_tables(reader: &Reader, word: &str, spot: Spot, tables: &DeTable<'_>, pack: &mut Pack) {
    for (key, value) in tables.iter() {
        let name = Spotted { value: key.get_ref().to_string(), spot: reader.spot(key.span()) };
        let DeValue::Table(table) = value.get_ref() else {
            reader.push(
                spot.clone()
                    .error("rules::wrong_value", format!("[{word}] needs a name"), "no name")
                    .help(format!("write [{word}.NAME] and its keys below")),
            );
            return;
        };
        check_name(reader, word, &name);
        if word == "dataset" {
            if let Some(dataset) = dataset(reader, &name, table) {
                pack.datasets.push((name, dataset));
            }
        } else if word == "deduction" {
            pack.rules.extend(deduction(reader, name, table));
        } else {
            pack.rules.push(rule(reader, word, name, table));
        }
    }
}

fn check_name(reader: &Reader, word: &str, name: &Spotted<String>) {
    const TAKEN: [&str; 9] =
        ["as_of", "residence", "is_member", "member", "obligor", "household", "score", "true", "false"];
    let plain = name.value.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !plain {
        reader.push(
            name.spot
                .error("rules::bad_name", format!("`{}` cannot be a name", name.value), "not a name")
                .help("names are ASCII letters, digits and _, and begin with a letter; Chinese belongs into `title`"),
        );
    } else if TAKEN.contains(&name.value.as_str()) {
        reader.push(
            name.spot
                .error("rules::bad_name", format!("`{}` is a word of the rule language", name.value), "taken")
                .help(format!("choose another name for this {word}")),
        );
    }
}
