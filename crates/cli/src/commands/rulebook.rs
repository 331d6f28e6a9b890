//! `hedui rules show`: a pack as a book.

use std::path::Path;

use hedui_base::Diagnostic;
use hedui_engine::rulebook::rulebook;
use hedui_rules::book::{BookOptions, Document, html, markdown};
use hedui_rules::words::Lang;
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
    let on = args.on.unwrap_or_else(|| Zoned::now().date());
    let options = BookOptions { lang: args.lang.into(), on };
    let document = rulebook(&library.written(id), &program, &checked.cases, options);
    write(&document, args.format, args.out.as_deref())
}

/// Prints a document, or writes it to a file.
pub(super) fn write(document: &Document, format: BookFormat, out: Option<&Path>) -> Ended {
    let text = match format {
        BookFormat::Md => markdown(document),
        BookFormat::Html => html(document),
    };
    match out {
        Some(path) => {
            std::fs::write(path, text).map_err(|e| Failure::input(format!("cannot write {}: {e}", path.display())))?;
            terminal::note(format_args!("written to {}", path.display()));
        }
        None => terminal::line(text.trim_end()),
    }
    Ok(0)
}

impl From<BookLang> for Lang {
    fn from(lang: BookLang) -> Self {
        match lang {
            BookLang::Zh => Self::Zh,
            BookLang::En => Self::En,
        }
    }
}
