//! Files written here are read back by polars' own reader, whatever their columns hold.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::Cursor;

use polars::prelude as pl;
use polars::prelude::SerReader as _;
use proptest::prelude::*;

use super::{FileColumn, encode};
use crate::columns::{BulkColumn, Texts};
use crate::frame;
use crate::shape::Kind;

/// A column of every kind with runs, nulls and leaps.
fn ints(kind: Kind, rows: usize) -> impl Strategy<Value = Vec<Option<i64>>> {
    let value = match kind {
        Kind::Bool => (0..2_i64).boxed(),
        Kind::Date => prop_oneof![20_000..20_100_i64, -100_000..100_000_i64].boxed(),
        Kind::Time => (0..4_000_000_000_000_000_i64).boxed(),
        _ => prop_oneof![0..3_i64, Just(i64::MAX), Just(i64::MIN), any::<i64>(), -50..50_i64].boxed(),
    };
    let run = (prop::option::weighted(0.8, value), 1..40_usize);
    prop::collection::vec(run, 1..=rows).prop_map(move |runs| {
        let all = runs.into_iter().flat_map(|(value, count)| std::iter::repeat_n(value, count));
        all.take(rows).collect::<Vec<_>>()
    })
}

fn numbers() -> impl Strategy<Value = (Kind, Vec<Option<i64>>)> {
    let kinds = prop::sample::select(vec![Kind::Int, Kind::Bool, Kind::Date, Kind::Time]);
    (kinds, 1..4_000_usize).prop_flat_map(|(kind, rows)| ints(kind, rows).prop_map(move |values| (kind, values)))
}

fn read(bytes: Vec<u8>) -> pl::DataFrame {
    pl::ParquetReader::new(Cursor::new(bytes)).finish().unwrap()
}

fn texts(words: &[Option<String>]) -> Texts {
    let mut texts = Texts::default();
    words.iter().for_each(|w| texts.push(w.as_deref()));
    texts
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn numbers_come_back((kind, values) in numbers()) {
        let column = BulkColumn::Ints(values.iter().copied().collect());
        let columns = [FileColumn { name: "x", kind, values: Some(&column) }];
        let (bytes, stats) = encode(&columns, values.len()).unwrap();
        let frame = read(bytes);
        prop_assert_eq!(frame::int_values(&frame, "x").unwrap(), values.clone());
        prop_assert_eq!(stats[0].nulls, values.iter().filter(|v| v.is_none()).count());
        let least = values.iter().flatten().min().and_then(|v| crate::file::shown(kind, *v));
        prop_assert_eq!(&stats[0].min, &least);
    }

    #[test]
    fn texts_come_back(words in prop::collection::vec(prop::option::weighted(0.7, "[一-九]{0,6}[a-c]?"), 1..3_000)) {
        let column = BulkColumn::Texts(texts(&words));
        let columns = [FileColumn { name: "x", kind: Kind::Text, values: Some(&column) }];
        let (bytes, stats) = encode(&columns, words.len()).unwrap();
        let frame = read(bytes);
        let found: Vec<Option<String>> =
            frame.column("x").unwrap().str().unwrap().iter().map(|t| t.map(str::to_owned)).collect();
        prop_assert_eq!(&found, &words);
        prop_assert_eq!(&stats[0].max, &words.iter().flatten().max().cloned());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn runs_are_the_rows_they_stand_for(
        ints in prop::collection::vec((prop::option::weighted(0.8, -3..3_i64), 1..5_000_u32), 1..20),
        texts in prop::collection::vec((prop::option::weighted(0.8, 0..4_u32), 1..5_000_u32), 1..20),
    ) {
        let words: Vec<Box<str>> = ["found", "no_record", "\u{67e5}\u{65e0}", ""].map(Into::into).to_vec();
        for (kind, column) in [
            (Kind::Int, BulkColumn::IntRuns(ints.clone())),
            (Kind::Time, BulkColumn::IntRuns(ints.clone())),
            (Kind::Text, BulkColumn::TextRuns(words.clone(), texts.clone())),
        ] {
            let rows = column.len();
            let (bytes, stats) = encode(&[FileColumn { name: "x", kind, values: Some(&column) }], rows).unwrap();
            let expanded = column.expanded().into_owned();
            let plain = encode(&[FileColumn { name: "x", kind, values: Some(&expanded) }], rows).unwrap();
            prop_assert_eq!(stats, plain.1);
            prop_assert!(read(bytes).equals_missing(&read(plain.0)));
        }
    }
}

#[test]
fn long_columns_have_many_pages_and_empty_ones_one() {
    let rows = 50_000;
    let person = BulkColumn::Ints((0..rows).map(|r| Some(r as i64 / 3)).collect());
    let amount = BulkColumn::Ints((0..rows).map(|r| (r % 5 > 0).then_some((r * r % 1_000_003) as i64)).collect());
    let words: Vec<Option<String>> = (0..rows).map(|r| Some(format!("单位{}", r / 7 % 100))).collect();
    let word = BulkColumn::Texts(texts(&words));
    let lone: Vec<Option<String>> = (0..rows).map(|r| (r % 9 > 0).then(|| format!("6217****{r:06}"))).collect();
    let plain = BulkColumn::Texts(texts(&lone));
    let columns = [
        FileColumn { name: "person", kind: Kind::Int, values: Some(&person) },
        FileColumn { name: "amount", kind: Kind::Int, values: Some(&amount) },
        FileColumn { name: "word", kind: Kind::Text, values: Some(&word) },
        FileColumn { name: "plain", kind: Kind::Text, values: Some(&plain) },
        FileColumn { name: "nothing", kind: Kind::Text, values: None },
        FileColumn { name: "never", kind: Kind::Date, values: None },
    ];
    let (bytes, stats) = encode(&columns, rows).unwrap();
    assert!(bytes.len() < 900_000, "{} bytes", bytes.len());
    let frame = read(bytes);
    let column = |name: &str, kind| frame::bulk_column(&frame, name, kind).unwrap();
    for (name, kind, values) in [("person", Kind::Int, &person), ("amount", Kind::Int, &amount)] {
        let (BulkColumn::Ints(found), BulkColumn::Ints(wanted)) = (column(name, kind), values) else { unreachable!() };
        assert!((0..rows).all(|r| found.get(r) == wanted.get(r)), "{name}");
    }
    for (name, values) in [("word", &words), ("plain", &lone)] {
        let BulkColumn::Texts(found) = column(name, Kind::Text) else { unreachable!() };
        assert!((0..rows).all(|r| found.get(r) == values[r].as_deref()), "{name}");
    }
    assert_eq!(frame.column("nothing").unwrap().null_count(), rows);
    assert_eq!(frame.column("never").unwrap().dtype(), &pl::DataType::Date);
    assert_eq!((stats[0].min.as_deref(), stats[0].max.as_deref()), (Some("0"), Some("16666")));
    assert_eq!((stats[4].nulls, stats[4].min.as_deref()), (rows, None));
}
