//! Result files.

use hedui_base::Fen;
use hedui_store::results::{ResultColumn, read, write};

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
