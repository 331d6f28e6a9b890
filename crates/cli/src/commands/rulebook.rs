//! `hedui rules show`: a pack as a book.

use hedui_base::Diagnostic;
use hedui_rules::book::{BookOptions, html, markdown};
use hedui_rules::words::Lang;
use hedui_verify::rulebook::rulebook;
use jiff::Zoned;

use super::Ended;
use super::rules::library;
use crate::args::{BookFormat, BookLang, ShowArgs};
use crate::failure::Failure;
use crate::terminal;

pub(super) fn show(args: &ShowArgs) -> Ended {
    let (library, ids) = library(std::slice::from_ref(&args.pack))?;
    let [id] = ids.as_slice() else {
        return Err(Failure::input_help(
            format!("{} holds {} packs", args.pack, ids.len()),
            format!("name one of them: {}", ids.join(", ")),
        ));
    };
    let checked = library.check(id);
    let Some(program) = checked.program else {
        return Err(Failure::Mistakes(checked.diagnostics.into_iter().filter(Diagnostic::is_error).collect()));
    };
    let lang = match args.lang {
        BookLang::Zh => Lang::Zh,
        BookLang::En => Lang::En,
    };
    let on = args.on.unwrap_or_else(|| Zoned::now().date());
    let document = rulebook(&library, &program, &checked.cases, BookOptions { lang, on });
    let text = match args.format {
        BookFormat::Md => markdown(&document),
        BookFormat::Html => html(&document),
    };
    match &args.out {
        Some(path) => {
            std::fs::write(path, text).map_err(|e| Failure::input(format!("cannot write {}: {e}", path.display())))?;
            terminal::note(format_args!("written to {}", path.display()));
        }
        None => terminal::line(text.trim_end()),
    }
    Ok(0)
}
