//! The executable `longhaul`.

use std::process::ExitCode;
use std::thread::available_parallelism;

/// Threads that poll: half of the cores, where nobody says otherwise in tokio's own variable. Rows
/// go from one socket to another, so the cores are for the servers; and handing each message from
/// thread to thread took a quarter of our processor time where every core had a thread. A file of
/// SQLite has threads of its own.
fn threads() -> usize {
    let said = std::env::var("TOKIO_WORKER_THREADS").ok().and_then(|said| said.parse().ok());
    said.unwrap_or_else(|| available_parallelism().map_or(1, |cores| cores.get() / 2)).max(1)
}

fn main() -> ExitCode {
    // Two crates build TLS settings without naming a provider, and would panic if a second one
    // were ever compiled in; so the provider is named before anything else happens.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    longhaul::tell_of_panics();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads())
        .enable_all()
        .build()
        .expect("threads and sockets are to be had");
    let arguments: Vec<_> = std::env::args_os().collect();
    let run = longhaul::run(arguments, longhaul::Probes::default());
    // Spawned, so that it shares a thread with what it waits for.
    let run = async { runtime.spawn(run).await };
    match runtime.block_on(run) {
        Ok(code) => ExitCode::from(code),
        // What is not caught before has nowhere else to go, and was told.
        Err(_) => ExitCode::FAILURE,
    }
}
