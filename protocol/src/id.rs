//! Names for things: a run, a chunk, an attempt, an entity, a worker.
//!
//! Each is a type of its own, so that one cannot be passed where another is meant.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Instant;
use crate::visible::text;

/// A text is not an id. Which letter is wrong is of no use to anybody who did not mean an id at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is a UUID, such as 6a1d2f3c-9d16-8582-8072-3ea2df81c41f")]
pub struct NotAnId;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self).map_err(|_| NotAnId)
            }
        }
    };
}

uuid_id! {
    /// One execution of a plan. A UUID that begins with the time of birth, so that ids sort by it.
    RunId
}

impl RunId {
    /// The id of a run that begins now: seconds since 1970 first, then their 65,536th parts, then
    /// `chance`. So the first 8 digits, by which people name a run, differ between runs that did not
    /// begin within one second. (Version 7 begins with the milliseconds, of which the first 8 digits
    /// are minutes.) It sorts behind ids of version 7, which earlier runs have.
    pub fn born(at: Instant, chance: Uuid) -> Self {
        let micros = u64::try_from(at.0).unwrap_or(0);
        let seconds = u32::try_from(micros / 1_000_000).unwrap_or(u32::MAX);
        let parts = (micros % 1_000_000) * 65_536 / 1_000_000;
        let mut bytes = *chance.as_bytes();
        bytes[..4].copy_from_slice(&seconds.to_be_bytes());
        bytes[4..6].copy_from_slice(&parts.to_be_bytes()[6..]);
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// The first 8 digits, by which people name it.
    pub fn short(self) -> String {
        let mut digits = self.0.simple().to_string();
        digits.truncate(8);
        digits
    }
}

uuid_id! {
    /// One try at one chunk. Two tries never share it, whoever makes them.
    AttemptId
}

macro_rules! index_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
            JsonSchema,
        )]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl $name {
            /// The place of this thing in its plan's list.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

index_id! {
    /// A chunk: its position in [`crate::plan::Plan::chunks`], counted from zero.
    ChunkId
}

index_id! {
    /// An entity: its position in [`crate::plan::Plan::entities`], counted from zero.
    EntityId
}

/// Who works: host, process and slot, for people to read.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct WorkerId(pub String);

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text(&self.0).fmt(f)
    }
}

/// The name of an environment in a migration file, such as `prod`.
///
/// It is a name and never an address: plans, receipts and events carry only this.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Environment(pub String);

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text(&self.0).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_sort_by_birth_and_have_short_names() {
        let born = |micros| RunId::born(Instant(micros), Uuid::from_u128(u128::MAX));
        let (first, second) = (born(1_780_000_000_500_000), born(1_780_000_001_000_000));
        let older: RunId = "01a1fde1-9d16-7582-8072-3ea2df81c41f".parse().unwrap();
        assert!(older < first && first < born(1_780_000_000_600_000) && first < second);
        assert_eq!((first.short(), second.short()), ("6a18a500".into(), "6a18a501".into()));
        assert_eq!(first.0.get_version_num(), 8);
    }
}
