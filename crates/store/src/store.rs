use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hedui_base::Catalogue;
use sqlx::{AnyConnection, Connection as _};

use crate::ducklake::{self, LakeTable};
use crate::shape::{COVERAGE, Shape};
use crate::snapshot::{At, Snapshot, SnapshotId};
use crate::{StoreError, file};

/// A store opened with a catalogue of datasets. Cheap to clone; holds no connection: each call borrows the caller's.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    /// `DIR/store`.
    pub(crate) folder: PathBuf,
    pub(crate) tables: BTreeMap<String, Table>,
}

/// One table: its shape and what the catalogue calls it.
#[derive(Debug)]
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
        let shapes = Shape::all(catalogue)?;
        let folder = dir.join("store");
        fs::create_dir_all(&folder).map_err(StoreError::io(&folder))?;
        let folder = folder.canonicalize().map_err(StoreError::io(&folder))?;
        let data_path = format!("{}/", folder.display());
        ducklake::create_tables(conn).await?;

        let outdated = |tables: &[LakeTable], path: Option<&str>| -> Result<bool, StoreError> {
            let mut outdated = path != Some(data_path.as_str());
            for shape in &shapes {
                outdated |= ducklake::lacks(shape, tables)?;
            }
            Ok(outdated)
        };
        let tables = ducklake::tables(conn).await?;
        let path = ducklake::data_path(conn).await?;
        if outdated(&tables, path.as_deref())? {
            let mut tx = conn.begin().await?;
            ducklake::lock(&mut tx).await?;
            match ducklake::data_path(&mut tx).await? {
                None => ducklake::begin(&mut tx, &data_path).await?,
                // The data folder was moved or is mounted elsewhere: the files are named relative to this path.
                Some(path) if path != data_path => {
                    sqlx::query("UPDATE ducklake_metadata SET value = $1 WHERE key = 'data_path' AND scope IS NULL")
                        .bind(&data_path)
                        .execute(&mut *tx)
                        .await?;
                }
                Some(_) => {}
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
        Ok(Self { inner: Arc::new(Inner { folder, tables }) })
    }

    /// Pins a snapshot: whatever is published later, its reads stay the same.
    ///
    /// # Errors
    /// [`StoreError::NoSnapshot`] if there is none with that id, or none yet at that time.
    pub async fn snapshot(&self, conn: &mut AnyConnection, at: At) -> Result<Snapshot, StoreError> {
        let (id, time) = match at {
            At::Latest => (None, None),
            At::Time(time) => (None, Some(time)),
            At::Id(SnapshotId(id)) => (Some(id), None),
        };
        let (id, time) = ducklake::snapshot_at(conn, id, time).await?.ok_or_else(|| {
            StoreError::NoSnapshot(match at {
                At::Latest => "at all".to_owned(),
                At::Time(time) => format!("as early as {time}"),
                At::Id(id) => id.to_string(),
            })
        })?;
        let files = ducklake::files(conn, Some(id)).await?;
        Ok(Snapshot::new(Arc::clone(&self.inner), SnapshotId(id), time, files))
    }

    pub(crate) fn table(&self, name: &str) -> Result<&Table, StoreError> {
        self.inner.table(name)
    }
}

impl Inner {
    /// A dataset's table; coverage is not one.
    pub(crate) fn table(&self, name: &str) -> Result<&Table, StoreError> {
        self.tables.get(name).filter(|t| t.shape.name != COVERAGE).ok_or_else(|| StoreError::UnknownDataset {
            name: name.to_owned(),
            nearest: hedui_base::diagnostic::nearest(name, self.tables.keys().map(String::as_str)).map(str::to_owned),
        })
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
