use std::future::Future;
use std::io;

use axum::Router;
use axum::middleware::from_fn;
use hedui_verify::Workspace;
use tokio::net::TcpListener;

use crate::layers::every_answer;
use crate::problem::{Kind, Problem};
use crate::routes;
use crate::state::AppState;

/// All routes over a state.
pub fn router(state: AppState) -> Router {
    let (routes, _) = routes::all().split_for_parts();
    routes
        .fallback(async || Problem::new(Kind::NotFound))
        .method_not_allowed_fallback(async || Problem::new(Kind::MethodNotAllowed))
        .layer(from_fn(every_answer))
        .with_state(state)
}

/// Serves the API until `shutdown` completes; then lets running requests and verifications end.
///
/// # Errors
/// The listener fails.
pub async fn serve(
    workspace: Workspace,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let state = AppState::new(workspace);
    axum::serve(listener, router(state.clone())).with_graceful_shutdown(shutdown).await?;
    state.finish_runs().await;
    Ok(())
}
