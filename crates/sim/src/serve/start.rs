//! Starting one institution: its sources by how they are asked, its endpoints, its secrets.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hedui_connect::Source;
use hedui_connect::manifest::{Given, Transport, Via};
use tokio::net::TcpListener;

use super::database::{Databases, Home};
use super::door::{self, Door};
use super::registers::Registers;
use super::site::{self, Address, Block};
use super::still::Still;
use super::tls::Certificates;
use super::wire::{WireSource, lacks};
use super::{Running, ServeError, ServeOptions, files, http, secrets};
use crate::faults::{FaultKind, Trouble};

/// Which institution of which city, and where its files go.
pub(super) struct Place<'a> {
    pub(super) registers: Arc<Registers>,
    pub(super) dir: &'a Path,
    pub(super) options: &'a ServeOptions,
    pub(super) institution: &'a str,
    /// What goes wrong with each of its sources.
    pub(super) troubles: &'a BTreeMap<String, Arc<Trouble>>,
    /// Database servers, if views lie in them.
    pub(super) databases: Option<&'a Databases>,
}

impl Place<'_> {
    pub(super) fn io(&self, what: impl Into<String>) -> impl FnOnce(std::io::Error) -> ServeError {
        let (institution, what) = (self.institution.to_owned(), what.into());
        move |source| ServeError::Io { institution, what, source }
    }

    pub(super) async fn listen(&self) -> Result<(TcpListener, u16), ServeError> {
        let port = self.options.ports.get(self.institution).copied().unwrap_or(0);
        let at = format!("127.0.0.1:{port}");
        let listener = TcpListener::bind(&at).await.map_err(self.io(at.clone()))?;
        let port = listener.local_addr().map_err(self.io(at))?.port();
        Ok((listener, port))
    }

    /// A folder or file of this institution's own.
    pub(super) fn path(&self, kind: &str) -> PathBuf {
        self.dir.join(kind).join(self.institution)
    }

    pub(super) fn wires(&self, sources: &[&Arc<Source>]) -> Result<Vec<WireSource>, ServeError> {
        let wire = |source: &&Arc<Source>| WireSource::new(source, &self.registers, &self.trouble(source));
        sources.iter().map(wire).collect()
    }

    pub(super) fn trouble(&self, source: &Source) -> Arc<Trouble> {
        let calm = || Arc::new(Trouble::new(self.registers.seed, source.id.as_str(), Vec::new()));
        self.troubles.get(source.id.as_str()).map_or_else(calm, Arc::clone)
    }
}

/// How sources share an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Http,
    Files(ViaKind),
    Sql,
    Drop,
    /// Dropped files on a server of the institution's own.
    DropAway(ViaKind),
}

/// How files travel, in the order in which one becomes the institution's first endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ViaKind {
    Sftp,
    Ftps,
    Dir,
}

impl From<Via> for ViaKind {
    fn from(via: Via) -> Self {
        match via {
            Via::Sftp => Self::Sftp,
            Via::Ftps => Self::Ftps,
            Via::Dir => Self::Dir,
        }
    }
}

fn kind(source: &Source) -> Kind {
    match &source.manifest.transport {
        Transport::Http(_) | Transport::Soap(_) | Transport::Dci(_) => Kind::Http,
        Transport::Files(plan) => Kind::Files(plan.via.into()),
        Transport::Sql(_) => Kind::Sql,
        Transport::Drop(plan) if plan.via == Via::Dir => Kind::Drop,
        Transport::Drop(plan) => Kind::DropAway(plan.via.into()),
    }
}

/// Starts one institution with all its sources.
pub(super) async fn institution(place: &Place<'_>, sources: &[Arc<Source>]) -> Result<(Running, Block), ServeError> {
    let secrets = secrets::all(place.institution, sources, place.registers.seed, &place.dir.join("keys"))?;
    let mut running = Running::default();
    let mut block = Block { secrets, relaxed: site::relaxed(sources, place.options.rate), ..Block::default() };
    let mut groups: BTreeMap<Kind, Vec<&Arc<Source>>> = BTreeMap::new();
    for source in sources {
        groups.entry(kind(source)).or_default().push(source);
    }
    let mut addresses = Vec::new();
    for (kind, sources) in groups {
        let started = match kind {
            Kind::Http => start_http(place, &sources, &block.secrets, &mut running).await,
            Kind::Files(via) => files::start(place, &sources, via, &block.secrets, &mut running).await,
            Kind::DropAway(via) => files::start_drops(place, &sources, via, &block.secrets, &mut running).await,
            Kind::Sql | Kind::Drop => start_still(place, &sources, kind, &block.secrets, &mut running).await,
        };
        match started {
            Ok(address) => addresses.push((address, sources)),
            Err(error) => {
                running.stop().await;
                return Err(error);
            }
        }
    }
    let mut addresses = addresses.into_iter();
    if let Some((first, _)) = addresses.next() {
        block.place = first;
    }
    for (address, sources) in addresses {
        block.sources.extend(sources.iter().map(|source| (source.id.to_string(), address.clone())));
    }
    Ok((running, block))
}

async fn start_http(
    place: &Place<'_>,
    sources: &[&Arc<Source>],
    secrets: &BTreeMap<String, String>,
    running: &mut Running,
) -> Result<Address, ServeError> {
    let router = http::router(place.wires(sources)?, secrets, place.options.reply_delay)?;
    let (listener, port) = place.listen().await?;
    let troubles: Vec<_> = sources.iter().map(|source| place.trouble(source)).collect();
    let expires = |trouble: &Arc<Trouble>| trouble.plans(FaultKind::CertificateExpired);
    let secure = place.options.tls.has(place.institution) || troubles.iter().any(expires);
    let make = || Certificates::make(place.institution, &place.dir.join("tls"));
    let certificates = if secure { Some(make()?) } else { None };
    let scheme = if secure { "https" } else { "http" };
    let ca = certificates.as_ref().map(|made| made.authority.display().to_string());
    let door = Door::new(listener, troubles, certificates);
    let told = running.told();
    running.spawn(door::run(door, router, told));
    Ok(Address { endpoint: format!("{scheme}://127.0.0.1:{port}"), ca, ..Address::default() })
}

async fn start_still(
    place: &Place<'_>,
    sources: &[&Arc<Source>],
    kind: Kind,
    secrets: &BTreeMap<String, String>,
    running: &mut Running,
) -> Result<Address, ServeError> {
    let wires = Arc::new(place.wires(sources)?);
    if let (Kind::Sql, Some(server)) = (kind, place.databases.and_then(|d| d.of(place.institution))) {
        let home = Arc::new(Home::make(server, place.institution, reader(&wires, secrets)?).await?);
        let endpoint = home.endpoint();
        let still = Still::Server { wires, home };
        still.write().await?;
        running.keep(still);
        return Ok(Address { endpoint, tls: Some("off"), ..Address::default() });
    }
    let (still, endpoint) = if kind == Kind::Sql {
        let folder = place.dir.join("registers");
        std::fs::create_dir_all(&folder).map_err(place.io("registers"))?;
        let file = folder.join(format!("{}.db", place.institution));
        let endpoint = format!("sqlite:{}", file.display());
        (Still::Database { wires, file }, endpoint)
    } else {
        let folder = place.path("drops");
        let endpoint = format!("dir:{}", folder.display());
        (Still::Folder { wires, folder }, endpoint)
    };
    still.write().await?;
    running.keep(still);
    Ok(Address { endpoint, ..Address::default() })
}

/// The account by which an institution's views are read: one for all of them.
fn reader(wires: &[WireSource], secrets: &BTreeMap<String, String>) -> Result<(String, String), ServeError> {
    let mut found = None;
    for wire in wires {
        let Transport::Sql(plan) = &wire.source.manifest.transport else { continue };
        let login = plan.login.as_ref().ok_or_else(|| lacks(&wire.source, "[transport] login"))?;
        let text = |given: &Given| match given {
            Given::Literal(text) => text.clone(),
            Given::Secret(name) => secrets.get(name).cloned().unwrap_or_default(),
        };
        let own = (text(&login.user), text(&login.password));
        if found.get_or_insert_with(|| own.clone()) != &own {
            return Err(wire.lack("the same login as the institution's other sources"));
        }
    }
    // Only views are grouped here, and each of them has named its login.
    Ok(found.unwrap_or_default())
}
