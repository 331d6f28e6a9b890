//! The tutorial of `docs/connectors.md`: its manifest is the sixty-first institution. The page itself is done, command by
//! command, in `crates/cli/tests/it/tutorial.rs`.

use std::path::Path;

use hedui_base::SourceText;
use hedui_connect::{Class, InstitutionFolder, Inventory, Loaded, Registry, catalogue};

fn page() -> String {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/connectors.md")).unwrap();
    page.split("<!-- tutorial -->").nth(1).and_then(|rest| rest.split("<!-- end -->").next()).unwrap().to_owned()
}

/// The lines of the block that begins with these backticks.
fn block(page: &str, head: &str) -> String {
    let inside = page.split(&format!("```{head}\n")).nth(1).unwrap_or_else(|| panic!("no block {head}"));
    inside.split("\n```").next().unwrap().to_owned() + "\n"
}

fn dropped(manifest: &str) -> Loaded {
    let mut folders = Registry::embedded_folders();
    let files = vec![SourceText::new("redcross/connector.toml", manifest)];
    folders.push(InstitutionFolder { name: "redcross".into(), files });
    Registry::load(&folders, &catalogue(), None)
}

#[test]
fn the_manifest_of_the_page_is_the_sixty_first_institution() {
    let page = page();
    let manifest = block(&page, "toml file=institutions/redcross/connector.toml");
    let loaded = dropped(&manifest);
    assert!(
        loaded.diagnostics.is_empty(),
        "{:?}",
        loaded.diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>()
    );
    let inventory = Inventory::of(&loaded.registry);
    assert_eq!((inventory.institutions(), inventory.of_class(Class::Organisation).count()), (61, 5));
    let usable = "1 source(s) usable: redcross.aid";
    assert!(page.contains(usable) && loaded.registry.get("redcross.aid").is_some());
}
