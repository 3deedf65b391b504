//! Tells a service manager how a role fares: systemd's `Type=notify`.
//!
//! The socket is named by `NOTIFY_SOCKET`; without it all of this does nothing. What cannot be told is
//! not told: a role does not depend on who watches it.

use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The service manager, if there is one.
pub(crate) struct Manager {
    to: Option<(UnixDatagram, SocketAddr)>,
    /// How often it wants to hear that we are alive.
    watchdog: Option<Duration>,
}

impl Manager {
    /// The one that the variables name.
    pub(crate) fn named(variable: impl Fn(&str) -> Option<String>) -> Self {
        let address = variable("NOTIFY_SOCKET").and_then(|path| address(&path));
        let to = address.and_then(|address| Some((UnixDatagram::unbound().ok()?, address)));
        let number = |name: &str| variable(name)?.trim().parse::<u64>().ok();
        // A watchdog may be meant for another process that started us.
        let ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let micros = number("WATCHDOG_USEC").filter(|micros| ours && *micros > 0);
        let watchdog = micros.filter(|_| to.is_some()).map(Duration::from_micros);
        Self { to, watchdog }
    }

    /// The role works.
    pub(crate) fn ready(&self) {
        self.say("READY=1");
    }

    /// The role ends; what it has in hand may take a while.
    pub(crate) fn stopping(&self) {
        self.say("STOPPING=1");
    }

    /// Says that we are alive, as often as is wanted, for ever; so a process that hangs is noticed.
    pub(crate) async fn lives(&self) {
        let Some(patience) = self.watchdog else { return std::future::pending().await };
        loop {
            self.say("WATCHDOG=1");
            tokio::time::sleep(patience / 2).await;
        }
    }

    fn say(&self, words: &str) {
        if let Some((socket, address)) = &self.to {
            // Nobody there is nobody's fault.
            let _ = socket.send_to_addr(words.as_bytes(), address);
        }
    }
}

/// A path, or with `@` a name in Linux's own space of names.
fn address(path: &str) -> Option<SocketAddr> {
    match path.strip_prefix('@') {
        #[cfg(target_os = "linux")]
        Some(name) => {
            use std::os::linux::net::SocketAddrExt as _;
            SocketAddr::from_abstract_name(name).ok()
        }
        #[cfg(not(target_os = "linux"))]
        Some(_) => None,
        None => SocketAddr::from_pathname(path).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A manager's socket, and the manager as a role knows it.
    fn manager(watchdog: &[(&str, String)]) -> (UnixDatagram, Manager) {
        let name = format!("longhaul-test-{}", uuid::Uuid::new_v4());
        let heard = UnixDatagram::bind_addr(&address(&format!("@{name}")).unwrap()).unwrap();
        heard.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let variable = |wanted: &str| match wanted {
            "NOTIFY_SOCKET" => Some(format!("@{name}")),
            other => watchdog.iter().find(|(known, _)| *known == other).map(|(_, s)| s.clone()),
        };
        (heard, Manager::named(variable))
    }

    fn hear(socket: &UnixDatagram) -> String {
        let mut words = [0; 64];
        let length = socket.recv(&mut words).unwrap();
        String::from_utf8_lossy(&words[..length]).into_owned()
    }

    #[test]
    fn a_manager_hears_how_a_role_fares() {
        let (heard, manager) = manager(&[]);
        manager.ready();
        manager.stopping();
        assert_eq!([hear(&heard), hear(&heard)], ["READY=1", "STOPPING=1"]);
    }

    #[tokio::test]
    async fn a_watchdog_hears_of_us_twice_in_the_time_that_it_waits() {
        let (heard, manager) = manager(&[("WATCHDOG_USEC", "20000".into())]);
        let _ = tokio::time::timeout(Duration::from_millis(100), manager.lives()).await;
        assert_eq!([hear(&heard), hear(&heard)], ["WATCHDOG=1", "WATCHDOG=1"]);
    }

    #[test]
    fn a_watchdog_of_another_process_and_a_manager_that_is_not_there_are_nothing_to_us() {
        let (usec, pid) = (("WATCHDOG_USEC", "20000".into()), ("WATCHDOG_PID", "1".into()));
        assert_eq!(manager(&[usec, pid]).1.watchdog, None);
        let nobody = Manager::named(|_| None);
        nobody.ready();
        assert!(nobody.to.is_none());
    }
}
