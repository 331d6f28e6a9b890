//! Rows of a few people in one of the store's own files: the pages of people say which rows, and of every other column only
//! the pages of these rows are read; not even those if the index says what they hold.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use hedui_base::Column;

use super::kept::{OwnFile, PERSON, may_hold};
use super::people_set::PeopleSet;
use crate::parquet::decode::Values;
use crate::parquet::directory::{ColumnPages, Holds, PageBytes};
use crate::parquet::pick::{Dictionary, Picker};
use crate::rows::Rows;
use crate::shape::{Kind, ShapeColumn};

thread_local! {
    /// Room for pages, packed and unpacked.
    static ROOM: RefCell<Option<(Picker, Vec<u8>)>> = RefCell::new(Picker::new().map(|picker| (picker, Vec::new())));
}

/// A page larger than this is not one of ours.
const MOST_PAGE_BYTES: u32 = 1 << 30;

/// The rows of some people, ascending, in the order of the file; none if a page is not as this store writes it.
pub(super) fn rows(file: &File, known: &OwnFile, columns: &[&ShapeColumn], people: &[i64]) -> io::Result<Option<Rows>> {
    ROOM.with_borrow_mut(|room| {
        let Some((picker, page)) = room else { return Ok(None) };
        let mut reader = Reader { file, picker, page };
        let Some(picked) = reader.rows_of(known, people)? else { return Ok(None) };
        let mut found = Rows::none(columns);
        if picked.is_empty() {
            return Ok(Some(found));
        }
        for (column, into) in columns.iter().zip(&mut found.columns) {
            let done = match known.directory.column(&column.name) {
                Some(pages) => reader.column(pages, known.directory.rows, column.kind, &picked, into)?,
                None => {
                    nulls(into, picked.len());
                    Some(())
                }
            };
            if done.is_none() {
                return Ok(None);
            }
        }
        found.rows = picked.len();
        Ok(Some(found))
    })
}

struct Reader<'r> {
    file: &'r File,
    picker: &'r mut Picker,
    /// The page at hand, packed.
    page: &'r mut Vec<u8>,
}

impl Reader<'_> {
    fn load(&mut self, page: PageBytes) -> io::Result<Option<()>> {
        if page.length > MOST_PAGE_BYTES {
            return Ok(None);
        }
        self.page.resize(page.length as usize, 0);
        match self.file.read_exact_at(self.page, page.at) {
            // A directory that points beyond the file is damaged: the library will say what of it is left.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            read => read.map(Some),
        }
    }

    /// The rows that hold some people, ascending.
    fn rows_of(&mut self, known: &OwnFile, people: &[i64]) -> io::Result<Option<Vec<usize>>> {
        let (directory, mut found) = (&known.directory, Vec::new());
        let Some(column) = directory.column(PERSON) else { return Ok(None) };
        for (nth, page) in column.pages.iter().enumerate().filter(|(_, page)| may_hold(&page.holds, people)) {
            let rows = column.rows_of(nth, directory.rows);
            if matches!(page.holds, Holds::Int(_)) {
                found.extend(rows);
                continue;
            }
            if self.load(page.bytes)?.is_none() {
                return Ok(None);
            }
            let own = |row: usize| found.push(rows.start + row);
            if self.picker.find(self.page, rows.len(), people, own).is_none() {
                return Ok(None);
            }
            if column.pages.len() == 1 && known.everybody.get().is_none() {
                let mut all = Vec::with_capacity(rows.len());
                if self.picker.every(self.page, rows.len(), |person| all.push(person)).is_none() {
                    return Ok(None);
                }
                if all.is_sorted() {
                    // Another thread may have been faster, and found the same.
                    let _ = known.everybody.set(PeopleSet::of(all));
                }
            }
        }
        Ok(Some(found))
    }

    /// The values of a column in some rows of a file of so many.
    fn column(
        &mut self,
        column: &ColumnPages,
        rows: usize,
        kind: Kind,
        picked: &[usize],
        into: &mut Column,
    ) -> io::Result<Option<()>> {
        let values = match kind {
            Kind::Text => Values::Texts,
            Kind::Bool => Values::Bits,
            Kind::Int | Kind::Date | Kind::Time => Values::Ints,
        };
        let mut dictionary: Option<Dictionary> = None;
        let (mut rest, mut own) = (picked, Vec::new());
        while let Some(first) = rest.first() {
            let Some((page, range)) = column.page_of(*first, rows) else { return Ok(None) };
            let (here, after) = rest.split_at(rest.partition_point(|row| *row < range.end));
            rest = after;
            match (&page.holds, &mut *into) {
                (Holds::Nulls, into) => nulls(into, here.len()),
                (Holds::Int(only), Column::Int(into)) => into.extend(here.iter().map(|_| Some(*only))),
                (Holds::Text(only), Column::Text(into)) => into.extend(here.iter().map(|_| Some(Arc::clone(only)))),
                (_, into) => {
                    if let (None, Some(words)) = (&dictionary, column.dictionary) {
                        if self.load(words)?.is_none() {
                            return Ok(None);
                        }
                        dictionary = self.picker.dictionary(self.page);
                    }
                    if self.load(page.bytes)?.is_none() {
                        return Ok(None);
                    }
                    relative(here, &range, &mut own);
                    let taken = self.picker.take(self.page, range.len(), &own, values, dictionary.as_mut(), into);
                    if taken.is_none() {
                        return Ok(None);
                    }
                }
            }
        }
        if let Some(words) = dictionary {
            self.picker.take_back(words);
        }
        Ok(Some(()))
    }
}

fn relative(rows: &[usize], page: &Range<usize>, into: &mut Vec<usize>) {
    into.clear();
    into.extend(rows.iter().map(|row| row - page.start));
}

fn nulls(column: &mut Column, rows: usize) {
    match column {
        Column::Int(values) => values.extend((0..rows).map(|_| None)),
        Column::Text(values) => values.extend((0..rows).map(|_| None)),
    }
}
