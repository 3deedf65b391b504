//! Which characters the target's texts can have: asked once for each character set that is met. And so
//! how rows travel, for a text must be seen where some are to be mended.

use std::collections::BTreeMap;

use protocol::cell::{self, OF_DATABASE};
use protocol::fault::{Code, Fault};
use protocol::mapping::Policy;
use protocol::plan::{ColumnMap, Lane, Level};

use super::Draft;
use super::select::Chosen;

impl Draft<'_> {
    /// Learns what the sets of these columns have.
    ///
    /// # Errors
    /// The target's, if it cannot be asked. What it will not say is a note, and then its own word
    /// decides when rows come.
    pub(super) async fn learn_charsets(&mut self, columns: &[ColumnMap]) -> Result<(), Fault> {
        for map in columns {
            let Some(name) = self.charset(map).map(str::to_owned) else { continue };
            if self.asked.insert(name.clone()) {
                self.learn(name).await?;
            }
        }
        Ok(())
    }

    async fn learn(&mut self, name: String) -> Result<(), Fault> {
        match self.target.repertoire(&name).await {
            Ok(Some(repertoire)) => {
                self.charsets.0.insert(name, repertoire);
            }
            Ok(None) => {}
            Err(fault) if fault.named().is_some() || fault.code() == Code::Unknown => {
                let text = format!("which characters {} has is not known: {fault}", said(&name));
                self.note(Level::Info, None, text);
            }
            Err(fault) => return Err(fault),
        }
        Ok(())
    }

    /// Names the columns that may meet characters which their set lacks.
    pub(super) fn say_of_charsets(&mut self, one: &Chosen<'_>, columns: &[ColumnMap]) {
        let mut lacking: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for map in columns {
            let name = self.charset(map).filter(|name| self.charsets.0.contains_key(*name));
            let Some(name) = name.filter(|name| !self.is_in_set_before(one, map, name)) else {
                continue;
            };
            lacking.entry(name).or_default().push(&map.target);
        }
        for (name, columns) in lacking {
            let text =
                format!("{}: characters that {} lacks do not fit", columns.join(", "), said(name));
            self.note(Level::Info, Some(&one.target), text);
        }
    }

    /// Bytes may pass unseen when both engines are one and every column means the same bytes.
    pub(super) fn lane(&self, one: &Chosen<'_>, columns: &[ColumnMap], links: &[String]) -> Lane {
        let same = |map: &ColumnMap| {
            let column = one.table.column(&map.source);
            column.is_some_and(|c| c.raw && c.native == map.native && map.compared)
        };
        let alike = self.from.engine == self.to.engine && columns.iter().all(same);
        if alike && links.is_empty() && !self.mends_characters(one, columns) {
            Lane::Raw
        } else {
            Lane::Text
        }
    }

    /// Whether something is to stand in the place of a character that some column lacks. Then its text
    /// must be seen.
    fn mends_characters(&self, one: &Chosen<'_>, columns: &[ColumnMap]) -> bool {
        let rule = one.rule;
        let mends = rule.policies.values().chain([&rule.on_unfit]).any(|p| *p != Policy::Reject);
        let lacks = |map| self.charset(map).is_some_and(|name| self.charsets.0.contains_key(name));
        mends && columns.iter().any(lacks)
    }

    fn charset<'a>(&self, map: &'a ColumnMap) -> Option<&'a str> {
        cell::charset(self.to.engine, &map.to, &map.native)
    }

    /// Whether the source keeps the column in a set of that name.
    fn is_in_set_before(&self, one: &Chosen<'_>, map: &ColumnMap, name: &str) -> bool {
        let before = one.table.column(&map.source).filter(|_| name != OF_DATABASE);
        let set = before.and_then(|c| cell::charset(self.from.engine, &c.logical, &c.native));
        set == Some(name)
    }
}

/// A character set, for people.
fn said(name: &str) -> &str {
    if name == OF_DATABASE { "the encoding of the database" } else { name }
}
