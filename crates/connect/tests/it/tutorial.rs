//! The tutorial of `docs/connectors.md`: its manifest is the sixty-first institution, its mistake is found, its site fits.

use std::path::Path;

use hedui_base::SourceText;
use hedui_connect::{Class, InstitutionFolder, Inventory, Loaded, Registry, Site, catalogue};

fn page() -> String {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/connectors.md")).unwrap();
    page.split("<!-- tutorial -->").nth(1).and_then(|rest| rest.split("<!-- end -->").next()).unwrap().to_owned()
}

/// The lines of the block that begins with these backticks.
fn block(page: &str, head: &str) -> String {
    let inside = page.split(&format!("```{head}\n")).nth(1).unwrap_or_else(|| panic!("no block {head}"));
    inside.split("\n```").next().unwrap().to_owned() + "\n"
}

fn dropped(manifest: &str, site: Option<&Site>) -> Loaded {
    let mut folders = Registry::embedded_folders();
    let files = vec![SourceText::new("redcross/connector.toml", manifest)];
    folders.push(InstitutionFolder { name: "redcross".into(), files });
    Registry::load(&folders, &catalogue(), site)
}

#[test]
fn the_manifest_of_the_page_is_the_sixty_first_institution() {
    let page = page();
    let manifest = block(&page, "toml file=institutions/redcross/connector.toml");
    let loaded = dropped(&manifest, None);
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

#[test]
fn the_mistake_of_the_page_is_found_as_it_says() {
    let page = page();
    let mut manifest = block(&page, "toml file=institutions/redcross/connector.toml");
    let change = block(&page, "diff file=institutions/redcross/connector.toml");
    let side = |sign: char| change.lines().find_map(|line| line.strip_prefix(sign)).unwrap();
    assert_eq!(manifest.matches(side('-')).count(), 1);
    manifest = manifest.replace(side('-'), side('+'));
    let said: Vec<String> = dropped(&manifest, None).diagnostics.iter().map(ToString::to_string).collect();
    let promised = block(&page, "text");
    assert!(said.iter().any(|d| d.lines().next() == Some(promised.trim_end())), "{said:?}");
}

#[test]
fn the_site_of_the_page_gives_what_the_manifest_needs() {
    let page = page();
    let manifest = block(&page, "toml file=institutions/redcross/connector.toml");
    let site = Site::parse(&SourceText::new("site.toml", block(&page, "toml file=site.toml"))).unwrap();
    assert!(dropped(&manifest, Some(&site)).registry.get("redcross.aid").is_some());
    let poor =
        Site::parse(&SourceText::new("site.toml", "[redcross]\nendpoint = \"https://gateway.example\"\n")).unwrap();
    let said = dropped(&manifest, Some(&poor));
    assert!(said.diagnostics.iter().any(|d| d.code == "connect::missing_secret" && d.to_string().contains("api_key")));
}
