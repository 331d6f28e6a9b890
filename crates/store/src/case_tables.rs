//! Two tables that hold a caseload as columns, beside the records: who is counted in which case, and what was declared.
//!
//! A case lies in the bucket of the largest key among its people, so that a household whose people all lie in one bucket
//! is read with it, and one that shares a person with another household finds its other people in buckets before its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hedui_base::{ColumnType, PersonKey, Table as Rows};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Connection as _, Row as _};

use crate::ducklake::{self, LakeTable};
use crate::plain::InputSpec;
use crate::shape::{Kind, Shape, ShapeColumn};
use crate::store::{Inner, Table};
use crate::{At, ScannedColumn, Snapshot, Store, StoreError, frame};

/// Name of the table of cases: one row each, sorted by (person, position).
pub const CASES: &str = "cases";
/// Name of the table of their people: one row per case and person, sorted by (person, position, who).
pub const PEOPLE: &str = "people";

const CASE_COLUMNS: [(&str, Kind, &str); 8] = [
    ("person", Kind::Int, "the largest key among the people of the case: its bucket and sort key"),
    ("case", Kind::Text, "number of the case"),
    ("position", Kind::Int, "place in the order of registration, from 0"),
    ("area", Kind::Text, "division code of the case"),
    ("residence", Kind::Text, "urban or rural; null if unknown"),
    ("scheme", Kind::Text, "the scheme applied for or received"),
    ("in_receipt", Kind::Bool, "whether it receives aid"),
    ("letters", Kind::Text, "numbers of its letters of authorisation, joined by commas"),
];

const PEOPLE_COLUMNS: [(&str, Kind, &str); 7] = [
    ("person", Kind::Int, "as in cases: the largest key among the people of the case"),
    ("position", Kind::Int, "as in cases"),
    ("who", Kind::Int, "key of the person in the ledger"),
    ("role", Kind::Text, "member or obligor"),
    ("relation", Kind::Text, "relation to the applicant; self is the applicant"),
    ("birth_date", Kind::Date, "day of birth"),
    ("sex", Kind::Text, "male or female"),
];

fn shape(name: &str, own: &[(&str, Kind, &str)], inputs: &[InputSpec], of_person: bool) -> Shape {
    let column = |name: &str, kind, ty: Option<ColumnType>, comment: &str| ShapeColumn {
        name: name.to_owned(),
        kind,
        ty,
        comment: comment.to_owned(),
    };
    let mut columns: Vec<ShapeColumn> =
        own.iter().map(|(name, kind, comment)| column(name, *kind, None, comment)).collect();
    let mut more: BTreeMap<&str, &InputSpec> = BTreeMap::new();
    for input in inputs.iter().filter(|i| i.of_person == of_person) {
        if columns.iter().all(|c| c.name != input.name) {
            more.entry(&input.name).or_insert(input);
        }
    }
    columns.extend(more.into_iter().map(|(name, input)| {
        let (ty, title) = (input.column.ty, &input.column.title.zh);
        column(name, Kind::of(ty), Some(ty), &format!("{title} ({ty})"))
    }));
    Shape { name: name.to_owned(), columns }
}

/// The shape of a table of cases or people as the catalogue has it: packs may declare other inputs since.
fn stored(lake: &LakeTable) -> Shape {
    let column = |(_, name, ty): &(i64, String, String)| ShapeColumn {
        name: name.clone(),
        kind: Kind::from_ducklake(ty),
        ty: None,
        comment: String::new(),
    };
    Shape { name: lake.name.clone(), columns: lake.columns.iter().map(column).collect() }
}

/// Takes the two tables out of those that the catalogue has, if it has them.
pub(crate) fn take(lake: &mut BTreeMap<String, LakeTable>) -> BTreeMap<String, Table> {
    let tables = [CASES, PEOPLE].into_iter().filter_map(|name| lake.remove(name));
    tables.map(|lake| (lake.name.clone(), Table { shape: stored(&lake), lake })).collect()
}

/// Where a case lies.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) number: Arc<str>,
    pub(crate) person: i64,
    pub(crate) position: i64,
}

/// Where the cases of a file lie.
pub(crate) fn places(inner: &Inner, file: &str) -> Result<Vec<Place>, StoreError> {
    let rows = inner.read(CASES, file, &["case", "person", "position"])?;
    let (numbers, persons) = (frame::text_values(&rows, "case")?, frame::required(&rows, "person")?);
    let positions = frame::int_values(&rows, "position")?;
    let place = |((number, person), position): ((Option<Arc<str>>, i64), Option<i64>)| {
        Some(Place { number: number?, person, position: position? })
    };
    Ok(numbers.into_iter().zip(persons).zip(positions).filter_map(place).collect())
}

/// One case of those that lie in the store.
#[derive(Debug)]
pub struct StoredCase {
    /// The state it was read from, pinned for its people.
    pub snapshot: Snapshot,
    /// Its row of `cases`, with all columns.
    pub case: Rows,
    /// Its rows of `people`, in the order of their keys.
    pub people: Rows,
}

impl Store {
    /// A case that lies in the store, with its people; none if it is not there. Reads its own rows alone.
    ///
    /// # Errors
    /// As [`Store::snapshot`], or what the file system says.
    pub async fn case(&self, conn: &mut AnyConnection, at: At, case: &str) -> Result<Option<StoredCase>, StoreError> {
        let places = sqlx::query("SELECT person, position FROM store_case WHERE number = $1 ORDER BY person, position")
            .bind(case)
            .fetch_all(&mut *conn)
            .await?;
        let bucket = |person: i64| u32::try_from(person).map_or(u32::MAX, |key| self.inner.bucket_of(PersonKey(key)));
        let place = |row: &AnyRow| {
            let person = row.try_get(0)?;
            Ok((bucket(person), person, row.try_get(1)?))
        };
        let places: Vec<(u32, i64, i64)> = places.iter().map(place).collect::<Result<_, sqlx::Error>>()?;
        if places.is_empty() {
            return self.case_by_statistics(conn, at, case).await;
        }
        let buckets: BTreeSet<u32> = places.iter().map(|(bucket, ..)| *bucket).collect();
        let snapshot = self.snapshot_of_buckets(conn, at, &buckets).await?;
        let number = case.to_owned();
        let find = move || {
            let one = |place: &(u32, i64, i64)| snapshot.case_at(*place, &number).transpose();
            Ok::<_, StoreError>((places.iter().find_map(one).transpose()?, snapshot))
        };
        match tokio::task::spawn_blocking(find).await.map_err(|_| StoreError::Stopped)?? {
            (Some((case, people)), mut snapshot) => {
                self.admit(conn, &mut snapshot, &buckets, &whose(&people)).await?;
                Ok(Some(StoredCase { snapshot, case, people }))
            }
            // It may be younger than the snapshot; or the places are wrong, which must not hide it.
            (None, _) => self.case_by_statistics(conn, at, case).await,
        }
    }

    /// The same without the help of `store_case`, as in a store that is older than it: reads the numbers of the cases in
    /// every bucket that may hold it.
    async fn case_by_statistics(
        &self,
        conn: &mut AnyConnection,
        at: At,
        case: &str,
    ) -> Result<Option<StoredCase>, StoreError> {
        let buckets: BTreeSet<u32> = self.buckets_of_case(conn, case).await?.into_iter().collect();
        if buckets.is_empty() {
            return Ok(None);
        }
        let snapshot = self.snapshot_of_cases(conn, at, &buckets).await?;
        let at = At::Id(snapshot.id());
        let case = case.to_owned();
        let find = move || buckets.iter().find_map(|bucket| snapshot.case_in(*bucket, &case).transpose()).transpose();
        let found = tokio::task::spawn_blocking(find).await.map_err(|_| StoreError::Stopped)??;
        let Some((case, people)) = found else { return Ok(None) };
        let snapshot = self.snapshot_of(conn, at, &whose(&people)).await?;
        Ok(Some(StoredCase { snapshot, case, people }))
    }

    /// The buckets in which a case may lie, by what the catalogue says of the files of `cases`: one, as a rule.
    ///
    /// # Errors
    /// What the database says.
    async fn buckets_of_case(&self, conn: &mut AnyConnection, case: &str) -> Result<Vec<u32>, StoreError> {
        let Some(table) = self.inner.case_tables.get(CASES) else { return Ok(Vec::new()) };
        let Some((column, ..)) = table.lake.columns.iter().find(|(_, name, _)| name == "case") else {
            return Ok(Vec::new());
        };
        let rows = sqlx::query(
            "SELECT DISTINCT f.bucket FROM ducklake_file_column_stats s JOIN store_file f ON f.data_file_id = s.data_file_id \
             WHERE s.table_id = $1 AND s.column_id = $2 AND s.min_value <= $3 AND s.max_value >= $3 ORDER BY f.bucket",
        )
        .bind(table.lake.id)
        .bind(*column)
        .bind(case)
        .fetch_all(conn)
        .await?;
        rows.iter().map(|row| Ok(u32::try_from(row.try_get::<i64, _>(0)?).unwrap_or(u32::MAX))).collect()
    }

    /// Makes the tables `cases` and `people`, or gives them the columns they lack, for these inputs of packs: one column
    /// per household input in `cases` and per person input in `people`, but for those that are columns of their own.
    ///
    /// # Errors
    /// [`StoreError::ColumnChanged`] if an input has another type than the column that is there.
    pub async fn case_tables(&mut self, conn: &mut AnyConnection, inputs: &[InputSpec]) -> Result<(), StoreError> {
        let shapes = [shape(CASES, &CASE_COLUMNS, inputs, false), shape(PEOPLE, &PEOPLE_COLUMNS, inputs, true)];
        let mut tx = conn.begin().await?;
        ducklake::lock(&mut tx).await?;
        let tables = ducklake::tables(&mut tx).await?;
        for shape in &shapes {
            if ducklake::lacks(shape, &tables)? {
                ducklake::add(&mut tx, shape).await?;
            }
        }
        let mut lake: BTreeMap<String, LakeTable> =
            ducklake::tables(&mut tx).await?.into_iter().map(|t| (t.name.clone(), t)).collect();
        tx.commit().await?;
        Arc::make_mut(&mut self.inner).case_tables = take(&mut lake);
        Ok(())
    }
}

/// The keys of the people of a case.
fn whose(people: &Rows) -> Vec<PersonKey> {
    let keys = (0..people.rows).filter_map(|row| people.int("who", row));
    keys.filter_map(|key| u32::try_from(key).ok()).map(PersonKey).collect()
}

impl Snapshot {
    fn case_in(&self, bucket: u32, case: &str) -> Result<Option<(Rows, Rows)>, StoreError> {
        let scan = self.scan(CASES, bucket, &["case"])?;
        let [ScannedColumn::Words { ids, words }] = scan.columns.as_slice() else { return Ok(None) };
        let word = words.iter().position(|word| &**word == case).and_then(|at| u32::try_from(at).ok());
        let row = word.and_then(|word| ids.iter().position(|id| *id == word));
        let Some(row) = row.and_then(|row| u32::try_from(row).ok()) else { return Ok(None) };
        let key = self.pick(CASES, bucket, &["person", "position"], &[row])?;
        let key = |nth: usize| match key.columns.get(nth) {
            Some(ScannedColumn::Ints { values, .. }) => values.first().copied(),
            _ => None,
        };
        let (Some(person), Some(position)) = (key(0), key(1)) else { return Ok(None) };
        self.case_at((bucket, person, position), case)
    }

    /// The case with one sort key and its people, if it has this number.
    fn case_at(
        &self,
        (bucket, person, position): (u32, i64, i64),
        case: &str,
    ) -> Result<Option<(Rows, Rows)>, StoreError> {
        let of = |table: &str| self.rows_at(table, bucket, person, position);
        let own = of(CASES)?;
        if own.rows != 1 || own.text("case", 0) != Some(case) {
            return Ok(None);
        }
        Ok(Some((own, of(PEOPLE)?)))
    }

    /// The rows of `cases` or `people` with one sort key.
    fn rows_at(&self, table: &str, bucket: u32, person: i64, position: i64) -> Result<Rows, StoreError> {
        let table = self.inner.any_table(table)?;
        let columns: Vec<&ShapeColumn> = table.shape.columns.iter().collect();
        let found = self.rows_of_few(table, &columns, bucket, &[person])?;
        let place = columns.iter().position(|column| column.name == "position").unwrap_or_default();
        let own: Vec<usize> = (0..found.rows).filter(|row| found.int(place, *row) == position).collect();
        let found = found.take(&own);
        let named = columns.iter().map(|column| column.name.clone()).zip(found.columns);
        Ok(Rows { rows: own.len(), columns: named.collect() })
    }
}
