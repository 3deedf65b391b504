//! A task as it travels: references only, and a code that says who wrote it.
//!
//! # Promises
//! 1. A message names a chunk and says nothing else: no row, no address, no secret.
//! 2. What [`Message::open`] gives back was sealed with a known key for this very queue, unless
//!    there are no keys. A message from another fleet's queue, or another generation's, is refused.
//! 3. A reader takes every minor format of its major one, and ignores what it does not know.
//!
//! # Not promised
//! That a message comes once. The same message put into the same queue again is a double like any
//! other: it finds its chunk decided.

use std::fmt;

use hmac::Mac as _;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::keys::Keys;
use crate::clock::Instant;
use crate::id::{ChunkId, RunId};
use crate::trace::Trace;

/// The major format of messages. It stands in the queue's name too, so that one which an older
/// worker could not read never reaches it.
pub const MESSAGE_MAJOR: u32 = 1;
/// The minor format: raised when something is added that older readers may ignore.
const MINOR: u32 = 0;
/// No message of ours comes near; whatever is larger is not looked at.
pub const MESSAGE_BYTES_MAX: usize = 4096;

/// A task as it travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// Which run.
    pub run: RunId,
    /// Which chunk of its plan.
    pub chunk: ChunkId,
    /// In which coordinator's term it was rung for.
    pub epoch: u64,
    /// 0 to 9; 4 where the sender says nothing.
    pub priority: u8,
    /// The span under which the chunk is done.
    pub trace: Option<Trace>,
    /// When it was rung, by its sender's clock.
    pub rung: Option<Instant>,
}

/// Why a message is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Larger than any message of ours.
    Oversized,
    /// Not one of our messages at all.
    Unreadable,
    /// Of another major format.
    Format,
    /// Not signed, and here messages are signed.
    Unsigned,
    /// Signed with a key that nobody here knows.
    UnknownKey,
    /// Not signed by whom it says, changed on its way, or made for another queue.
    Forged,
}

impl Refusal {
    /// One word, as it stands in the header of a dead letter.
    pub fn word(self) -> &'static str {
        match self {
            Self::Oversized => "oversized",
            Self::Unreadable => "unreadable",
            Self::Format => "format",
            Self::Unsigned => "unsigned",
            Self::UnknownKey => "unknown_key",
            Self::Forged => "forged",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[derive(Serialize, Deserialize)]
struct Envelope<'a> {
    format: &'a str,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mac: Option<&'a str>,
    /// Kept as it was written: the code is over these bytes.
    #[serde(borrow)]
    task: &'a RawValue,
}

#[derive(Deserialize)]
struct Format<'a> {
    format: &'a str,
}

#[derive(Serialize, Deserialize)]
struct Body {
    run: RunId,
    chunk: ChunkId,
    epoch: u64,
    #[serde(default = "usual")]
    priority: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rung: Option<i64>,
}

fn usual() -> u8 {
    4
}

impl Message {
    /// Writes it down for a queue, signed with the current key if there is one.
    pub fn seal(&self, keys: &Keys, queue: &str) -> Vec<u8> {
        let body = Body {
            run: self.run,
            chunk: self.chunk,
            epoch: self.epoch,
            priority: self.priority,
            trace: self.trace.map(|trace| trace.to_string()),
            rung: self.rung.map(|rung| rung.0),
        };
        let task = serde_json::value::to_raw_value(&body).expect("our own types have string keys");
        let format = format!("{MESSAGE_MAJOR}.{MINOR}");
        let mac = keys.current().and_then(|id| {
            let code = keys.code(id, &covered(&format, id, queue, task.get()))?;
            Some(to_hex(&code.finalize().into_bytes()))
        });
        let (key, mac) = (keys.current(), mac.as_deref());
        let envelope = Envelope { format: &format, key, mac, task: &task };
        serde_json::to_vec(&envelope).expect("our own types have string keys")
    }

    /// Reads a message that came through a queue, if it is to be believed.
    ///
    /// # Errors
    /// Why it is not.
    pub fn open(bytes: &[u8], keys: &Keys, queue: &str) -> Result<Self, Refusal> {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(Refusal::Oversized);
        }
        // The format alone first: another major one may look different in all else.
        let Format { format } = serde_json::from_slice(bytes).map_err(|_| Refusal::Unreadable)?;
        if major(format).ok_or(Refusal::Unreadable)? != MESSAGE_MAJOR {
            return Err(Refusal::Format);
        }
        let envelope: Envelope<'_> =
            serde_json::from_slice(bytes).map_err(|_| Refusal::Unreadable)?;
        if keys.sign() {
            verify(&envelope, keys, queue)?;
        }
        let body: Body =
            serde_json::from_str(envelope.task.get()).map_err(|_| Refusal::Unreadable)?;
        // A trace that cannot be read is a pity and no reason to refuse work.
        let trace = body.trace.and_then(|text| text.parse().ok());
        let Body { run, chunk, epoch, priority, rung, .. } = body;
        Ok(Self { run, chunk, epoch, priority: priority.min(9), trace, rung: rung.map(Instant) })
    }
}

/// Compares in constant time.
fn verify(envelope: &Envelope<'_>, keys: &Keys, queue: &str) -> Result<(), Refusal> {
    let (Some(id), Some(mac)) = (envelope.key, envelope.mac) else {
        return Err(Refusal::Unsigned);
    };
    let parts = covered(envelope.format, id, queue, envelope.task.get());
    let code = keys.code(id, &parts).ok_or(Refusal::UnknownKey)?;
    let mac = from_hex(mac).ok_or(Refusal::Forged)?;
    code.verify_slice(&mac).map_err(|_| Refusal::Forged)
}

/// What the code is over. None of the first parts can hold a line feed (a format that parses, a
/// key that is known, a queue's name of ours), so no two messages are written alike.
fn covered<'a>(format: &'a str, id: &'a str, queue: &'a str, task: &'a str) -> [&'a [u8]; 8] {
    let [label, line] = [b"longhaul task\n".as_slice(), b"\n"];
    let [format, id, queue] = [format, id, queue].map(str::as_bytes);
    [label, format, line, id, line, queue, line, task.as_bytes()]
}

/// The major part of `major.minor`.
fn major(format: &str) -> Option<u32> {
    let (major, minor) = format.split_once('.')?;
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    (digits(major) && digits(minor)).then(|| major.parse().ok())?
}

fn to_hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn from_hex(hex: &str) -> Option<[u8; 32]> {
    let digits = hex.as_bytes();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;
