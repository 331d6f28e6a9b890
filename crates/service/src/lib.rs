//! The HTTP API: one household under a letter, asked live, compared, reported. Thin over `hedui-verify`.
//!
//! Every route but `/healthz` and `/openapi.json` needs an API key, which names its holder and an area; what lies outside
//! that area does not exist for it. Every look-up and every denial is an audit leaf. Answers mask names and numbers, carry
//! `Cache-Control: no-store`, and no personal value stands in a URL, an error or a log line.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let workspace = hedui_verify::Workspace::open("data".as_ref(), hedui_verify::WorkspaceOptions::default()).await?;
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! hedui_service::serve(workspace, listener, async { let _ = tokio::signal::ctrl_c().await; }).await?;
//! # Ok(()) }
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that meets an error has failed"))]

mod wire;

mod body;
mod caller;
mod problem;

mod run;
mod state;

mod routes;

mod layers;
mod serve;

pub use problem::{Kind, Problem};
pub use routes::openapi;
pub use serve::{router, serve};
pub use state::AppState;
