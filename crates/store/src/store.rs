use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hedui_base::{Catalogue, PersonKey};
use sqlx::{AnyConnection, Connection as _};

use crate::ducklake::{self, LakeTable};
use crate::inline::{INLINE_ROWS, KnownInlined};
use crate::known_files::KnownFiles;
use crate::lookup::Directories;
use crate::shape::{COVERAGE, Shape};
use crate::{StoreError, case_tables, file};

/// What is chosen when a store is created, and kept in it ever after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreOptions {
    /// How many people, by consecutive keys, share a bucket: one file of one dataset after compaction. More people make
    /// fewer, larger files; fewer make a reader of one bucket hold less. At least 1.
    pub bucket_people: u32,
}

impl Default for StoreOptions {
    /// 16,384 people: one bucket of one dataset is a few megabytes at most.
    fn default() -> Self {
        Self { bucket_people: 16_384 }
    }
}

/// A store opened with a catalogue of datasets. Cheap to clone; holds no connection: each call borrows the caller's.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
    /// Rows of one publication up to which it makes no files.
    pub(crate) inline_rows: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Inner {
    /// `DIR/store`.
    pub(crate) folder: PathBuf,
    pub(crate) options: StoreOptions,
    pub(crate) tables: BTreeMap<String, Table>,
    /// `cases` and `people`, where the store holds a caseload.
    pub(crate) case_tables: BTreeMap<String, Table>,
    pub(crate) inlined: KnownInlined,
    /// Shared by all snapshots.
    pub(crate) directories: Arc<Directories>,
    pub(crate) files: Arc<KnownFiles>,
}

/// One table: its shape and what the catalogue calls it.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) shape: Shape,
    pub(crate) lake: LakeTable,
}

impl Table {
    /// Its files' folder within the store's.
    pub(crate) fn folder(&self, store: &Path) -> PathBuf {
        store.join(&self.shape.name)
    }

    /// Texts that rows are sorted by after the person.
    pub(crate) fn sort_keys(&self) -> &'static [&'static str] {
        if self.shape.name == COVERAGE { &["source"] } else { &["source", "record_id"] }
    }
}

impl Store {
    /// Opens the store of a data folder (files lie in `dir/store`), creating the folder, the catalogue's tables and
    /// tables or columns for whatever the catalogue of datasets has gained since.
    ///
    /// # Errors
    /// [`StoreError::ColumnChanged`] if a stored column has another type in `catalogue`; [`StoreError::ReservedName`];
    /// or what the database or file system says.
    pub async fn open(dir: &Path, conn: &mut AnyConnection, catalogue: &Catalogue) -> Result<Self, StoreError> {
        Self::open_with(dir, conn, catalogue, StoreOptions::default()).await
    }

    /// As [`Store::open`]. A store that has to be created takes these options; one that exists keeps its own.
    ///
    /// # Errors
    /// As [`Store::open`], and [`StoreError::BadOption`] for options that no store can have.
    pub async fn open_with(
        dir: &Path,
        conn: &mut AnyConnection,
        catalogue: &Catalogue,
        options: StoreOptions,
    ) -> Result<Self, StoreError> {
        if options.bucket_people == 0 {
            return Err(StoreError::BadOption("bucket_people", "at least 1"));
        }
        let shapes = Shape::all(catalogue)?;
        let folder = dir.join("store");
        fs::create_dir_all(&folder).map_err(StoreError::io(&folder))?;
        let folder = folder.canonicalize().map_err(StoreError::io(&folder))?;
        let data_path = format!("{}/", folder.display());
        ducklake::create_tables(conn).await?;

        let outdated = |tables: &[LakeTable], path: Option<&str>, people: Option<&str>| -> Result<bool, StoreError> {
            let mut outdated = path != Some(data_path.as_str()) || people.is_none();
            for shape in &shapes {
                outdated |= ducklake::lacks(shape, tables)?;
            }
            Ok(outdated)
        };
        let tables = ducklake::tables(conn).await?;
        let path = ducklake::metadata(conn, DATA_PATH).await?;
        let people = ducklake::metadata(conn, BUCKET_PEOPLE).await?;
        if outdated(&tables, path.as_deref(), people.as_deref())? {
            let mut tx = conn.begin().await?;
            ducklake::lock(&mut tx).await?;
            let mut people = options.bucket_people;
            match ducklake::metadata(&mut tx, DATA_PATH).await? {
                None => ducklake::begin(&mut tx, &data_path).await?,
                Some(path) => {
                    // The data folder was moved or is mounted elsewhere: the files are named relative to this path.
                    if path != data_path {
                        ducklake::set_metadata(&mut tx, DATA_PATH, &data_path).await?;
                    }
                    // A store from before buckets could be chosen.
                    people = StoreOptions::default().bucket_people;
                }
            }
            if ducklake::metadata(&mut tx, BUCKET_PEOPLE).await?.is_none() {
                ducklake::set_metadata(&mut tx, BUCKET_PEOPLE, &people.to_string()).await?;
            }
            let tables = ducklake::tables(&mut tx).await?;
            for shape in &shapes {
                if ducklake::lacks(shape, &tables)? {
                    ducklake::add(&mut tx, shape).await?;
                }
            }
            tx.commit().await?;
        }
        let mut lake: BTreeMap<String, LakeTable> =
            ducklake::tables(conn).await?.into_iter().map(|t| (t.name.clone(), t)).collect();
        let mut tables = BTreeMap::new();
        for shape in shapes {
            let lake = lake
                .remove(&shape.name)
                .ok_or_else(|| StoreError::Catalogue(format!("table `{}` was dropped meanwhile", shape.name)))?;
            tables.insert(shape.name.clone(), Table { shape, lake });
        }
        let people = ducklake::metadata(conn, BUCKET_PEOPLE).await?.and_then(|p| p.parse().ok()).filter(|p| *p > 0);
        let bucket_people =
            people.ok_or_else(|| StoreError::Catalogue("its `bucket_people` is not a count of people".to_owned()))?;
        let case_tables = case_tables::take(&mut lake);
        let options = StoreOptions { bucket_people };
        let (inlined, directories, files) = (KnownInlined::default(), Arc::default(), Arc::default());
        let inner = Inner { folder, options, tables, case_tables, inlined, directories, files };
        Ok(Self { inner: Arc::new(inner), inline_rows: INLINE_ROWS })
    }

    /// How many people share a bucket in this store.
    #[must_use]
    pub fn bucket_people(&self) -> u32 {
        self.inner.options.bucket_people
    }

    /// The same store, in whose publications at most so many rows, outcomes included, go into the catalogue instead of
    /// files; 0 for none. Read by key they are at hand at once, and a live check leaves no tiny files behind.
    #[must_use]
    pub fn with_inline_rows(mut self, rows: usize) -> Self {
        self.inline_rows = rows;
        self
    }

    pub(crate) fn table(&self, name: &str) -> Result<&Table, StoreError> {
        self.inner.table(name)
    }

    pub(crate) fn any_table(&self, name: &str) -> Result<&Table, StoreError> {
        self.inner.any_table(name)
    }
}

/// Keys of `ducklake_metadata`.
const DATA_PATH: &str = "data_path";
const BUCKET_PEOPLE: &str = "bucket_people";

impl Inner {
    /// The bucket a person's rows lie in.
    pub(crate) fn bucket_of(&self, person: PersonKey) -> u32 {
        person.0 / self.options.bucket_people
    }

    /// A dataset's table; coverage is not one.
    pub(crate) fn table(&self, name: &str) -> Result<&Table, StoreError> {
        self.tables.get(name).filter(|t| t.shape.name != COVERAGE).ok_or_else(|| StoreError::UnknownDataset {
            name: name.to_owned(),
            nearest: hedui_base::diagnostic::nearest(name, self.tables.keys().map(String::as_str)).map(str::to_owned),
        })
    }

    /// A dataset's table, that of coverage, or one of a caseload.
    pub(crate) fn any_table(&self, name: &str) -> Result<&Table, StoreError> {
        match name {
            COVERAGE => self.coverage(),
            _ => self.case_tables.get(name).map_or_else(|| self.table(name), Ok),
        }
    }

    pub(crate) fn coverage(&self) -> Result<&Table, StoreError> {
        self.tables.get(COVERAGE).ok_or_else(|| StoreError::Catalogue("it has no table of coverage".to_owned()))
    }

    pub(crate) fn path(&self, table: &str, name: &str) -> PathBuf {
        self.folder.join(table).join(name)
    }

    /// Reads a file's columns.
    pub(crate) fn read(
        &self,
        table: &str,
        name: &str,
        columns: &[&str],
    ) -> Result<polars::frame::DataFrame, StoreError> {
        file::read(&self.path(table, name), columns)
    }
}
