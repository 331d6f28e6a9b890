//! The manifests that ship.

use hedui_base::SourceText;
use hedui_connect::{Class, Format, Inventory, Mode, Registry, Site, catalogue, dataset_files};

#[test]
fn every_dataset_file_is_good() {
    let files = dataset_files();
    assert!(!files.is_empty());
    hedui_base::Catalogue::parse(&files).unwrap();
}

/// `connectors/FIELDS.csv`: where each field of the domain notes' field lists went.
#[test]
fn every_field_of_the_domain_has_a_column_or_a_reason() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../connectors/FIELDS.csv");
    let text = std::fs::read_to_string(path).unwrap();
    let catalogue = catalogue();
    let (mut fields, mut schemas) = (std::collections::BTreeSet::new(), std::collections::BTreeSet::new());
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("schema,field,dataset,column,note"));
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let [schema, field, dataset, column, note] = cells[..] else { panic!("{line}") };
        assert!(fields.insert((schema, field)), "{line} stands twice");
        schemas.insert(schema);
        if dataset.is_empty() && column.is_empty() {
            assert!(note.len() > 10, "{line}: why is it dropped?");
            continue;
        }
        let known = catalogue.get(dataset).unwrap_or_else(|| panic!("{line}: no such dataset"));
        assert!(column == "as_of" || known.columns.contains_key(column), "{line}: no such column");
    }
    assert_eq!((schemas.len(), fields.len()), (21, 251));
}

#[test]
fn every_manifest_is_good_shows_so_and_can_clear() {
    let loaded = Registry::embedded(&catalogue(), None);
    let shown: Vec<String> = loaded.diagnostics.iter().map(ToString::to_string).collect();
    assert!(shown.is_empty(), "{}", shown.join("\n"));
    for source in loaded.registry.iter() {
        let samples = &source.manifest.samples;
        let all: Vec<_> = samples.iter().flat_map(|s| &s.expect).map(|e| e.outcome.as_str()).collect();
        assert!(samples.len() >= 2 && all.contains(&"found") && all.contains(&"no_record"), "{}", source.id);
        assert!(source.can_clear && source.manifest_hash.len() == 64, "{}", source.id);
    }
}

#[test]
fn sixty_institutions_answer_for_every_dataset() {
    let loaded = Registry::embedded(&catalogue(), None);
    let inventory = Inventory::of(&loaded.registry);
    let of = |class| inventory.of_class(class).count();
    let counted = Class::WORDS.map(|(_, class)| of(class));
    assert_eq!(counted, [20, 4, 5, 31, 1], "{}", inventory.totals());
    assert_eq!(inventory.institutions(), 60);
    assert!(inventory.items() >= 400, "{}", inventory.totals());
    let served: std::collections::BTreeSet<&str> = loaded.registry.iter().map(|s| s.dataset.name.as_str()).collect();
    let unserved: Vec<_> = catalogue().datasets.keys().filter(|d| !served.contains(d.as_str())).cloned().collect();
    assert!(unserved.is_empty(), "nobody answers for {unserved:?}");
    for bank in loaded.registry.iter().filter(|s| s.class == Class::Bank) {
        assert!(bank.items() >= 12, "{} maps {}", bank.id, bank.items());
    }
    // Every column of a dataset is filled by somebody.
    for (name, dataset) in &catalogue().datasets {
        let sources = || loaded.registry.iter().filter(|s| s.dataset.name == *name);
        for column in dataset.columns.keys().filter(|c| *c != "link_score") {
            let filled = sources().any(|s| s.manifest.map.fields.iter().any(|f| f.column == *column));
            assert!(filled, "no source fills {name}.{column}");
        }
    }
}

#[test]
fn banks_share_a_template_and_differ_where_they_say_so() {
    let loaded = Registry::embedded(&catalogue(), None);
    let get = |id: &str| loaded.registry.get(id).unwrap();
    assert_eq!(get("bank.jinshan").manifest.limits.due_working_days, Some(15));
    assert_eq!(get("bank.beigu").manifest.limits.due_working_days, Some(10));
    assert_ne!(get("bank.jinshan").manifest_hash, get("bank.beigu").manifest_hash);
    assert_eq!(get("bank.jiaoshan").mode, Mode::Exchange);
    assert_eq!(get("water.use").manifest.transport.format(), Format::Cells);
    let sent = "2026-06-26".parse().unwrap();
    assert_eq!(
        get("bank.beigu").due_on(&hedui_connect::embedded_calendar(), sent).unwrap().to_string(),
        "2026-07-11",
        "ten working days, then overdue"
    );
    let period = get("tax.income").period("2026-06-30".parse().unwrap()).unwrap();
    assert_eq!((period.from.to_string(), period.until.to_string()), ("2025-06".into(), "2026-05".into()));
}

#[test]
fn what_a_site_lacks_is_said() {
    let text = "[police]\nendpoint = \"sftp://127.0.0.1:1\"\nsecrets = { gw_app = \"demo\" }\n";
    let site = Site::parse(&SourceText::new("site.toml", text)).unwrap();
    let loaded = Registry::embedded(&catalogue(), Some(&site));
    let codes: Vec<&str> = loaded
        .diagnostics
        .iter()
        .filter(|d| d.place().is_some_and(|p| p.starts_with("police/connector.toml")))
        .map(|d| d.code)
        .collect();
    assert_eq!(codes, ["connect::missing_secret", "connect::wrong_endpoint"]);
    assert!(loaded.registry.is_empty(), "a source without its site is not asked");
}
