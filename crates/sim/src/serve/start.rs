//! Starting one institution: its registers in wire form, its endpoint, its secrets.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hedui_connect::Source;
use hedui_connect::manifest::{FilePlan, Given, HttpPlan, Must, Transport};
use tokio::net::TcpListener;

use super::bank::Bank;
use super::faults::FaultKind;
use super::site::Block;
use super::wire::WireSource;
use super::{Running, ServeError, ServeOptions, bank, housing, http, sftp, water};
use crate::city::City;
use crate::dice::Dice;

/// Which institution of which city, and where its files go.
pub(super) struct Place<'a> {
    pub(super) city: &'a City,
    pub(super) dir: &'a Path,
    pub(super) options: &'a ServeOptions,
    pub(super) institution: &'a str,
}

impl Place<'_> {
    fn io(&self, what: impl Into<String>) -> impl FnOnce(std::io::Error) -> ServeError {
        let (institution, what) = (self.institution.to_owned(), what.into());
        move |source| ServeError::Io { institution, what, source }
    }

    async fn listen(&self) -> Result<(TcpListener, u16), ServeError> {
        let port = self.options.ports.get(self.institution).copied().unwrap_or(0);
        let at = format!("127.0.0.1:{port}");
        let listener = TcpListener::bind(&at).await.map_err(self.io(at.clone()))?;
        let port = listener.local_addr().map_err(self.io(at))?.port();
        Ok((listener, port))
    }

    /// A secret of this institution: the same for the same city, so that a restart changes none.
    fn secret(&self, name: &str) -> String {
        let mut dice = Dice::new(self.city.options.seed, &format!("secret {} {name}", self.institution), 0);
        format!("{:016x}{:016x}", dice.next(), dice.next())
    }

    fn is(&self, kind: FaultKind, source: &Source) -> bool {
        self.options.faults.of(source.id.as_str()).contains(&kind)
    }
}

/// Starts one institution with all its sources.
pub(super) async fn institution(place: &Place<'_>, sources: &[Arc<Source>]) -> Result<(Running, Block), ServeError> {
    let secrets: BTreeMap<String, String> = sources
        .iter()
        .flat_map(|s| secret_names(&s.manifest.transport))
        .map(|name| (name.clone(), place.secret(&name)))
        .collect();
    let mut running = Running::default();
    let Some(first) = sources.first() else { return Ok((running, Block::default())) };
    let down = sources.iter().all(|s| place.is(FaultKind::Down, s));
    let mut block = Block { secrets, ..Block::default() };
    match &first.manifest.transport {
        Transport::Http(_) | Transport::Soap(_) => {
            let wires = sources.iter().filter(|s| !place.is(FaultKind::Down, s)).map(|s| wire(place, s));
            let router = http::router(wires.collect::<Result<_, _>>()?, &block.secrets, place.options.slow_delay)?;
            let (listener, port) = place.listen().await?;
            block.endpoint = format!("http://127.0.0.1:{port}");
            if !down {
                let told = running.told();
                running.spawn(http::run(listener, router, told));
            }
        }
        Transport::Files(plan) => {
            let (listener, port) = place.listen().await?;
            block.endpoint = format!("sftp://127.0.0.1:{port}");
            start_bank(place, first, plan, listener, down, &mut running, &mut block)?;
        }
        Transport::Sql(plan) => {
            let file = place.dir.join("registers").join(format!("{}.db", place.institution));
            std::fs::create_dir_all(place.dir.join("registers")).map_err(place.io("registers"))?;
            block.endpoint = format!("sqlite:{}", file.display());
            if down {
                let _ = std::fs::remove_file(&file);
            } else {
                housing::write(&wire(place, first)?, plan, place.city, &file).await?;
                running.files.push(file);
            }
        }
        Transport::Drop(plan) => {
            let folder = place.dir.join("drops").join(place.institution);
            block.endpoint = format!("dir:{}", folder.display());
            water::remove(&folder);
            if !down {
                let faults = place.options.faults.of(first.id.as_str());
                water::write(first, plan, place.city, &faults, &folder)?;
                running.files.push(folder);
            }
        }
    }
    Ok((running, block))
}

fn wire(place: &Place<'_>, source: &Arc<Source>) -> Result<WireSource, ServeError> {
    let summed = source.manifest.quality.must.iter().find_map(|must| match must {
        Must::TrailerSum(column) => Some(column.as_str()),
        _ => None,
    });
    WireSource::new(source, place.city, &place.options.faults, summed)
}

fn start_bank(
    place: &Place<'_>,
    source: &Arc<Source>,
    plan: &FilePlan,
    listener: TcpListener,
    down: bool,
    running: &mut Running,
    block: &mut Block,
) -> Result<(), ServeError> {
    let root = place.dir.join("banks").join(place.institution);
    bank::make_folders(&root, plan).map_err(place.io("banks"))?;
    let mut dice = Dice::new(place.city.options.seed, &format!("host key {}", place.institution), 0);
    let mut seed = [0; 32];
    for part in seed.chunks_exact_mut(8) {
        part.copy_from_slice(&dice.next().to_le_bytes());
    }
    let no_key = || ServeError::HostKey { institution: place.institution.to_owned() };
    let (key, fingerprint) = sftp::host_key(seed).ok_or_else(no_key)?;
    block.host_key = Some(fingerprint);
    if down {
        return Ok(());
    }
    let text = |given: &Given| match given {
        Given::Literal(text) => text.clone(),
        Given::Secret(name) => block.secrets.get(name).cloned().unwrap_or_default(),
    };
    let login = sftp::Login { user: text(&plan.user), password: text(&plan.password) };
    let slow = place.is(FaultKind::Slow, source);
    let pause = if slow { place.options.slow_delay } else { Duration::ZERO };
    let bank = Bank::new(wire(place, source)?, plan, root.clone(), place.options.reply_delay + pause)?;
    let told = running.told();
    running.spawn(sftp::run(listener, key, login, root, pause, told));
    let told = running.told();
    running.spawn(bank.run(told));
    Ok(())
}

/// Names of the secrets that a transport needs.
fn secret_names(transport: &Transport) -> Vec<String> {
    let http = |plan: &HttpPlan| -> Vec<Given> {
        let signer = plan.signer.iter().flat_map(|s| [s.app.clone(), s.key.clone()]);
        plan.headers.iter().map(|(_, given)| given.clone()).chain(signer).collect()
    };
    let given = match transport {
        Transport::Http(plan) => http(plan),
        Transport::Soap(plan) => plan.headers.iter().map(|(_, given)| given.clone()).collect(),
        Transport::Files(plan) => vec![plan.user.clone(), plan.password.clone()],
        Transport::Sql(_) | Transport::Drop(_) => Vec::new(),
    };
    given
        .into_iter()
        .filter_map(|given| match given {
            Given::Secret(name) => Some(name),
            Given::Literal(_) => None,
        })
        .collect()
}
