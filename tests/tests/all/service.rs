//! A role as a service: what the manager that started it hears.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use rustix::process::Signal;
use tests::fleet::{Fleet, Process};

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

fn hear(manager: &UnixDatagram) -> String {
    let mut words = [0; 64];
    let length = manager.recv(&mut words).expect("it speaks in time");
    String::from_utf8_lossy(&words[..length]).into_owned()
}

#[tokio::test]
async fn a_manager_hears_that_a_role_is_ready_alive_and_about_to_end() {
    let fleet = Fleet::new(LONGHAUL, 1, "").await;
    let folder = tests::scratch::Folder::new();
    for role in ["coordinator", "worker"] {
        let socket = folder.path().join(role);
        let manager = UnixDatagram::bind(&socket).unwrap();
        manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut command = fleet.command(&[role]);
        command.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "200000");
        let mut process = Process::start(&mut command);
        let mut heard = Vec::new();
        while !heard.iter().any(|said| said == "READY=1") || heard.len() < 4 {
            heard.push(hear(&manager));
        }
        assert!(heard.iter().all(|said| said == "READY=1" || said == "WATCHDOG=1"), "{heard:?}");
        process.hears("is ready");
        process.is_sent(Signal::TERM);
        while hear(&manager) != "STOPPING=1" {}
        let _ = process.ends().exits(0);
    }
}
