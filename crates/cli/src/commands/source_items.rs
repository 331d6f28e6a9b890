//! `hedui source list --items`: institutions by class, what they offer, and how many items that is.

use hedui_connect::{Class, Holding, Inventory};

use crate::terminal;

/// Prints the inventory as tables, one a class, and the totals.
pub(crate) fn print(inventory: &Inventory) {
    for (_, class) in Class::WORDS {
        let holdings: Vec<&Holding> = inventory.of_class(class).collect();
        if holdings.is_empty() {
            continue;
        }
        let items: usize = holdings.iter().map(|h| h.items).sum();
        terminal::line(format_args!("{} {} ({}), {items} items", class.zh(), class.as_str(), holdings.len()));
        let rows: Vec<Vec<String>> = holdings
            .iter()
            .map(|h| {
                vec![
                    h.institution.clone(),
                    h.title.zh.clone(),
                    h.items.to_string(),
                    h.transports.iter().copied().collect::<Vec<_>>().join(", "),
                    h.datasets.iter().cloned().collect::<Vec<_>>().join(", "),
                ]
            })
            .collect();
        terminal::table(&["institution", "机构", "items", "transport", "datasets"], &rows);
        terminal::line("");
    }
    terminal::line(inventory.totals());
}

/// The inventory as JSON: one object an institution, and the counts.
pub(crate) fn json(inventory: &Inventory) -> serde_json::Value {
    let institutions: Vec<_> = inventory
        .holdings
        .iter()
        .map(|h| {
            serde_json::json!({
                "institution": h.institution, "title": { "zh": h.title.zh, "en": h.title.en }, "class": h.class.as_str(),
                "sources": h.sources, "datasets": h.datasets, "transports": h.transports, "items": h.items,
            })
        })
        .collect();
    let by_class: serde_json::Map<String, serde_json::Value> = Class::WORDS
        .iter()
        .map(|(word, class)| ((*word).to_owned(), inventory.of_class(*class).count().into()))
        .collect();
    serde_json::json!({
        "institutions": institutions,
        "totals": {
            "institutions": inventory.institutions(), "by_class": by_class, "sources": inventory.sources(),
            "items": inventory.items(),
        },
    })
}
