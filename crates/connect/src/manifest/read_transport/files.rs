//! Reads what `file_exchange` needs.

use super::super::block::Block;
use super::super::{Encoding, FilePlan, GetPlan, PutColumn, PutPlan, Transport};
use super::given;

const ENCODINGS: [(&str, Encoding); 3] =
    [("gbk", Encoding::Gbk), ("gb18030", Encoding::Gb18030), ("utf-8", Encoding::Utf8)];

pub(super) fn files(block: &Block<'_>) -> Option<Transport> {
    let _ = block.word("via", &[("sftp", ())]);
    let login = block.block("login").map(|inner| {
        let user = given(inner.need_text("user", "such as secret:sftp_user").0);
        let password = given(inner.need_text("password", "such as secret:sftp_password").0);
        inner.finish(&[]);
        (user, password)
    });
    if login.is_none() {
        block.missing("login", "{ user = \"secret:..\", password = \"secret:..\" }");
    }
    let put = block.block("put").map(put_plan);
    let get = block.block("get").map(get_plan);
    for (key, given) in [("put", put.is_some()), ("get", get.is_some())] {
        if !given {
            block.missing(if key == "put" { "put" } else { "get" }, "the file's folder, name and form");
        }
    }
    let match_column = block.need_text("match", "the reply's column that repeats the request's seq").0.to_owned();
    let (user, password) = login?;
    Some(Transport::Files(Box::new(FilePlan { user, password, put: put?, get: get?, match_column })))
}

fn put_plan(block: Block<'_>) -> PutPlan {
    let words = [("seq", PutColumn::Seq), ("name", PutColumn::Name), ("id_number", PutColumn::IdNumber)];
    let columns: Vec<(String, PutColumn)> = block
        .blocks("columns")
        .unwrap_or_default()
        .into_iter()
        .filter_map(|inner| {
            let name = inner.need_text("name", "the column's name").0.to_owned();
            let value = inner.word("value", &words);
            inner.finish(&[]);
            Some((name, value?))
        })
        .collect();
    if !columns.iter().any(|(_, value)| *value == PutColumn::Seq) {
        block.report(
            block
                .place()
                .error("connect::no_seq", "no column of the request holds seq", "here")
                .help("the reply's rows are matched to the request's by that number"),
        );
    }
    let _ = block.word("on_unmappable", &[("refuse_subject", ())]);
    let plan = PutPlan {
        dir: block.text("dir").unwrap_or(".").to_owned(),
        name: file_name(&block),
        encoding: block.word("encoding", &ENCODINGS).unwrap_or(Encoding::Utf8),
        delimiter: delimiter(&block),
        header: block.flag("header").unwrap_or(true),
        columns,
        temp: block.text("temp").unwrap_or(".part").to_owned(),
        marker: block.text("marker").unwrap_or(".ok").to_owned(),
    };
    block.finish(&[]);
    plan
}

fn get_plan(block: Block<'_>) -> GetPlan {
    let trailer = block.text_at("trailer").map(|(text, place)| {
        if !text.contains("{count}") {
            block.report(
                place
                    .error("connect::bad_trailer", "a trailer needs {count}", "here")
                    .help("the last line as the institution writes it, such as #count:{count};sum:{sum}"),
            );
        }
        text.to_owned()
    });
    let plan = GetPlan {
        dir: block.text("dir").unwrap_or(".").to_owned(),
        name: file_name(&block),
        marker: block.text("marker").unwrap_or(".ok").to_owned(),
        encoding: block.word("encoding", &ENCODINGS).unwrap_or(Encoding::Utf8),
        delimiter: delimiter(&block),
        trailer,
    };
    block.finish(&[]);
    plan
}

fn file_name(block: &Block<'_>) -> String {
    let (name, place) = block.need_text("name", "such as REQ_{date}_{batch}.csv");
    if !name.is_empty() && (!name.contains("{batch}") || name.contains(['/', '\\'])) {
        block.report(
            place
                .error("connect::bad_file_name", "a file name needs {batch} and no folder", "here")
                .help("the batch tells the files of two requests of one day apart; the folder goes into `dir`"),
        );
    }
    name.to_owned()
}

fn delimiter(block: &Block<'_>) -> u8 {
    let Some((text, place)) = block.text_at("delimiter") else { return b',' };
    match text.as_bytes() {
        [byte] => *byte,
        _ => {
            block.report(place.error("connect::bad_delimiter", "a delimiter is one ASCII character", "here"));
            b','
        }
    }
}
