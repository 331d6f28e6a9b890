//! CSV as cells with their places.

use std::sync::Arc;

use hedui_base::SourceText;

use crate::spot::{Spot, Spotted};

/// A cell, trimmed, and where it is written.
pub(crate) type Cell = Spotted<String>;

/// The cells of a CSV text with their places; blank lines are left out.
pub(crate) fn cells(file: &Arc<SourceText>) -> Vec<Vec<Cell>> {
    let text = file.text.as_str();
    let bytes = text.as_bytes();
    let mut at = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let mut lines = Vec::new();
    let mut line: Vec<Cell> = Vec::new();
    while at < bytes.len() {
        let start = at;
        let mut value = String::new();
        if bytes[at] == b'"' {
            at += 1;
            while at < bytes.len() {
                let end = text[at..].find('"').map_or(bytes.len(), |n| at + n);
                value.push_str(&text[at..end]);
                at = (end + 1).min(bytes.len());
                if bytes.get(at) != Some(&b'"') {
                    break;
                }
                value.push('"');
                at += 1;
            }
        }
        let end = text[at..].find([',', '\n']).map_or(bytes.len(), |n| at + n);
        value.push_str(text[at..end].trim_end_matches('\r'));
        let value = value.trim().to_owned();
        let width = text[start..end].trim_end_matches('\r').len();
        line.push(Cell { value, spot: Spot { file: Arc::clone(file), span: start..start + width } });
        let comma = bytes.get(end) == Some(&b',');
        at = end + 1;
        if comma && at < bytes.len() {
            continue;
        }
        if comma {
            line.push(Cell { value: String::new(), spot: Spot { file: Arc::clone(file), span: at..at } });
        }
        let done = std::mem::take(&mut line);
        if done.len() > 1 || done.iter().any(|c| !c.value.is_empty()) {
            lines.push(done);
        }
    }
    lines
}
