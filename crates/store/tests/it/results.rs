//! Result files.

use std::sync::Arc;

use hedui_base::Fen;
use hedui_store::results::{ResultColumn, ResultKind, ResultWriter, read, write};
use hedui_store::{BulkColumn, Texts};

#[test]
fn columns_of_every_type_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("findings.parquet");
    let columns = vec![
        ("case".to_owned(), ResultColumn::Text(vec![Some("ZJ-1".into()), None])),
        ("size".to_owned(), ResultColumn::Int(vec![Some(3), None])),
        ("amount_fen".to_owned(), ResultColumn::Money(vec![Some(Fen::new(50_000)), None])),
        ("as_of".to_owned(), ResultColumn::Date(vec![Some("2026-06-30".parse().unwrap()), None])),
        ("known_at".to_owned(), ResultColumn::Time(vec![Some("2026-06-30T01:02:03.000004Z".parse().unwrap()), None])),
        ("met".to_owned(), ResultColumn::Bool(vec![Some(true), None])),
    ];
    write(&path, &columns).unwrap();
    let mut expected = columns.clone();
    expected[2].1 = ResultColumn::Int(vec![Some(50_000), None]);
    assert_eq!(read(&path).unwrap(), expected);
    write(&path, &[("case", ResultColumn::Text(Vec::new()))]).unwrap();
    assert_eq!(read(&path).unwrap(), [("case".to_owned(), ResultColumn::Text(Vec::new()))]);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file stays");

    let uneven = [("a", ResultColumn::Int(vec![Some(1)])), ("b", ResultColumn::Int(vec![]))];
    assert!(write(&dir.path().join("x.parquet"), &uneven).is_err());
    assert!(!dir.path().join("x.parquet").exists());
}

#[test]
fn a_file_grows_by_row_groups_that_all_readers_find() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("kept.parquet");
    let columns = vec![
        ("case".to_owned(), ResultKind::Text),
        ("amount_fen".to_owned(), ResultKind::Int),
        ("as_of".to_owned(), ResultKind::Date),
    ];
    // None, one, and more row groups than a short list of the format holds; words that repeat and words that do not.
    for groups in [0, 1, 20] {
        let mut writer = ResultWriter::with_bytes(&path, columns.clone(), Some("kept".to_owned())).unwrap();
        let (mut cases, mut amounts, mut days, mut kept) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for group in 0..groups {
            let rows = 300 * (group % 3);
            let name =
                |row: usize| if group % 2 == 0 { format!("ZJ-{group}-{row}") } else { format!("ZJ-{}", row % 4) };
            let names: Vec<Option<Arc<str>>> = (0..rows).map(|row| Some(name(row).into())).collect();
            let numbers: Vec<Option<i64>> =
                (0..rows).map(|row| (row % 7 > 0).then_some((row * group) as i64)).collect();
            let bytes: Vec<Vec<u8>> = (0..rows).map(|row| vec![row as u8; row % 9]).collect();
            let mut texts = Texts::default();
            names.iter().for_each(|name| texts.push(name.as_deref()));
            let group = [
                BulkColumn::Texts(texts),
                BulkColumn::Ints(numbers.iter().copied().collect()),
                BulkColumn::IntRuns(vec![(Some(20_000), rows as u32)]),
            ];
            writer.append(writer.shape().encode(&group, &bytes).unwrap()).unwrap();
            cases.extend(names);
            amounts.extend(numbers);
            days.extend((0..rows).map(|_| Some("2024-10-04".parse().unwrap())));
            kept.extend(bytes.into_iter().map(Some));
        }
        writer.finish().unwrap();
        let expected = [
            ("case".to_owned(), ResultColumn::Text(cases)),
            ("amount_fen".to_owned(), ResultColumn::Int(amounts)),
            ("as_of".to_owned(), ResultColumn::Date(days)),
            ("kept".to_owned(), ResultColumn::Bytes(kept)),
        ];
        assert_eq!(read(&path).unwrap(), expected, "{groups} row groups");
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file stays");
}
