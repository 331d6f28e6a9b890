//! All sources in reach: embedded in the binary, from folders at run time, or both.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use hedui_base::catalogue::Title;
use hedui_base::{Catalogue, Dataset, Diagnostic, SourceId, SourceText, diagnostic};
use jiff::civil::Date;
use rust_embed::RustEmbed;

use crate::ask::AskPeriod;
use crate::calendar::Calendar;
use crate::host;
use crate::manifest::{self, Class, Files, Given, Limits, Login, Manifest, Mode, Subjects, Transport, Via};
use crate::parse::Shelf;
use crate::parse::link::Places;
use crate::replay;
use crate::sign;
use crate::site::{InstitutionSite, LimitsHere, Site};

/// Folders whose tables say what places are called now: the built-in one, and any that an operator adds.
const PLACES: &str = "_places";

#[derive(RustEmbed)]
#[folder = "../../connectors"]
#[include = "*.toml"]
#[include = "*.csv"]
#[include = "*.j2"]
#[include = "schema.json"]
struct Embedded;

/// One institution's folder: every file in it, by path relative to the folder of all institutions.
#[derive(Clone, Debug)]
pub struct InstitutionFolder {
    /// Folder name, such as `police`; `_bank` and the like are templates, not institutions.
    pub name: String,
    /// Files, named like `police/connector.toml` or `police/codes/marital.csv`.
    pub files: Vec<Arc<SourceText>>,
}

/// One source, ready to be asked.
#[derive(Debug)]
pub struct Source {
    /// Such as `police.hukou`.
    pub id: SourceId,
    /// Folder name, and the name in `site.toml`.
    pub institution: String,
    /// What it is.
    pub title: Title,
    /// Who answers.
    pub institution_title: Title,
    /// What kind of body that is.
    pub class: Class,
    /// What its rows become.
    pub dataset: Arc<Dataset>,
    /// Scope that a letter must grant.
    pub scope: String,
    /// Who is asked about.
    pub subjects: Subjects,
    /// People a call, at most.
    pub batch: usize,
    /// For how many days an answer is used again.
    pub fresh_days: u32,
    /// How it answers.
    pub mode: Mode,
    /// Whether it can prove "no record"; otherwise it can only add.
    pub can_clear: bool,
    /// SHA-256 of the manifest and all files it is made of; stands on every attempt and every coverage row.
    pub manifest_hash: String,
    /// The file it comes from.
    pub file: String,
    /// The whole plan.
    pub manifest: Manifest,
    /// What places were called and are called now.
    pub(crate) places: Arc<Places>,
    /// Dropped files that were read a moment ago.
    pub(crate) shelf: Shelf,
}

impl Source {
    /// The closed months to ask for on a day; none if the source answers with a state.
    #[must_use]
    pub fn period(&self, as_of: Date) -> Option<AskPeriod> {
        let months = i32::try_from(self.manifest.ask.months?).ok()?;
        let until = hedui_base::Month::of(as_of).plus(-1);
        Some(AskPeriod { from: until.plus(1 - months), until })
    }

    /// The day from which an answer to a request of `sent` is overdue, by the institutions' working days.
    #[must_use]
    pub fn due_on(&self, calendar: &Calendar, sent: Date) -> Option<Date> {
        calendar.working_days_after(sent, self.manifest.limits.due_working_days?)?.tomorrow().ok()
    }

    /// The account that rate and daily budget are counted by: `police`, or `police/second` where a manifest names one.
    #[must_use]
    pub fn credential(&self) -> String {
        match &self.manifest.limits.credential {
            None => self.institution.clone(),
            Some(name) => format!("{}/{name}", self.institution),
        }
    }

    /// The same source under the limits of a site; none where the site leaves them, or the source has none.
    fn under(&self, site: &Site) -> Option<Self> {
        // A folder of ours has no limits.
        if matches!(&self.manifest.transport, Transport::Drop(plan) if plan.via == Via::Dir) {
            return None;
        }
        let own = &self.manifest.limits;
        let limits = match site.of(&self.institution, self.id.as_str()) {
            Some(here) if here.limits == LimitsHere::default() => return None,
            Some(here) => here.limits.over(own.clone()),
            None if own.maintenance.is_empty() => return None,
            // Whose address nobody knows cannot be asked at any hour: that is what is told, and not when it is closed.
            None => Limits { maintenance: Vec::new(), ..own.clone() },
        };
        let manifest = Manifest { limits, ..self.manifest.clone() };
        Some(Self {
            id: self.id.clone(),
            institution: self.institution.clone(),
            title: self.title.clone(),
            institution_title: self.institution_title.clone(),
            dataset: Arc::clone(&self.dataset),
            scope: self.scope.clone(),
            manifest_hash: self.manifest_hash.clone(),
            file: self.file.clone(),
            manifest,
            places: Arc::clone(&self.places),
            shelf: Shelf::default(),
            ..*self
        })
    }
}

/// All sources by id.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    sources: BTreeMap<String, Arc<Source>>,
}

/// What loading gave: every source without an error, and everything wrong with the others.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// Sources that can be asked.
    pub registry: Registry,
    /// Errors and warnings, by file and place.
    pub diagnostics: Vec<Diagnostic>,
}

impl Loaded {
    /// Whether any manifest has an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

impl Registry {
    /// Loads folders: compiles every manifest, replays its samples, and, with a site, checks endpoints and secrets.
    #[must_use]
    pub fn load(folders: &[InstitutionFolder], catalogue: &Catalogue, site: Option<&Site>) -> Loaded {
        let mut loaded = Loaded::default();
        let tables: Vec<Arc<SourceText>> = folders
            .iter()
            .filter(|f| f.name.starts_with(PLACES))
            .flat_map(|f| f.files.iter().filter(|f| f.name.ends_with(".csv")).cloned())
            .collect();
        let (places, diagnostics) = Places::read(&tables);
        let places = Arc::new(places);
        loaded.diagnostics.extend(diagnostics);
        let all = Files::new(folders.iter().flat_map(|f| f.files.iter().cloned()));
        for folder in folders.iter().filter(|f| !f.name.starts_with('_')) {
            for file in folder.files.iter().filter(|f| is_manifest(&f.name)) {
                loaded.add(&folder.name, file, &all, catalogue, (site, &places));
            }
        }
        diagnostic::sort(&mut loaded.diagnostics);
        loaded
    }

    /// The same sources under what a site says of their limits. A source it leaves alone stays the same one.
    #[must_use]
    pub fn under(&self, site: &Site) -> Self {
        let here = |source: &Arc<Source>| source.under(site).map_or_else(|| Arc::clone(source), Arc::new);
        Self { sources: self.sources.iter().map(|(id, source)| (id.clone(), here(source))).collect() }
    }

    /// Loads what is built into the binary.
    #[must_use]
    pub fn embedded(catalogue: &Catalogue, site: Option<&Site>) -> Loaded {
        Self::load(&Self::embedded_folders(), catalogue, site)
    }

    /// The folders built into the binary, to be loaded together with further ones.
    #[must_use]
    pub fn embedded_folders() -> Vec<InstitutionFolder> {
        let texts = Embedded::iter().filter_map(|path| {
            let places = || path.strip_prefix("places/").map(|file| format!("{PLACES}.built_in/{file}"));
            let inner = path.strip_prefix("institutions/").map(str::to_owned).or_else(places)?;
            let text = String::from_utf8(Embedded::get(&path)?.data.into_owned()).ok()?;
            Some(SourceText::new(inner, text))
        });
        folders(texts)
    }

    /// Reads a folder of institutions from disk.
    ///
    /// # Errors
    /// The first file or folder that cannot be read.
    pub fn read_dir(path: &Path) -> io::Result<Vec<InstitutionFolder>> {
        let mut texts = Vec::new();
        read_texts(path, "", &mut texts)?;
        Ok(folders(texts.into_iter()))
    }

    /// A source by id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Arc<Source>> {
        self.sources.get(id)
    }

    /// All sources by id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Source>> {
        self.sources.values()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sources.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }
}

impl Loaded {
    fn add(
        &mut self,
        institution: &str,
        file: &Arc<SourceText>,
        all: &Files,
        catalogue: &Catalogue,
        (site, places): (Option<&Site>, &Arc<Places>),
    ) {
        let (manifest, hash, mut diagnostics) = manifest::read_manifest(file, all, catalogue);
        let dataset = manifest.as_ref().and_then(|m| catalogue.get(&m.map.dataset)).cloned();
        let broken = diagnostics.iter().any(Diagnostic::is_error);
        if let (Some(manifest), Some(dataset), false) = (manifest, dataset, broken) {
            let source = source(institution, file, manifest, (dataset, hash, Arc::clone(places)));
            diagnostics.extend(replay::check_samples(&source));
            diagnostics.extend(check_site(&source, file, site));
            if self.registry.get(source.id.as_str()).is_some() {
                diagnostics.push(
                    Diagnostic::error("connect::duplicate_source", format!("source `{}` is defined twice", source.id))
                        .at(file, 0..0, "second definition")
                        .help("give it another id"),
                );
            }
            if !diagnostics.iter().any(Diagnostic::is_error) {
                let source = site.and_then(|site| source.under(site)).unwrap_or(source);
                self.registry.sources.insert(source.id.as_str().to_owned(), Arc::new(source));
            }
        }
        self.diagnostics.extend(diagnostics);
    }
}

fn source(
    institution: &str,
    file: &SourceText,
    manifest: Manifest,
    (dataset, hash, places): (Arc<Dataset>, String, Arc<Places>),
) -> Source {
    Source {
        id: manifest.source.id.as_str().into(),
        institution: institution.to_owned(),
        title: manifest.source.title.clone(),
        institution_title: manifest.source.institution.clone(),
        class: manifest.source.class,
        dataset,
        scope: manifest.access.scope.clone(),
        subjects: manifest.access.subjects,
        batch: manifest.ask.batch,
        fresh_days: manifest.quality.fresh_days,
        mode: manifest.transport.mode(),
        can_clear: manifest.outcome.can_clear(),
        manifest_hash: hash,
        file: file.name.clone(),
        manifest,
        places,
        shelf: Shelf::default(),
    }
}

/// Endpoint kind and secrets that a site must give for a source.
fn check_site(source: &Source, file: &Arc<SourceText>, site: Option<&Site>) -> Vec<Diagnostic> {
    let Some(site) = site else { return Vec::new() };
    let mistake =
        |code, text: String, help: String| Diagnostic::error(code, text).at(file, 0..0, "this source").help(help);
    let folder = &source.institution;
    let Some(here) = site.of(folder, source.id.as_str()) else {
        return vec![mistake(
            "connect::no_site",
            format!("site.toml says nothing about `{folder}`"),
            format!("add [{folder}] with its endpoint"),
        )];
    };
    let mut found = Vec::new();
    let kinds: &[&str] = match &source.manifest.transport {
        Transport::Http(_) | Transport::Soap(_) | Transport::Dci(_) => &["http://", "https://"],
        Transport::Files(plan) => machines(plan.via, plan.login.as_ref()),
        Transport::Sql(_) => &["sqlite:", "postgres://", "mysql://"],
        Transport::Drop(plan) => machines(plan.via, plan.login.as_ref()),
    };
    if !kinds.iter().any(|k| here.endpoint.starts_with(k)) {
        let text = format!("the endpoint of `{folder}` does not fit its transport");
        found.push(mistake("connect::wrong_endpoint", text, format!("it must begin with {}", kinds.join(" or "))));
    }
    let vouched = here.endpoint.starts_with("ftps://") && here.tls.ca.is_some();
    let known = here.endpoint.starts_with("dir:") || vouched || here.host_key.is_some();
    if matches!(source.manifest.transport, Transport::Files(_) | Transport::Drop(_)) && !known {
        let text = format!("`{folder}` has no host_key: the server cannot be told from an impostor");
        found.push(mistake(
            "connect::no_host_key",
            text,
            "host_key = \"SHA256:...\", as `ssh-keygen -lf` prints it; for ftps as `openssl x509 -fingerprint -sha256` does".into(),
        ));
    }
    let unreadable = |key: &String| host::fingerprint(key).is_none();
    if here.endpoint.starts_with("ftps://") && here.host_key.as_ref().is_some_and(unreadable) {
        let text = format!("the host_key of `{folder}` is no fingerprint of a certificate");
        found.push(mistake(
            "connect::bad_host_key",
            text,
            "SHA-256 of the certificate, as `openssl x509 -fingerprint -sha256` prints it".into(),
        ));
    }
    found.extend(bad_keys(source, here).map(|(name, wanted)| {
        mistake(
            "connect::bad_secret",
            format!("secret `{name}` is not what the manifest needs"),
            format!("it must be {wanted}"),
        )
    }));
    let file_database = here.endpoint.starts_with("sqlite:");
    if let Transport::Sql(plan) = &source.manifest.transport
        && plan.login.is_none()
        && !file_database
    {
        let text = format!("the database of `{folder}` asks who reads, and the manifest does not say");
        let help = "login = { user = \"secret:…\", password = \"secret:…\" } in [transport]";
        found.push(mistake("connect::no_login", text, help.into()));
    }
    let asks_nobody = file_database && matches!(source.manifest.transport, Transport::Sql(_));
    for given in source.manifest.transport.secrets().into_iter().filter(|_| !asks_nobody) {
        if let Given::Secret(name) = given
            && !here.secrets.contains_key(name)
        {
            let text = format!("secret `{name}` is not in site.toml");
            found.push(mistake("connect::missing_secret", text, format!("add {name} under [{folder}.secrets]")));
        }
    }
    found
}

/// Endpoints at which files may lie.
fn machines(via: Via, login: Option<&Login>) -> &'static [&'static str] {
    match via {
        Via::Dir => &["dir:"],
        Via::Sftp | Via::Ftps if login.is_some_and(Login::is_by_key) => &["sftp://", "dir:"],
        Via::Sftp | Via::Ftps => &["sftp://", "ftps://", "dir:"],
    }
}

/// Keys of signers and ciphers that are there and cannot be used, with what is wanted instead.
fn bad_keys<'s>(source: &'s Source, here: &'s InstitutionSite) -> impl Iterator<Item = (&'s str, String)> {
    let secret = |given: &'s Given| match given {
        Given::Secret(name) => here.secrets.get(name).map(|secret| (name.as_str(), secret.reveal())),
        Given::Literal(_) => None,
    };
    let signer = source.manifest.transport.signer().and_then(|signer| {
        let (name, key) = secret(&signer.key)?;
        let bad = sign::check_key(signer, key.as_bytes()).err()?;
        Some((name, bad.wanted.to_owned()))
    });
    let cipher = match &source.manifest.transport {
        Transport::Http(plan) => plan.cipher.as_ref(),
        _ => None,
    };
    let cipher = cipher.map(|plan| (plan.cipher, &plan.key));
    let files = match &source.manifest.transport {
        Transport::Files(plan) => Some(plan.ciphers().map(|file| (file.cipher, &file.key))),
        _ => None,
    };
    let ciphers = cipher.into_iter().chain(files.into_iter().flatten()).filter_map(move |(cipher, key)| {
        let (name, key) = secret(key)?;
        let bad = cipher.key(key).err()?;
        Some((name, bad.to_string()))
    });
    signer.into_iter().chain(ciphers)
}

fn is_manifest(name: &str) -> bool {
    let base = name.rsplit('/').next().unwrap_or(name);
    base.starts_with("connector.") && base.ends_with(".toml")
}

fn folders(texts: impl Iterator<Item = Arc<SourceText>>) -> Vec<InstitutionFolder> {
    let mut by_name: BTreeMap<String, Vec<Arc<SourceText>>> = BTreeMap::new();
    for text in texts {
        if let Some((folder, _)) = text.name.split_once('/') {
            by_name.entry(folder.to_owned()).or_default().push(text);
        }
    }
    by_name
        .into_iter()
        .map(|(name, mut files)| {
            files.sort_by(|a, b| a.name.cmp(&b.name));
            InstitutionFolder { name, files }
        })
        .collect()
}

fn read_texts(path: &Path, inner: &str, texts: &mut Vec<Arc<SourceText>>) -> io::Result<()> {
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let inner = if inner.is_empty() { name.clone() } else { format!("{inner}/{name}") };
        if entry.file_type()?.is_dir() {
            read_texts(&entry.path(), &inner, texts)?;
        } else if [".toml", ".csv", ".j2"].iter().any(|end| name.ends_with(end)) {
            texts.push(SourceText::new(inner, std::fs::read_to_string(entry.path())?));
        }
    }
    Ok(())
}

/// The datasets built into the binary. What is wrong with a built-in file, a test finds, so it is left out here.
#[must_use]
pub fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::default();
    for file in dataset_files() {
        if let Ok(dataset) = Dataset::parse(&file) {
            catalogue.datasets.insert(dataset.name.clone(), Arc::new(dataset));
        }
    }
    catalogue
}

/// The JSON Schema of manifests, for editors. Empty only if the build left the file out, which a test finds.
#[must_use]
pub fn manifest_schema() -> String {
    Embedded::get("schema.json").and_then(|file| String::from_utf8(file.data.into_owned()).ok()).unwrap_or_default()
}

/// The days off built into the binary, read once. What is wrong with a built-in file, a test finds.
#[must_use]
pub fn embedded_calendar() -> Arc<Calendar> {
    static READ: OnceLock<Arc<Calendar>> = OnceLock::new();
    let read = || {
        let texts = Embedded::iter().filter(|path| path.starts_with("calendar/")).filter_map(|path| {
            let text = String::from_utf8(Embedded::get(&path)?.data.into_owned()).ok()?;
            Some(SourceText::new(path.as_ref(), text))
        });
        Arc::new(Calendar::parse(&texts.collect::<Vec<_>>()).unwrap_or_default())
    };
    Arc::clone(READ.get_or_init(read))
}

/// The dataset files built into the binary, as text.
#[must_use]
pub fn dataset_files() -> Vec<Arc<SourceText>> {
    Embedded::iter()
        .filter(|path| path.starts_with("datasets/"))
        .filter_map(|path| {
            let text = String::from_utf8(Embedded::get(&path)?.data.into_owned()).ok()?;
            Some(SourceText::new(path.as_ref(), text))
        })
        .collect()
}
