//! `allow = { lint = "why" }` on any rule.

use hedui_base::diagnostic::nearest;
use toml::de::DeValue;

use super::ast::Allow;
use super::fields::Fields;
use crate::diagnostics::is_warning;
use crate::spot::Spotted;

/// The lints a rule silences for itself, each with its reason.
pub(super) fn allow(fields: &Fields<'_>) -> Vec<Allow> {
    let Some(written) = fields.get("allow") else { return Vec::new() };
    let DeValue::Table(table) = written.get_ref() else {
        fields.reader.wrong_kind(written, "lints with reasons, such as { unused = \"read by local packs\" }");
        return Vec::new();
    };
    let mut allowed = Vec::new();
    for (key, value) in table.iter() {
        let lint = Spotted { value: key.get_ref().to_string(), spot: fields.reader.spot(key.span()) };
        if !is_warning(&lint.value) {
            let known: Vec<&str> = crate::diagnostics::warnings().collect();
            let near = nearest(&lint.value, known.iter().copied());
            let near = near.map(|n| format!("did you mean `{n}`? ")).unwrap_or_default();
            fields.reader.push(
                lint.spot
                    .error("rules::unknown_word", format!("there is no lint `{}` to allow", lint.value), "not a lint")
                    .help(format!("{near}lints: {}", known.join(", "))),
            );
            continue;
        }
        let Some(reason) = fields.reader.text(value) else { continue };
        if reason.value.trim().is_empty() {
            fields.reader.push(
                reason
                    .spot
                    .error("rules::bad_value", "a lint is silenced only with a reason", "no reason")
                    .help("say in words why the rule is right as it is"),
            );
            continue;
        }
        allowed.push(Allow { lint, reason: reason.value });
    }
    allowed
}
