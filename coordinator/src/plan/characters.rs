//! Which characters the target's texts can have: asked once for each character set that is met. And so
//! how rows travel, for a text must be seen where some are to be mended, or would become others.

use std::collections::{BTreeMap, BTreeSet};

use protocol::cell::{self, Charsets, OF_DATABASE, Reason};
use protocol::fault::{Class, Code, Fault};
use protocol::plan::{ColumnMap, Lane, Level, Note};

use super::Draft;
use super::policies::Policies;
use super::select::Chosen;

/// What is known of the target's character sets, by their names.
#[derive(Default)]
pub(super) struct Sets {
    /// What those that were met have, where not everything.
    pub(super) has: Charsets,
    /// Those of them that make other characters of some that they lack.
    changing: BTreeSet<String>,
    /// Those of which the target would not say it: what it said instead, and whether a policy was
    /// asked for that needs it.
    unknown: BTreeMap<String, (Fault, bool)>,
    /// Those that were met.
    asked: BTreeSet<String>,
}

impl Sets {
    /// Names the sets that are not known.
    pub(super) fn notes(&self) -> impl Iterator<Item = Note> {
        self.unknown.iter().map(|(name, (fault, needed))| {
            let (level, so) = match needed {
                true => (Level::Warning, ", so no policy holds for those that it lacks"),
                false => (Level::Info, ""),
            };
            let text = format!("which characters {} has is not known{so}: {fault}", said(name));
            Note::new(level, None, text)
        })
    }
}

impl Draft<'_> {
    /// Learns what the sets of these columns have.
    ///
    /// # Errors
    /// The target's, if it cannot be asked, or not now. What it will not say is a note, and then its
    /// own word decides when rows come.
    pub(super) async fn learn_charsets(&mut self, columns: &[ColumnMap]) -> Result<(), Fault> {
        for map in columns {
            let Some(name) = self.charset(map).map(str::to_owned) else { continue };
            if self.sets.asked.insert(name.clone()) {
                self.learn(name).await?;
            }
        }
        Ok(())
    }

    async fn learn(&mut self, name: String) -> Result<(), Fault> {
        match self.target.repertoire(&name).await {
            Ok(Some(lacking)) => {
                if lacking.changes {
                    self.sets.changing.insert(name.clone());
                }
                self.sets.has.0.insert(name, lacking.has);
            }
            Ok(None) => {}
            Err(fault) if is_its_word(&fault) => {
                self.sets.unknown.insert(name, (fault, false));
            }
            Err(fault) => return Err(fault),
        }
        Ok(())
    }

    /// Names the columns that may meet characters which their set lacks, where rows are looked at; and
    /// marks the sets that a policy needs to know.
    pub(super) fn say_of_charsets(
        &mut self,
        one: &Chosen<'_>,
        (columns, lane): (&[ColumnMap], Lane),
        policies: &Policies,
    ) {
        let mut lacking: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for map in columns {
            let Some(name) = self.charset_met(one, map) else { continue };
            if let Some((_, needed)) = self.sets.unknown.get_mut(name) {
                *needed |= mends(policies, map);
            }
            if lane == Lane::Text && self.sets.has.0.contains_key(name) {
                lacking.entry(name).or_default().push(&map.target);
            }
        }
        for (name, columns) in lacking {
            let text =
                format!("{}: characters that {} lacks do not fit", columns.join(", "), said(name));
            self.note(Level::Info, Some(&one.target), text);
        }
    }

    /// Bytes may pass unseen when both engines are one and every column means the same bytes.
    pub(super) fn lane(
        &self,
        one: &Chosen<'_>,
        (columns, links): (&[ColumnMap], &[String]),
        policies: &Policies,
    ) -> Lane {
        let same = |map: &ColumnMap| {
            let column = one.table.column(&map.source);
            column.is_some_and(|c| c.raw && c.native == map.native && map.compared)
        };
        let alike = self.from.engine == self.to.engine && columns.iter().all(same);
        let unseen = |map| !self.must_be_seen(one, map, policies);
        let plain = links.is_empty() && !one.rule.reshapes();
        if alike && plain && columns.iter().all(unseen) { Lane::Raw } else { Lane::Text }
    }

    /// Whether something else would stand in the place of a character that the column lacks: what a
    /// policy says, or another one that the server takes for it.
    fn must_be_seen(&self, one: &Chosen<'_>, map: &ColumnMap, policies: &Policies) -> bool {
        let lacks = |name: &&str| self.sets.has.0.contains_key(*name);
        self.charset_met(one, map)
            .filter(lacks)
            .is_some_and(|name| mends(policies, map) || self.sets.changing.contains(name))
    }

    /// Whether the column's set lacks some characters, or the target will not say.
    pub(super) fn may_lack(&self, map: &ColumnMap) -> bool {
        let (has, unknown) = (&self.sets.has.0, &self.sets.unknown);
        self.charset(map).is_some_and(|name| has.contains_key(name) || unknown.contains_key(name))
    }

    fn charset<'a>(&self, map: &'a ColumnMap) -> Option<&'a str> {
        cell::charset(self.to.engine, &map.to, &map.native)
    }

    /// The set of a column, if texts come to it from another one.
    fn charset_met<'a>(&self, one: &Chosen<'_>, map: &'a ColumnMap) -> Option<&'a str> {
        self.charset(map).filter(|name| !self.is_in_set_before(one, map, name))
    }

    /// Whether the source keeps the column in a set of that name.
    fn is_in_set_before(&self, one: &Chosen<'_>, map: &ColumnMap, name: &str) -> bool {
        if name == OF_DATABASE {
            return self.from.engine == self.to.engine && self.from.encoding == self.to.encoding;
        }
        let before = one.table.column(&map.source);
        let set = before.and_then(|c| cell::charset(self.from.engine, &c.logical, &c.native));
        set == Some(name)
    }
}

/// Whether a policy says what stands in the place of a character that the column lacks.
fn mends(policies: &Policies, map: &ColumnMap) -> bool {
    policies.get(&map.target).is_some_and(|all| all.contains_key(&Reason::NoSuchCharacter))
}

/// Whether it is what the target says of a set, and not of this moment.
fn is_its_word(fault: &Fault) -> bool {
    match fault.class() {
        Class::Transient | Class::Resource | Class::Slow => false,
        Class::Data | Class::Fatal | Class::Unknown => {
            fault.named().is_some() || fault.code() == Code::Unknown
        }
    }
}

/// A character set, for people.
fn said(name: &str) -> &str {
    if name == OF_DATABASE { "the encoding of the database" } else { name }
}

#[cfg(test)]
mod tests {
    use protocol::fault::Native;

    use super::*;

    /// A server's code says nothing about whether another moment would be better.
    #[test]
    fn what_passes_is_no_word_about_a_character_set() {
        for (code, expected) in [
            (Code::Unreachable, false),
            (Code::Busy, false),
            (Code::Slow, false),
            (Code::Full, false),
            (Code::Refused, true),
            (Code::RightsMissing, true),
            (Code::Unknown, true),
        ] {
            let fault = Fault::new(code, "here").native(Native::default());
            assert_eq!(is_its_word(&fault), expected, "{fault}");
        }
        assert!(!is_its_word(&Fault::new(Code::LoginRefused, "here")));
    }
}
