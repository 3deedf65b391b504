//! How our own things are written down: one place, with a version in front.
//!
//! A stored form is a JSON object with `format` first. A reader takes its own format and older
//! ones it knows; a newer one it refuses by name instead of guessing.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::fault::{Code, Fault};
use crate::plan::Plan;

/// The format of plans, receipts and control tables that this build writes.
///
/// Raised when an older build could misread what a newer one wrote.
pub const FORMAT: u32 = 2;

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
    let stored: Stored<Plan> = read(text, "the plan")?;
    if stored.plan.fingerprint() != stored.fingerprint {
        return Err(Fault::new(Code::PlanEdited, "the plan"));
    }
    Ok(stored.plan)
}

/// Reads a stored form of ours after looking at its format.
///
/// # Errors
/// [`Code::PlanFormat`], naming what was read.
fn read<T: DeserializeOwned>(text: &str, what: &str) -> Result<T, Fault> {
    let unreadable = |e: serde_json::Error| {
        let at = format!("{what}, line {} column {}", e.line(), e.column());
        Fault::new(Code::PlanFormat, at).because(e)
    };
    let Format { format } = serde_json::from_str(text).map_err(unreadable)?;
    if format != FORMAT {
        let said = format!("it has format {format}, and this build reads format {FORMAT}");
        return Err(Fault::new(Code::PlanFormat, what).saying(said));
    }
    serde_json::from_str(text).map_err(unreadable)
}

/// SHA-256 of a value's JSON, in hexadecimal. Fields stand in the order of their declaration
/// and maps are sorted, so equal values have equal fingerprints.
pub fn fingerprint(value: &impl Serialize) -> String {
    let json = serde_json::to_vec(value).expect("our own types have string keys only");
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(&json) {
        use std::fmt::Write as _;
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
