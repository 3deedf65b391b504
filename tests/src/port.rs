//! Ports of this machine for servers that a test starts, and often takes away for a while.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ports that systems hand out to connections and to listeners that do not care (from
/// 32768 on Linux, 49152 elsewhere): the port of a server that is away must still be free when it
/// comes back.
const LOWEST: u16 = 10_000;

/// How many of them there are.
const MANY: u16 = 20_000;

/// How many were looked at by this process, so that none is given twice.
static LOOKED_AT: AtomicU16 = AtomicU16::new(0);

/// A port of this machine on which nobody listens, and which this process was not given before.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    // Processes begin far from each other, as far as that can be had without asking.
    let begin = u64::from(std::process::id()) * 7_919;
    let candidate = || begin + u64::from(LOOKED_AT.fetch_add(1, Ordering::Relaxed));
    (0..MANY)
        .map(|_| LOWEST + u16::try_from(candidate() % u64::from(MANY)).expect("it is below MANY"))
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("a free port")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_port_is_given_twice_though_it_is_free_again() {
        let ports: BTreeSet<_> = (0..100).map(|_| free_port()).collect();
        assert_eq!(ports.len(), 100);
    }
}
