//! The admin port of a coordinator or worker: `/healthz`, `/readyz`, `/metrics`.
//!
//! For probes and scrapers inside a network; it shows counts and names of runs, takes no commands,
//! and has no password. How many are let in, and for how long, is up to the doorman.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use protocol::fault::{Code, Fault};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::doorman::Doorman;
use super::health::Health;

/// How Prometheus calls the text that it is given.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Opens the port and serves until the process ends. Returns the address, for a port that the
/// system chose.
///
/// # Errors
/// `Code::Usage` when the address cannot be listened on.
pub(crate) async fn serve(
    address: SocketAddr,
    health: Arc<Health>,
) -> Result<(SocketAddr, JoinHandle<()>), Fault> {
    let refused = |error: std::io::Error| {
        Fault::new(Code::Usage, address.to_string())
            .saying("the admin port cannot be opened")
            .next("Name another address with `--admin`, or end what listens there.")
            .because(error)
    };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let bound = listener.local_addr().map_err(refused)?;
    let (ready, metrics) = (health.clone(), health);
    let routes = Router::new()
        .route("/healthz", get(|| std::future::ready("alive\n")))
        .route("/readyz", get(move || readyz(ready.clone())))
        .route("/metrics", get(move || scraped(metrics.clone())));
    let serving = tokio::spawn(async move {
        // It ends with the process; a client that misbehaves ends only its own connection.
        let _ = axum::serve(Doorman::at(listener), routes).await;
    });
    Ok((bound, serving))
}

async fn readyz(health: Arc<Health>) -> impl IntoResponse {
    match health.hindrance().await {
        None => (StatusCode::OK, "ready\n".to_string()),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}

async fn scraped(health: Arc<Health>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, OPEN_METRICS)], health.scrape().await)
}
