//! Reads what `drop` needs.

use super::super::block::Block;
use super::super::read_layout;
use super::super::{DropPlan, Every, Via};
use super::files;
use crate::parse::grid::{GridFormat, Head};

pub(super) fn drop_plan(block: &Block<'_>) -> DropPlan {
    let (via, login) = files::reached(block, Via::Dir);
    let (file, place) = block.need_text("file", "such as 水费_{yyyymm}.xlsx");
    let place = place.clone();
    let words = [("month", Every::Month), ("quarter", Every::Quarter), ("year", Every::Year)];
    let every = block.word("every", &words).unwrap_or(Every::Month);
    if !file.is_empty() && (!every.is_told_by(file) || file.contains(['/', '\\'])) {
        let marks = match every {
            Every::Month => "{yyyymm}",
            Every::Quarter => "{yyyy} and {q}",
            Every::Year => "{yyyy}",
        };
        block.report(
            place
                .error("connect::bad_file_name", format!("a dropped file's name needs {marks} and no folder"), "here")
                .help("one file a period (or several by *); the folder is the site's endpoint, or `dir` below it"),
        );
    }
    let replace = block.word("replace", &[("per_period", ())]).is_some();
    if replace && !file.contains('*') {
        block.report(
            place
                .error(
                    "connect::unused_option",
                    "a period has one file of this name, so `replace` does nothing",
                    "here",
                )
                .help("a name with *, such as 水费_{yyyymm}*.xlsx, finds what was sent again"),
        );
    }
    let layout = read_layout::layout(block, GridFormat::Auto);
    if layout.head == Head::First && !layout.format.is_text() && block.node("header").is_none() {
        block.missing("header", "a column name by which the header row is found (or header_row)");
    }
    DropPlan {
        via,
        login,
        dir: block.text("dir").unwrap_or(".").to_owned(),
        file: file.to_owned(),
        every,
        replace,
        marker: block.text("marker").map(str::to_owned),
        stable: block.duration("stable"),
        layout,
    }
}
