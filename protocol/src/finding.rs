//! What somebody found who looked at a server before work begins: how it is, and what to do where
//! that is not good.

use serde::Serialize;

/// How good a thing is as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Work can begin, but a person should know.
    Warn,
    /// Work would fail, or end wrongly.
    Fail,
}

/// One thing that was looked at. Holds no row value and no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at: a setting by its name, or a word: `version`, `encryption`.
    pub topic: &'static str,
    /// How good it is.
    pub level: Level,
    /// How it is, in a fragment.
    pub said: String,
    /// What to do, in a sentence; only where it is not good.
    pub remedy: Option<String>,
}

impl Finding {
    /// As it should be.
    pub fn ok(topic: &'static str, said: impl Into<String>) -> Self {
        Self { topic, level: Level::Ok, said: said.into(), remedy: None }
    }

    /// Something that a person should know, and what to do about it.
    pub fn warn(topic: &'static str, said: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { topic, level: Level::Warn, said: said.into(), remedy: Some(remedy.into()) }
    }

    /// Something that work would fail at, and what to do about it.
    pub fn fail(topic: &'static str, said: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { topic, level: Level::Fail, said: said.into(), remedy: Some(remedy.into()) }
    }
}
