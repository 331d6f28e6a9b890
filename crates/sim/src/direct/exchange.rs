//! The rows of a city as institutions would hand them over: unsorted, about people known by number, in files of a few
//! thousand households each, drawn from everywhere in the city.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use hedui_connect::{Registry, Subjects};
use hedui_store::ingest::{IngestSource, Registered, write_registered};
use hedui_store::{BulkColumn, Store, StoreError};

use super::bucket::everybody;
use super::layout::Layout;
use super::line::Line;
use super::registers;
use super::sources::Sources;
use super::tables::{Origin, Table};
use super::{DirectError, DirectOptions};
use crate::city::Maker;
use crate::holders::Holders;
use crate::plant::Dealer;
use crate::shape::CityShape;

/// Households of one file.
const TOGETHER: u32 = 5_000;

/// What somebody is in the case, in bits.
const MEMBER: u8 = 1;
const OBLIGOR: u8 = 2;
const APPLICANT: u8 = 4;

/// The list of everybody, in the folder of an exchange.
pub const REGISTERED: &str = "registered.parquet";

/// An invented number of 18 digits, different for every key and without any order.
fn number(key: i64) -> i64 {
    // The factor has no divisor in common with the count of numbers, so no two keys share one.
    const COUNT: i128 = 1_000_000_000_000;
    let scattered = i128::from(key) * 741_776_259_371 % COUNT;
    990_000_000_000_000_000 + scattered as i64
}

/// Writes every row of a city, unsorted and keyed by number, and the list of everybody: rows and bytes.
///
/// # Errors
/// If a file cannot be written.
pub fn write_exchange(
    store: &Store,
    registry: &Registry,
    options: &DirectOptions,
    dir: &Path,
) -> Result<(u64, u64), DirectError> {
    let city = &options.city;
    let sources = Sources::new(registry, city.as_of);
    let holders = Holders::embedded();
    let dealer = Dealer::sparse(city.seed, holders, options.planted_each);
    let maker = Maker { shape: &CityShape::default(), holders, dealer, options: city };
    let layout = Layout::new(&maker, store.bucket_people(), options.threads);
    for held in &sources.datasets {
        std::fs::create_dir_all(dir.join(&held.dataset.name))?;
    }
    let files = city.households.div_ceil(TOGETHER);
    let (next, rows, bytes) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let ids: Vec<Box<str>> = sources.all.iter().map(|s| s.id.as_str().into()).collect();
    let work = || -> Result<Vec<(u32, Vec<Registered>)>, StoreError> {
        let mut registered = Vec::new();
        loop {
            let nth = next.fetch_add(1, Ordering::Relaxed) as u32;
            if nth >= files {
                return Ok(registered);
            }
            let filling = Filling { maker: &maker, layout: &layout, sources: &sources, ids: &ids };
            let (written, size) = filling.file(store, dir, nth, &mut registered)?;
            rows.fetch_add(written, Ordering::Relaxed);
            bytes.fetch_add(size, Ordering::Relaxed);
        }
    };
    let parts = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..options.threads.max(1)).map(|_| scope.spawn(work)).collect();
        let joined = workers.into_iter().map(|w| w.join().map_err(|_| DirectError::Stopped).and_then(|r| Ok(r?)));
        joined.collect::<Result<Vec<_>, DirectError>>()
    })?;
    let mut households: Vec<(u32, Vec<Registered>)> = parts.into_iter().flatten().collect();
    households.sort_unstable_by_key(|(index, _)| *index);
    let everybody: Vec<Registered> = households.into_iter().flat_map(|(_, people)| people).collect();
    write_registered(&dir.join(REGISTERED), &everybody)?;
    Ok((rows.into_inner(), bytes.into_inner()))
}

/// What ingesting such files needs to know about sources.
#[must_use]
pub fn exchange_sources(registry: &Registry, day: jiff::civil::Date) -> Vec<IngestSource> {
    let today = hedui_base::columns::date_to_days(day);
    let asked = today * 86_400_000_000 + 3_600_000_000;
    let sources = Sources::new(registry, day);
    let all = sources.all.iter().enumerate().map(|(nth, source)| IngestSource {
        id: source.id.clone(),
        asks: match source.subjects {
            Subjects::Members => MEMBER,
            Subjects::MembersAndObligors => MEMBER | OBLIGOR,
            Subjects::Applicant => APPLICANT,
        },
        manifest: source.manifest.clone(),
        as_of: today - 1 - nth as i64 % 5,
        asked,
        answered: asked + 3_600_000_000,
    });
    all.collect()
}

/// The files of an exchange, by dataset.
///
/// # Errors
/// If the folder cannot be read.
pub fn exchange_files(dir: &Path) -> std::io::Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let folder = entry?.path();
        let Some(name) = folder.file_name().and_then(|n| n.to_str()).filter(|_| folder.is_dir()) else { continue };
        for file in std::fs::read_dir(&folder)? {
            files.push((name.to_owned(), file?.path()));
        }
    }
    files.sort();
    Ok(files)
}

struct Filling<'a> {
    maker: &'a Maker<'a>,
    layout: &'a Layout,
    sources: &'a Sources,
    ids: &'a [Box<str>],
}

impl Filling<'_> {
    /// Households of the `nth` file: a stretch of a walk that visits each once, with long steps.
    fn households(&self, nth: u32) -> impl Iterator<Item = u32> {
        let count = u64::from(self.maker.options.households);
        let apart = |step: &u64| gcd(*step, count) == 1;
        let step = (count * 618 / 1000 + 1..).find(apart).unwrap_or(1);
        let from = u64::from(nth * TOGETHER);
        (from..(from + u64::from(TOGETHER)).min(count)).map(move |at| (at * step % count) as u32)
    }

    fn file(
        &self,
        store: &Store,
        dir: &Path,
        nth: u32,
        registered: &mut Vec<(u32, Vec<Registered>)>,
    ) -> Result<(u64, u64), StoreError> {
        let seed = self.maker.options.seed;
        let mut tables: Vec<Table> = self.sources.datasets.iter().map(Table::new).collect();
        let mut lines: Vec<Line> = Vec::new();
        for index in self.households(nth) {
            let (household, ..) = self.maker.household(index);
            let mut people = Vec::new();
            for (key, (person, is_member)) in (self.layout.people(index).start..).zip(everybody(&household)) {
                let standing = match (is_member, &*person.relation) {
                    (true, "self") => MEMBER | APPLICANT,
                    (true, _) => MEMBER,
                    (false, _) => OBLIGOR,
                };
                people.push(Registered { number: number(key), standing, letter: index });
                registers::each(self.sources, &household, person, key, seed, &mut lines, |dataset, lines| {
                    for source in &self.sources.datasets[dataset].sources {
                        let own = &self.sources.all[*source];
                        if !own.asks(is_member, person) {
                            continue;
                        }
                        let mut rows: Vec<&Line> = lines.iter().filter(|line| own.has(line)).collect();
                        rows.sort_by(|a, b| a.record_id.cmp(&b.record_id));
                        rows.dedup_by(|a, b| a.record_id == b.record_id);
                        let origin = Origin { person: number(key), source: *source, as_of: 0, ask: 0, answer: 0 };
                        rows.into_iter().for_each(|line| tables[dataset].push(origin, line, self.sources, false));
                    }
                });
            }
            registered.push((index, people));
        }
        let (mut rows, mut bytes) = (0, 0);
        for (held, table) in self.sources.datasets.iter().zip(tables) {
            if table.rows() == 0 {
                continue;
            }
            rows += table.rows() as u64;
            let columns = table.into_columns(held, self.ids);
            let Some((_, BulkColumn::Ints(numbers))) = columns.first() else { continue };
            // As an institution sorts its list: by number.
            let mut order: Vec<u32> = (0..numbers.len() as u32).collect();
            order.sort_by_key(|row| numbers.get(*row as usize));
            let sorted: Vec<(&str, BulkColumn)> =
                columns.iter().map(|(name, column)| (*name, column.taken(&order))).collect();
            let number = sorted[0].1.clone();
            let path = dir.join(&held.dataset.name).join(format!("{nth:05}.parquet"));
            bytes += store.write_unsorted(&held.dataset.name, number, &sorted, &path)?;
        }
        Ok((rows, bytes))
    }
}

const fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}
