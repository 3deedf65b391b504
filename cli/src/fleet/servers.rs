//! From the file's section `fleet` to a broker and a ledger.
//!
//! Both connect when they are first used, and go on trying; so neither need be there when a role
//! begins.

use std::sync::Arc;

use broker::{Amqp, QueueKind};
use ledger::{Ledger, Redis, RedisOptions};
use protocol::fault::Fault;
use protocol::id::WorkerId;
use protocol::wire::Keys;

use crate::assemble::{self, Settings};
use crate::config::{Queue, ServerAddress};

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The fleet's broker, for a process with so many slots.
///
/// # Errors
/// `Code::ConfigMalformed` without a fleet, `Code::SecretMissing`, `Code::UrlMalformed`.
pub(crate) fn broker(settings: &Settings, id: &WorkerId, slots: u32) -> Result<Amqp, Fault> {
    let fleet = settings.fleet()?;
    let address = fleet.broker_address(&variable)?;
    let keys = fleet.keys(&variable)?;
    let secrets = keys.keys.into_iter().map(|(id, key)| (id, key.into_bytes()));
    Amqp::new(broker::Options {
        url: with_scheme(&address, ["amqp", "amqps"]),
        password: address.password,
        tls: address.tls,
        queue: match fleet.queue {
            Queue::Auto => QueueKind::Auto,
            Queue::Classic => QueueKind::Classic,
            Queue::Quorum => QueueKind::Quorum,
        },
        generation: fleet.generation,
        slots: u16::try_from(slots.max(1)).unwrap_or(u16::MAX),
        keys: Keys::new(keys.current, secrets)?,
        name: format!("longhaul {id}"),
        ..broker::Options::new("", &fleet.name)
    })
}

/// The fleet's ledger.
///
/// # Errors
/// `Code::ConfigMalformed` without a fleet, `Code::SecretMissing`, `Code::UrlMalformed`.
pub(crate) fn ledger(settings: &Settings) -> Result<Arc<dyn Ledger>, Fault> {
    let fleet = settings.fleet()?;
    let address = fleet.ledger_address(&variable)?;
    let options = RedisOptions {
        url: with_scheme(&address, ["redis", "rediss"]),
        password: address.password,
        tls: address.tls,
        fleet: fleet.name.clone(),
    };
    Ok(Arc::new(Redis::new(&options, assemble::clock())?))
}

/// The URL with the scheme that says whether it is encrypted: what the file says of `tls` counts.
fn with_scheme(address: &ServerAddress, [plain, encrypted]: [&str; 2]) -> String {
    let scheme = if address.tls.is_some() { encrypted } else { plain };
    let rest = address.url.split_once("://").map_or(address.url.as_str(), |(_, rest)| rest);
    format!("{scheme}://{rest}")
}
