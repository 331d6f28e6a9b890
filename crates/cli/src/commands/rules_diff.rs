//! `hedui rules diff`: what changed between two packs, in words.

use std::path::{Path, PathBuf};

use hedui_base::Diagnostic;
use hedui_rules::changes::{Changes, Edit, ParameterChange, RowChange, RuleChange, Said, Side, changes, document};
use hedui_rules::words::Lang;
use hedui_rules::{Checked, Library};
use serde_json::{Value, json};

use super::rulebook::write;
use super::{Ended, Shell};
use crate::args::DiffArgs;
use crate::failure::{self, Failure};
use crate::terminal;

pub(super) fn run(shell: Shell, args: &DiffArgs) -> Ended {
    let (old, new) = (Loaded::read(&args.old)?, Loaded::read(&args.new)?);
    let (old_written, new_written) = (old.library.written(&old.id), new.library.written(&new.id));
    let lang = Lang::from(args.lang);
    let changes = changes(
        Side { program: old.program()?, written: &old_written, cases: &old.checked.cases },
        Side { program: new.program()?, written: &new_written, cases: &new.checked.cases },
        lang,
        args.on,
    );
    if shell.json {
        terminal::json(&to_json(&changes));
    } else {
        write(&document(&changes, lang), args.format, args.out.as_deref())?;
    }
    Ok(if args.exit_code && !changes.is_empty() { failure::ATTENTION } else { 0 })
}

/// A pack with all it extends.
struct Loaded {
    library: Library,
    id: String,
    checked: Checked,
}

impl Loaded {
    /// A built-in pack by name, or one in a folder. What the latter extends is taken from beside it, if it is there.
    fn read(pack: &str) -> Result<Self, Failure> {
        let path = Path::new(pack);
        let (mut library, ids) = super::rules::library(&[pack.to_owned()])?;
        let [id] = ids.as_slice() else {
            return Err(Failure::input_help(
                format!("{pack} holds {} packs", ids.len()),
                format!("name one of them: {}", ids.join(", ")),
            ));
        };
        if path.is_dir() {
            let mut folders: Vec<PathBuf> = vec![path.to_path_buf()];
            let beside = path.canonicalize().ok().and_then(|path| path.parent().map(Path::to_path_buf));
            let bases = library.check(id).program.map(|program| program.pack.extends.clone()).unwrap_or_default();
            for base in bases {
                folders.extend(beside.iter().map(|dir| dir.join(&base)).filter(|dir| dir.join("pack.toml").is_file()));
            }
            if folders.len() > 1 {
                library = hedui_verify::rules_library(&folders)?;
            }
        }
        let checked = library.check(id);
        Ok(Self { id: id.clone(), library, checked })
    }

    fn program(&self) -> Result<&hedui_rules::Program, Failure> {
        let errors = || self.checked.diagnostics.iter().filter(|d| Diagnostic::is_error(d)).cloned().collect();
        self.checked.program.as_deref().ok_or_else(|| Failure::Mistakes(errors()))
    }
}

fn to_json(changes: &Changes) -> Value {
    let name =
        |name: &hedui_rules::changes::PackName| json!({ "id": name.id, "version": name.version, "hash": name.hash });
    json!({
        "old": name(&changes.old),
        "new": name(&changes.new),
        "on": changes.on.map(|day| day.to_string()),
        "same": changes.is_empty(),
        "pack": changes.head.iter().map(edit).collect::<Vec<_>>(),
        "parameters": changes.parameters.iter().map(parameter).collect::<Vec<_>>(),
        "rules": changes.rules.iter().map(rule).collect::<Vec<_>>(),
        "cases": {
            "added": changes.cases_added,
            "removed": changes.cases_removed,
            "changed": changes.cases_changed,
        },
    })
}

fn edit(edit: &Edit) -> Value {
    let said =
        |said: &Option<Said>| said.as_ref().map(|said| json!({ "text": said.text, "words": said.words.to_string() }));
    json!({ "key": edit.key, "old": said(&edit.old), "new": said(&edit.new) })
}

fn outputs(outputs: &[(String, String)]) -> Value {
    outputs.iter().map(|(name, title)| json!({ "name": name, "title": title })).collect()
}

fn rule(change: &RuleChange) -> Value {
    json!({
        "name": change.name,
        "kind": change.kind,
        "title": change.title,
        "fate": change.fate.as_str(),
        "place": change.place,
        "edits": change.edits.iter().map(edit).collect::<Vec<_>>(),
        "affects": outputs(&change.outputs),
    })
}

fn parameter(change: &ParameterChange) -> Value {
    json!({
        "name": change.name,
        "title": change.title,
        "fate": change.fate.as_str(),
        "edits": change.edits.iter().map(edit).collect::<Vec<_>>(),
        "rows": change.rows.iter().map(row).collect::<Vec<_>>(),
        "affects": outputs(&change.outputs),
    })
}

fn row(row: &RowChange) -> Value {
    json!({
        "which": row.which,
        "fate": row.fate.as_str(),
        "from": row.from.to_string(),
        "until": row.until.map(|day| day.to_string()),
        "old": row.old,
        "new": row.new,
        "percent": row.percent,
        "cite": row.cite,
        "place": row.place,
    })
}
