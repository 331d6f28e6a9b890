//! Reads what `dci` needs.

use super::super::block::Block;
use super::super::{DciMode, DciPlan, Transport};
use super::{given, http, signer};

pub(super) fn dci(block: &Block<'_>) -> Transport {
    if block.node("mode").is_none() {
        block.missing("mode", "sync or async");
    }
    let need = |key, help: &str| block.need_text(key, help).0.to_owned();
    if block.node("query").is_none() {
        block.missing("query", "idtype-value");
    }
    // The one kind of query that names nobody but the person asked about.
    let _ = block.word("query", &[("idtype-value", ())]);
    Transport::Dci(DciPlan {
        mode: block.word("mode", &[("sync", DciMode::Sync), ("async", DciMode::Async)]).unwrap_or(DciMode::Sync),
        path: http::path(block),
        sender: given(block.need_text("sender", "our id at the registry, such as secret:dci_sender").0),
        receiver: need("receiver", "the registry's id"),
        reg_type: need("reg_type", "such as ns:org:RegistryType:Civil"),
        record_type: need("record_type", "such as PersonRecord"),
        id_type: need("id_type", "what the registry calls a resident identity number, such as UIN"),
        page_size: block.number("page_size").unwrap_or(100).max(1),
        headers: http::headers(block),
        signer: block.block("signer").and_then(signer::signer),
    })
}
