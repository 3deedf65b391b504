//! Which of a host's addresses is gone to: one that is silent does not stand in the way of the next.
//!
//! A name may lead to all nodes of a cluster, and the system tries the next address only when one
//! refuses. A node that is switched off, or that takes connections and says nothing, does neither.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::timeout;

use super::link::Why;
use super::options::Settled;

/// From the first packet to a connection that may be used, where no other address is left to try.
pub(super) const CONNECT: Duration = Duration::from_secs(10);

/// The same, where another one is.
const NEXT_AFTER: Duration = Duration::from_secs(3);

/// The addresses that a host's name leads to.
///
/// # Errors
/// When it leads to none, or nobody says where within [`CONNECT`].
pub(super) async fn addresses(settled: &Settled) -> Result<Vec<SocketAddr>, Why> {
    let authority = &settled.uri.authority;
    let asked = lookup_host((authority.host.as_str(), authority.port));
    let found = timeout(CONNECT, asked).await.map_err(|_| Why::silence("looking up its name"))?;
    let found: Vec<_> = found.map_err(|error| Why::new(error.to_string()))?.collect();
    if found.is_empty() { Err(Why::new("its name leads to no address")) } else { Ok(found) }
}

/// Which addresses were silent when they were last tried.
#[derive(Default)]
pub(super) struct Silent(Mutex<BTreeSet<SocketAddr>>);

impl Silent {
    /// Tries the addresses one after the other, each within a time of its own, until one connects.
    /// Those that were silent the last time come last, so that each is once given all the time.
    ///
    /// # Errors
    /// Why the one could not be connected to, or each of them. A refusal at once: whoever is not let
    /// in by one node of a cluster is not by the others.
    pub(super) async fn first<T, C>(
        &self,
        mut addresses: Vec<SocketAddr>,
        connect: impl Fn(SocketAddr, Duration) -> C,
    ) -> Result<T, Why>
    where
        C: Future<Output = Result<T, Why>>,
    {
        addresses.sort_by_key(|address| self.holds(address));
        let mut left = addresses.len();
        let mut failed = BTreeMap::new();
        for address in addresses {
            left -= 1;
            let within = if left == 0 { CONNECT } else { NEXT_AFTER };
            let tried = connect(address, within).await;
            let silent = matches!(&tried, Err(why) if why.is_silence());
            self.note(address, silent);
            match tried {
                Err(why) if !why.is_refusal() => failed.insert(address, why),
                known => return known,
            };
        }
        Err(all(failed))
    }

    fn holds(&self, address: &SocketAddr) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(address)
    }

    fn note(&self, address: SocketAddr, silent: bool) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if silent {
            known.insert(address);
        } else {
            known.remove(&address);
        }
    }
}

/// Why each of them failed, by address: said in the same order whichever was tried first.
fn all(mut failed: BTreeMap<SocketAddr, Why>) -> Why {
    match failed.pop_first() {
        None => Why::new("its name leads to no address"),
        Some((_, only)) if failed.is_empty() => only,
        Some(first) => {
            let each = std::iter::once(first).chain(failed);
            let words: Vec<_> = each.map(|(address, why)| format!("{address}: {why}")).collect();
            Why::new(words.join("; "))
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    fn at(last: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], 5672))
    }

    /// Goes to addresses of which the first is silent, the second away, the third refuses the login
    /// and the others are well. Which of them connected, or why none did; and after how long.
    async fn goes(known: &Silent, lasts: &[u8]) -> (Result<u8, String>, Duration) {
        let connect = async |address: SocketAddr, within| match address.ip().to_string().as_str() {
            "192.0.2.1" => {
                tokio::time::sleep(within).await;
                Err(Why::silence("connecting"))
            }
            "192.0.2.2" => Err(Why::new("nobody listens")),
            "192.0.2.3" => Err(Why::refusal("wrong password")),
            _ => Ok(address),
        };
        let began = Instant::now();
        let found = known.first(lasts.iter().copied().map(at).collect(), connect).await;
        let last = |address: SocketAddr| {
            lasts.iter().copied().find(|last| at(*last) == address).expect("one of them")
        };
        (found.map(last).map_err(|why| why.to_string()), began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_address_is_gone_past_and_tried_last_from_then_on() {
        let known = Silent::default();
        assert_eq!(goes(&known, &[1, 4]).await, (Ok(4), NEXT_AFTER));
        assert_eq!(goes(&known, &[1, 4]).await, (Ok(4), Duration::ZERO));
        assert_eq!(goes(&known, &[2, 4, 5]).await, (Ok(4), Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn the_only_address_and_the_last_have_all_the_time() {
        let said = "no answer while connecting".to_owned();
        assert_eq!(goes(&Silent::default(), &[1]).await, (Err(said), CONNECT));
        let said = "192.0.2.1:5672: no answer while connecting; 192.0.2.2:5672: nobody listens";
        let known = Silent::default();
        assert_eq!(goes(&known, &[1, 2]).await, (Err(said.into()), NEXT_AFTER));
        assert_eq!(goes(&known, &[1, 2]).await, (Err(said.into()), CONNECT));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_by_one_counts_for_all() {
        let refused = Err("wrong password".to_owned());
        assert_eq!(goes(&Silent::default(), &[3, 4]).await, (refused, Duration::ZERO));
    }
}
