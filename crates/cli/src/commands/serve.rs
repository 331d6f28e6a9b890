//! `hedui serve` and `hedui key`.

use hedui_base::AreaCode;
use hedui_ledger::Ledger;
use hedui_verify::WorkspaceOptions;

use super::{Ended, Shell, open};
use crate::args::{KeyVerb, ServeArgs};
use crate::failure::{Failure, chain};
use crate::terminal;

pub(crate) async fn serve(_shell: Shell, args: ServeArgs) -> Ended {
    let options = WorkspaceOptions { site: args.site.clone(), today: args.today, ..WorkspaceOptions::default() };
    let ws = open(&args.data, options).await?;
    let listener = tokio::net::TcpListener::bind(args.listen).await.map_err(|e| {
        Failure::input_help(format!("cannot listen on {}: {e}", args.listen), "name another --listen ADDR")
    })?;
    let address = listener.local_addr().map_err(Failure::internal)?;
    terminal::note(format!("hedui API on http://{address}; its description: http://{address}/openapi.json"));
    terminal::note("a key for callers: hedui key add --data DIR --name NAME --area AREA; stop with Ctrl-C");
    hedui_service::serve(ws, listener, super::sim::interrupted()).await.map_err(|e| Failure::internal(chain(&e)))?;
    Ok(0)
}

pub(crate) async fn key(shell: Shell, verb: KeyVerb) -> Ended {
    match verb {
        KeyVerb::Add { data, name, area } => {
            let area: AreaCode = area.parse().map_err(|e| Failure::input(format!("--area: {e}")))?;
            let ws = open(&data, WorkspaceOptions::default()).await?;
            let ledger = Ledger::open(ws.dir()).await.map_err(|e| Failure::internal(chain(&e)))?;
            let mut tx = ledger.begin().await.map_err(|e| Failure::internal(chain(&e)))?;
            let secret = ledger
                .api_key_add(&mut tx, &name, area, None, ws.now())
                .await
                .map_err(|e| Failure::internal(chain(&e)))?;
            tx.commit().await.map_err(|e| Failure::internal(chain(&e)))?;
            if shell.json {
                terminal::json(&serde_json::json!({ "key": secret, "name": name, "area": area }));
            } else {
                terminal::note(format!("key for {name}, area {area}; it is shown only now:"));
                terminal::line(secret);
            }
            Ok(0)
        }
    }
}
