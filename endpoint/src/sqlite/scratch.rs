//! A folder for one test, gone with it.

use std::path::{Path, PathBuf};

use super::link::Place;
use crate::Address;

pub(crate) struct Scratch {
    folder: PathBuf,
    file: PathBuf,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("longhaul-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder).unwrap();
        Self { file: folder.join("scratch.db"), folder }
    }

    /// With a database in it.
    pub(crate) fn with(sql: &str) -> Self {
        let scratch = Self::new();
        scratch.execute(sql);
        scratch
    }

    pub(crate) fn path(&self) -> &Path {
        &self.file
    }

    pub(crate) fn address(&self) -> Address {
        Address { url: format!("sqlite:{}", self.file.display()), password: None }
    }

    pub(crate) fn place(&self) -> Place {
        Place::of(&self.address()).unwrap()
    }

    pub(crate) fn execute(&self, sql: &str) {
        rusqlite::Connection::open(&self.file).unwrap().execute_batch(sql).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
