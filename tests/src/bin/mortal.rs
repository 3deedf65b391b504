//! The executable as it is, and with named places to die.
//!
//! `LONGHAUL_TEST_DIE_AT=worker:Committed:2` sends SIGKILL to the process itself the second time a
//! worker passes that point. `LONGHAUL_TEST_BROKEN=commit-first` puts the broken target in place,
//! which has one point more, `broken:Between`; those who come to kill it from outside need none.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use longhaul::Probes;
use tests::broken::CommitFirst;
use tests::command::{BROKEN, DIE_AT};

#[tokio::main]
async fn main() -> ExitCode {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut probes = Probes::default();
    let death = std::env::var(DIE_AT).ok().map(|place| Arc::new(Death::at(&place)));
    if let Some(death) = &death {
        let (of_worker, of_coordinator) = (death.clone(), death.clone());
        probes.worker = Arc::new(move |point| of_worker.passed(&format!("worker:{point:?}")));
        probes.coordinator =
            Arc::new(move |point| of_coordinator.passed(&format!("coordinator:{point:?}")));
    }
    if std::env::var(BROKEN).is_ok() {
        probes.target = Arc::new(move |inner| {
            let death = death.clone();
            let pass = move || death.iter().for_each(|death| death.passed("broken:Between"));
            Arc::new(CommitFirst { inner, between: Arc::new(pass) })
        });
    }
    ExitCode::from(longhaul::run(std::env::args_os(), probes).await)
}

/// A place and how often it may be passed.
struct Death {
    place: String,
    left: AtomicU32,
}

impl Death {
    fn at(text: &str) -> Self {
        let (place, time) = text.rsplit_once(':').expect("PLACE:TIME");
        let left = AtomicU32::new(time.parse().expect("a number of times"));
        Self { place: place.to_string(), left }
    }

    fn passed(&self, place: &str) {
        if place == self.place && self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            let me = rustix::process::getpid();
            let _ = rustix::process::kill_process(me, rustix::process::Signal::KILL);
        }
    }
}
