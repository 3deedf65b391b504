//! Which characters a character set of the server has.

use std::sync::Arc;

use protocol::cell::Repertoire;
use protocol::fault::Fault;

use super::connect::{Door, Duty};
use super::{faults, words};
use crate::Lacking;

/// Characters in one question: some tens of kilobytes, far below what servers take.
const ASKED: usize = 8192;

/// Lets the server convert every character there and back: it keeps those that come back as they were,
/// as a column of that set would. No `sql_mode` makes this an error, and what the set lacks comes back as `?`, or
/// as another character.
pub(super) async fn repertoire(door: &Arc<Door>, charset: &str) -> Result<Option<Lacking>, Fault> {
    let unexpected = || faults::unexpected(door.place(), "its answer about a character set");
    if !charset.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(unexpected());
    }
    let mut link = door.open("longhaul:charset", Duty::Read).await?;
    let asked: Vec<char> = Repertoire::asked().collect();
    let (mut kept, mut changes) = (Vec::new(), false);
    for asked in asked.chunks(ASKED) {
        let text = words::literal(&asked.iter().collect::<String>());
        let there_and_back = format!("CONVERT(CONVERT({text} USING {charset}) USING utf8mb4)");
        let answer = link.one(&format!("SELECT {there_and_back}")).await?.unwrap_or_default();
        let back: Vec<char> = answer.chars().collect();
        if back.len() != asked.len() {
            return Err(unexpected());
        }
        for (one, back) in asked.iter().zip(back) {
            match *one == back {
                true => kept.push(back),
                false => changes |= back != '?',
            }
        }
    }
    let has = Repertoire::keeping(kept);
    Ok((!has.is_whole()).then_some(Lacking { has, changes }))
}
