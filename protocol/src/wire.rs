//! How our own things are written down: one place, with a version in front.
//!
//! A stored form is a JSON object with `format` first. A reader takes its own format and older
//! ones it knows; a newer one it refuses by name instead of guessing. A message on the broker is
//! written in [`message`](Message), with a format of its own and a signature.

mod keys;
mod message;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::fault::{Code, Fault};
use crate::plan::Plan;
use crate::presence::Presence;

pub use keys::Keys;
pub use message::{MESSAGE_BYTES_MAX, MESSAGE_MAJOR, Message, Refusal};

/// The format of plans, receipts and control tables that this build writes.
///
/// Raised when an older build could misread what a newer one wrote.
pub const FORMAT: u32 = 2;

/// The format of presences in a ledger. It rises apart from that of plans, since old and new
/// processes see each other's in a rolling upgrade.
const PRESENCE_FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Stored<T> {
    format: u32,
    fingerprint: String,
    plan: T,
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// A plan as it is saved to a file: JSON, indented, fingerprint in front.
pub fn plan_to_json(plan: &Plan) -> String {
    let stored = Stored { format: FORMAT, fingerprint: plan.fingerprint(), plan };
    serde_json::to_string_pretty(&stored).expect("a plan has string keys only")
}

/// Reads a saved plan.
///
/// # Errors
/// [`Code::PlanFormat`] when it is not a plan, or of a newer format; [`Code::PlanEdited`]
/// when its fingerprint does not fit its content.
pub fn plan_from_json(text: &str) -> Result<Plan, Fault> {
    let stored: Stored<Plan> = read(text, "the plan", FORMAT)?;
    if stored.plan.fingerprint() != stored.fingerprint {
        return Err(Fault::new(Code::PlanEdited, "the plan"));
    }
    Ok(stored.plan)
}

/// A presence as it is kept in a ledger: JSON on one line, with its format.
pub fn presence_to_json(presence: &Presence) -> String {
    #[derive(Serialize)]
    struct Kept<'a> {
        format: u32,
        #[serde(flatten)]
        presence: &'a Presence,
    }
    let kept = Kept { format: PRESENCE_FORMAT, presence };
    serde_json::to_string(&kept).expect("a presence has string keys only")
}

/// Reads a presence that a ledger keeps. What a newer build says beside it is passed over.
///
/// # Errors
/// [`Code::PlanFormat`] when it is not a presence, or of a newer format.
pub fn presence_from_json(text: &str) -> Result<Presence, Fault> {
    read(text, "a presence", PRESENCE_FORMAT)
}

/// Reads a stored form of ours after looking at its format.
///
/// # Errors
/// [`Code::PlanFormat`], naming what was read.
fn read<T: DeserializeOwned>(text: &str, what: &str, known: u32) -> Result<T, Fault> {
    let unreadable = |e: serde_json::Error| {
        let at = format!("{what}, line {} column {}", e.line(), e.column());
        Fault::new(Code::PlanFormat, at).because(e)
    };
    let Format { format } = serde_json::from_str(text).map_err(unreadable)?;
    if format != known {
        let said = format!("it has format {format}, and this build reads format {known}");
        return Err(Fault::new(Code::PlanFormat, what).saying(said));
    }
    serde_json::from_str(text).map_err(unreadable)
}

/// SHA-256 of a value's JSON, in hexadecimal. Fields stand in the order of their declaration
/// and maps are sorted, so equal values have equal fingerprints.
pub fn fingerprint(value: &impl Serialize) -> String {
    digest(&serde_json::to_vec(value).expect("our own types have string keys only"))
}

/// SHA-256 of bytes, in hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        use std::fmt::Write as _;
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::clock::Instant;
    use crate::id::{ChunkId, Environment, RunId, WorkerId};
    use crate::presence::{Busy, Role};

    const GOLDEN: &str = include_str!("../golden/presence.1.json");

    fn presence() -> Presence {
        let run = RunId(Uuid::from_u128(1));
        Presence {
            id: WorkerId("nightjar-4711".into()),
            role: Role::Worker,
            host: "nightjar".into(),
            pid: 4711,
            version: "0.1.0".into(),
            protocol: 1,
            slots: 4,
            since: Instant(1_795_230_000_000_000),
            on: vec![Busy { run, chunk: ChunkId(7), since: Instant(1_795_230_001_000_000) }],
            leads: vec![run],
            draining: false,
            trouble: Some("the broker cannot be reached".into()),
            left: false,
            knows: None,
        }
    }

    #[test]
    fn a_presence_is_written_as_it_always_was() {
        assert_eq!(presence_to_json(&presence()), GOLDEN.trim_end());
        assert_eq!(presence_from_json(GOLDEN).unwrap(), presence());
    }

    #[test]
    fn a_last_word_is_read_as_one() {
        let last = Presence { left: true, ..presence() };
        assert_eq!(presence_from_json(&presence_to_json(&last)).unwrap(), last);
    }

    #[test]
    fn who_says_what_it_knows_is_read_so_and_who_does_not_may_know_all() {
        let [old, new] = ["old", "new"].map(|name| Environment(name.into()));
        let says = Presence { knows: Some(vec![old.clone()]), ..presence() };
        assert_eq!(presence_from_json(&presence_to_json(&says)).unwrap(), says);
        assert_eq!((says.lacks(&old), says.lacks(&new)), (false, true));
        assert!(!presence().lacks(&new));
    }

    #[test]
    fn a_presence_of_a_newer_build_is_read_as_far_as_it_is_known() {
        let more = GOLDEN.replace("\"slots\":4", "\"slots\":4,\"mood\":\"sunny\"");
        assert_eq!(presence_from_json(&more).unwrap(), presence());
        let newer = GOLDEN.replace("\"format\":1", "\"format\":2");
        assert_eq!(presence_from_json(&newer).unwrap_err().code(), Code::PlanFormat);
    }
}
