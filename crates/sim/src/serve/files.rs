//! Institutions with files: over SFTP, over FTPS, or in a folder that both sides see.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hedui_connect::manifest::{self, Given, LoginProof, Transport};
use hedui_connect::{InstitutionSite, Secret, Source};

use super::exchange::{self, Bell, Exchange};
use super::sftp::{self, Login, Proof, Shown};
use super::site::Address;
use super::start::{Place, ViaKind};
use super::still::Still;
use super::tls::Certificates;
use super::wire::{WireSource, lacks};
use super::{Running, ServeError, ftps};
use crate::dice::Dice;

/// How often a folder is looked into although nobody said that a file came.
const SELDOM: Duration = Duration::from_secs(2);
/// How often where nobody says so.
const OFTEN: Duration = Duration::from_millis(100);

/// 32 bytes, the same for the same city.
pub(super) fn seed(seed: u64, purpose: &str) -> [u8; 32] {
    let mut dice = Dice::new(seed, purpose, 0);
    let mut bytes = [0; 32];
    for part in bytes.chunks_exact_mut(8) {
        part.copy_from_slice(&dice.next().to_le_bytes());
    }
    bytes
}

/// Starts an institution's exchanges that go the same way.
pub(super) async fn start(
    place: &Place<'_>,
    sources: &[&Arc<Source>],
    via: ViaKind,
    secrets: &BTreeMap<String, String>,
    running: &mut Running,
) -> Result<Address, ServeError> {
    // A folder of its own for each way, so that one does not show what travels by another.
    let root = place.path(match via {
        ViaKind::Sftp => "exchange",
        ViaKind::Ftps => "exchange-ftps",
        ViaKind::Dir => "exchange-dir",
    });
    std::fs::create_dir_all(&root).map_err(place.io("exchange"))?;
    // A site file may be read from another folder than this.
    let root = root.canonicalize().map_err(place.io("exchange"))?;
    let site = InstitutionSite {
        secrets: secrets.iter().map(|(name, text)| (name.clone(), Secret::new(text.clone()))).collect(),
        ..InstitutionSite::default()
    };
    let (bell, mut exchanges, mut login) = (Bell::default(), Vec::new(), None);
    let mut patterns = BTreeSet::new();
    for wire in place.wires(sources)? {
        let source = Arc::clone(&wire.source);
        let Transport::Files(plan) = &source.manifest.transport else { continue };
        if !patterns.insert((plan.put.dir.clone(), plan.put.name.clone())) {
            return Err(wire.lack("request files of its own: another source of the institution names them alike"));
        }
        Exchange::make_folders(&root, plan).map_err(place.io("exchange"))?;
        if via != ViaKind::Dir {
            let own = login_of(&wire, plan.login.as_ref(), secrets)?;
            if login.get_or_insert_with(|| own.clone()) != &own {
                return Err(wire.lack("the same login as the institution's other sources"));
            }
        }
        let seen = via != ViaKind::Dir;
        exchanges.push(Exchange::new(wire, plan, root.clone(), place.options.reply_delay, seen, site.clone())?);
    }
    if via == ViaKind::Dir {
        exchange::is_down(&exchanges);
        running.folders.push(root.clone());
    }
    let address = show(place, sources, (via, login), root, bell.clone(), running).await?;
    let told = running.told();
    running.spawn(exchange::run(exchanges, bell, if via == ViaKind::Dir { OFTEN } else { SELDOM }, told));
    Ok(address)
}

/// Starts an institution's dropped files that lie on a server of its own.
pub(super) async fn start_drops(
    place: &Place<'_>,
    sources: &[&Arc<Source>],
    via: ViaKind,
    secrets: &BTreeMap<String, String>,
    running: &mut Running,
) -> Result<Address, ServeError> {
    let wires = Arc::new(place.wires(sources)?);
    let folder = place.path("drops-away");
    std::fs::create_dir_all(&folder).map_err(place.io("drops"))?;
    let mut login = None;
    for wire in wires.iter() {
        let Transport::Drop(plan) = &wire.source.manifest.transport else { continue };
        let own = login_of(wire, plan.login.as_ref(), secrets)?;
        if login.get_or_insert_with(|| own.clone()) != &own {
            return Err(wire.lack("the same login as the institution's other sources"));
        }
    }
    let root = folder.canonicalize().map_err(place.io("drops"))?;
    let still = Still::Folder { wires, folder };
    still.write().await?;
    running.keep(still);
    show(place, sources, (via, login), root, Bell::default(), running).await
}

/// Shows a folder as the institution does.
async fn show(
    place: &Place<'_>,
    sources: &[&Arc<Source>],
    (via, login): (ViaKind, Option<Login>),
    root: PathBuf,
    bell: Bell,
    running: &mut Running,
) -> Result<Address, ServeError> {
    let troubles = sources.iter().map(|source| place.trouble(source)).collect();
    let Some(first) = sources.first() else { return Ok(Address::default()) };
    Ok(match (via, login) {
        (ViaKind::Dir, _) => Address { endpoint: format!("dir:{}", root.display()), ..Address::default() },
        (_, None) => return Err(lacks(first, "a login")),
        (ViaKind::Sftp, Some(login)) => {
            let (listener, port) = place.listen().await?;
            let seed = seed(place.registers.seed, &format!("host key {}", place.institution));
            let (key, fingerprint) = sftp::host_key(seed).ok_or_else(|| lacks(first, "a host key"))?;
            let shown = Shown { login, root, bell, troubles };
            let told = running.told();
            running.spawn(sftp::run(listener, key, shown, told));
            Address { endpoint: format!("sftp://127.0.0.1:{port}"), host_key: Some(fingerprint), ..Address::default() }
        }
        (ViaKind::Ftps, Some(login)) => {
            let (listener, port) = place.listen().await?;
            let certificates = Certificates::make(place.institution, &place.dir.join("tls"))?;
            let pin = Some(ftps::pin(&certificates));
            let shown = Shown { login, root, bell, troubles };
            let told = running.told();
            running.spawn(ftps::run(listener, certificates, shown, told));
            Address { endpoint: format!("ftps://127.0.0.1:{port}"), host_key: pin, ..Address::default() }
        }
    })
}

fn login_of(
    wire: &WireSource,
    login: Option<&manifest::Login>,
    secrets: &BTreeMap<String, String>,
) -> Result<Login, ServeError> {
    let text = |given: &Given| match given {
        Given::Literal(text) => text.clone(),
        Given::Secret(name) => secrets.get(name).cloned().unwrap_or_default(),
    };
    let login = login.ok_or_else(|| wire.lack("a login"))?;
    let proof = match &login.proof {
        LoginProof::Password(password) => Proof::Password(text(password)),
        LoginProof::Key { key, .. } => {
            let key = sftp::public_half(&text(key)).ok_or_else(|| wire.lack("a key as OpenSSH writes it"))?;
            Proof::Key(Box::new(key))
        }
    };
    Ok(Login { user: text(&login.user), proof })
}
