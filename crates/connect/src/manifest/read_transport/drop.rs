//! Reads what `drop` needs.

use super::super::block::Block;
use super::super::{DropPlan, DropTrailer};

pub(super) fn drop_plan(block: &Block<'_>) -> DropPlan {
    let (file, place) = block.need_text("file", "such as 水费_{yyyymm}.xlsx");
    if !file.is_empty() && (!file.contains("{yyyymm}") || file.contains(['/', '\\'])) {
        block.report(
            place
                .error("connect::bad_file_name", "a dropped file's name needs {yyyymm} and no folder", "here")
                .help("one file a month; the folder is the site's endpoint"),
        );
    }
    let trailer = block.block("trailer").map(|inner| {
        let own = |key| inner.need_text(key, "a column's name").0.to_owned();
        let trailer = DropTrailer { find: own("find"), count: own("count"), sum: own("sum") };
        inner.finish(&[]);
        trailer
    });
    DropPlan {
        file: file.to_owned(),
        header: block.need_text("header", "a column name by which the header row is found").0.to_owned(),
        trailer,
    }
}
