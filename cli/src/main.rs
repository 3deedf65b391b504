//! The executable `longhaul`.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    // Two crates build TLS settings without naming a provider, and would panic if a second one
    // were ever compiled in; so the provider is named before anything else happens.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    ExitCode::from(longhaul::run(std::env::args_os(), longhaul::Probes::default()).await)
}
