//! One file as columns of cells, whether it came as CSV or Parquet.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use polars::prelude as pl;
use polars::prelude::SerReader as _;
use polars_parquet::parquet::metadata::SchemaDescriptor;
use polars_parquet::parquet::schema::types::{ParquetType, PrimitiveConvertedType, PrimitiveLogicalType};

use super::Problem;

/// A file of rows.
#[derive(Debug)]
pub(super) struct Sheet {
    /// File name for messages.
    pub(super) file: String,
    /// Row number of the first record, as messages count.
    pub(super) first_row: usize,
    pub(super) rows: usize,
    pub(super) columns: Vec<(String, Cells)>,
    /// Rows that have too few or too many cells.
    pub(super) ragged: Vec<usize>,
}

/// The cells of a column, as the file holds them.
#[derive(Debug)]
pub(super) enum Cells {
    Text(Texts),
    Int(Vec<Option<i64>>),
    /// Days since 1970-01-01.
    Date(Vec<Option<i64>>),
    Bool(Vec<Option<bool>>),
    /// Unscaled values and digits after the point.
    Decimal(Vec<Option<i128>>, u32),
    /// Binary floating point: refused wherever it is used.
    Float,
    /// Any other type of Parquet.
    Other(String),
}

/// Texts one after another; an empty one is null.
#[derive(Debug, Default)]
pub(super) struct Texts {
    data: String,
    ends: Vec<usize>,
}

impl Texts {
    fn push(&mut self, text: &str) {
        self.data.push_str(text);
        self.ends.push(self.data.len());
    }

    pub(super) fn get(&self, row: usize) -> Option<&str> {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        Some(&self.data[start..self.ends[row]]).filter(|t| !t.is_empty())
    }
}

impl Sheet {
    /// Reads a file by its extension.
    pub(super) fn read(path: &Path, name: &str) -> Result<Self, Vec<Problem>> {
        let parquet = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("parquet"));
        let sheet = if parquet { read_parquet(path, name) } else { read_csv(path, name) }.map_err(|p| vec![*p])?;
        let mut problems = Vec::new();
        for (at, (column, _)) in sheet.columns.iter().enumerate() {
            if sheet.columns[..at].iter().any(|(other, _)| other == column) {
                problems.push(
                    Problem::of_file(name, "the column is there twice").column(column).help("keep one of the two"),
                );
            }
        }
        if problems.is_empty() { Ok(sheet) } else { Err(problems) }
    }

    /// Row number for messages.
    pub(super) const fn row(&self, at: usize) -> usize {
        self.first_row + at
    }

    pub(super) fn column(&self, name: &str) -> Option<&Cells> {
        self.columns.iter().find(|(n, _)| n == name).map(|(_, c)| c)
    }
}

fn unreadable(name: &str, error: &std::io::Error) -> Box<Problem> {
    Box::new(Problem::of_file(name, format!("cannot be read: {error}")).help("check the path and its permissions"))
}

fn read_csv(path: &Path, name: &str) -> Result<Sheet, Box<Problem>> {
    let bytes = fs::read(path).map_err(|e| unreadable(name, &e))?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let not_utf8 = |row: usize| {
        let help = "save it as CSV UTF-8 (files from older spreadsheets are often GBK)";
        Box::new(Problem::of_file(name, "is not UTF-8").row(row).help(help))
    };
    let broken =
        |row: usize| Box::new(Problem::of_file(name, "is not readable as CSV").row(row).help("check the quotes"));
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    let header = reader.byte_headers().map_err(|_| broken(1))?;
    let names: Vec<String> = header
        .iter()
        .map(|cell| std::str::from_utf8(cell).map(|c| c.trim().to_owned()).map_err(|_| not_utf8(1)))
        .collect::<Result<_, _>>()?;
    if names.iter().all(String::is_empty) {
        let help = "the first row names the columns";
        return Err(Box::new(Problem::of_file(name, "has no header row").help(help)));
    }
    let mut columns: Vec<Texts> = names.iter().map(|_| Texts::default()).collect();
    let (mut rows, mut ragged) = (0, Vec::new());
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(|_| broken(rows + 2))? {
        if record.len() != names.len() {
            ragged.push(rows);
        }
        for (at, column) in columns.iter_mut().enumerate() {
            let cell = std::str::from_utf8(record.get(at).unwrap_or_default()).map_err(|_| not_utf8(rows + 2))?;
            column.push(cell);
        }
        rows += 1;
    }
    let columns = names.into_iter().zip(columns.into_iter().map(Cells::Text)).collect();
    Ok(Sheet { file: name.to_owned(), first_row: 2, rows, columns, ragged })
}

fn read_parquet(path: &Path, name: &str) -> Result<Sheet, Box<Problem>> {
    let damaged = |_| Box::new(Problem::of_file(name, "is not readable as Parquet").help("write it again"));
    let file = File::open(path).map_err(|e| unreadable(name, &e))?;
    let mut reader = pl::ParquetReader::new(file).set_rechunk(true);
    // Decimals are read as the integers or bytes they are made of: polars rounds and this must be exact, and without
    // its decimal feature it does not read them at all.
    let mut metadata = (**reader.get_metadata().map_err(damaged)?).clone();
    let mut scales: BTreeMap<String, u32> = BTreeMap::new();
    let mut fields = metadata.schema().fields().to_vec();
    for field in &mut fields {
        if let ParquetType::PrimitiveType(primitive) = field {
            let scale = match (primitive.logical_type, primitive.converted_type) {
                (Some(PrimitiveLogicalType::Decimal(_, scale)), _)
                | (_, Some(PrimitiveConvertedType::Decimal(_, scale))) => scale,
                _ => continue,
            };
            (primitive.logical_type, primitive.converted_type) = (None, None);
            scales.insert(primitive.field_info.name.to_string(), u32::try_from(scale).unwrap_or(u32::MAX));
        }
    }
    metadata.schema_descr = SchemaDescriptor::new("schema".into(), fields);
    metadata.key_value_metadata = None;
    reader.set_metadata(Arc::new(metadata));

    let schema = reader.schema().map_err(damaged)?;
    let mut wanted = Vec::new();
    let mut refused: Vec<(String, Cells)> = Vec::new();
    for (column, field) in schema.iter() {
        use pl::ArrowDataType as A;
        match &field.dtype {
            A::Int32 | A::Int64 | A::Boolean | A::Date32 | A::Utf8 | A::LargeUtf8 | A::Utf8View => {
                wanted.push(column.to_string());
            }
            A::FixedSizeBinary(_) | A::Binary | A::LargeBinary | A::BinaryView
                if scales.contains_key(column.as_str()) =>
            {
                wanted.push(column.to_string());
            }
            A::Float16 | A::Float32 | A::Float64 => refused.push((column.to_string(), Cells::Float)),
            other => refused.push((column.to_string(), Cells::Other(format!("{other:?}")))),
        }
    }
    let rows = reader.num_rows().map_err(damaged)?;
    let frame = reader.with_columns(Some(wanted)).finish().map_err(damaged)?;
    let mut columns = refused;
    for column in frame.columns() {
        let series = column.as_materialized_series();
        let scale = scales.get(column.name().as_str());
        let cells = cells(series, scale.copied()).map_err(damaged)?;
        columns.push((column.name().to_string(), cells));
    }
    Ok(Sheet { file: name.to_owned(), first_row: 1, rows, columns, ragged: Vec::new() })
}

fn cells(series: &pl::Series, scale: Option<u32>) -> pl::PolarsResult<Cells> {
    let ints = |s: &pl::Series| -> pl::PolarsResult<Vec<Option<i64>>> {
        Ok(match s.dtype() {
            pl::DataType::Int32 => s.i32()?.iter().map(|v| v.map(i64::from)).collect(),
            _ => s.i64()?.iter().collect(),
        })
    };
    Ok(match (series.dtype(), scale) {
        (pl::DataType::Binary, Some(scale)) => {
            Cells::Decimal(series.binary()?.iter().map(|v| v.and_then(big_endian)).collect(), scale)
        }
        (_, Some(scale)) => Cells::Decimal(ints(series)?.into_iter().map(|v| v.map(i128::from)).collect(), scale),
        (pl::DataType::String, _) => {
            let mut texts = Texts::default();
            series.str()?.iter().for_each(|t| texts.push(t.unwrap_or_default()));
            Cells::Text(texts)
        }
        (pl::DataType::Boolean, _) => Cells::Bool(series.bool()?.iter().collect()),
        (pl::DataType::Date, _) => {
            Cells::Date(series.to_physical_repr().i32()?.iter().map(|v| v.map(i64::from)).collect())
        }
        _ => Cells::Int(ints(series)?),
    })
}

/// A two's-complement number of up to 16 bytes, most significant first.
fn big_endian(bytes: &[u8]) -> Option<i128> {
    if bytes.is_empty() || bytes.len() > 16 {
        return None;
    }
    let negative = bytes[0] & 0x80 != 0;
    let mut wide = if negative { [0xff; 16] } else { [0; 16] };
    wide[16 - bytes.len()..].copy_from_slice(bytes);
    Some(i128::from_be_bytes(wide))
}
