//! What a plan tells whoever reads it before it begins: what is not moved, not seen, not proved, or
//! not as in the source.

use std::collections::BTreeSet;

use endpoint::Source;
use protocol::fault::Fault;
use protocol::mapping::Migration;
use protocol::plan::{Entity, Level, Note, Said, said, said_of_all};
use protocol::schema::{Table, TableName, Unmoved};

use super::chunks::Planned;
use super::select::Chosen;
use super::{Draft, collide, find, select};

impl Draft<'_> {
    pub(super) fn note(&mut self, level: Level, entity: Option<&TableName>, said: impl Into<Said>) {
        self.notes.push(Note::new(level, entity.map(ToString::to_string), said));
    }

    pub(super) fn say_of(&mut self, entity: &Entity) {
        let name = Some(&entity.target);
        if entity.key.is_empty() && entity.top.is_none() {
            self.note(Level::Info, name, "has no NOT NULL unique key, and moves as one chunk");
        }
        if !entity.links.is_empty() {
            let links = entity.links.join(", ");
            self.note(Level::Info, name, format!("{links}: filled in a second pass"));
        }
        for column in entity.columns.iter().filter(|column| !column.compared) {
            let text = format!("{} is rewritten by the target and not verified", column.target);
            self.note(Level::Warning, name, text);
        }
    }

    pub(super) fn say_of_existing(&mut self, there: &Table, holds_rows: bool, silent: bool) {
        let triggers = there.triggers.join(", ");
        if silent {
            let text = format!(
                "triggers are off for the rows of this run: {triggers}; its chunks follow one another, \
                 and others wait to write meanwhile"
            );
            self.note(Level::Warning, Some(&there.name), text);
        } else if !there.triggers.is_empty() {
            let text = format!("triggers will fire: {triggers}");
            self.note(Level::Warning, Some(&there.name), text);
        }
        if holds_rows {
            let text = "holds rows already, so reading it back cannot prove what this run wrote";
            self.note(Level::Warning, Some(&there.name), text);
        }
        if !there.durable {
            let text = "does not survive a crash of the server (UNLOGGED)";
            self.note(Level::Warning, Some(&there.name), text);
        }
    }

    /// Where rules say which entities by patterns, those that the user may not see are not among them.
    pub(super) async fn say_what_hides(
        &mut self,
        chosen: &[Chosen<'_>],
        source: &dyn Source,
    ) -> Result<(), Fault> {
        let named = |one: &Chosen<'_>| one.rule.pattern == one.table.name.name;
        if chosen.iter().all(named) {
            return Ok(());
        }
        if let Some(why) = source.hides().await? {
            self.note(Level::Warning, None, why);
        }
        Ok(())
    }

    /// Names the sequences whose numbers the user may not see: where they go on is not known.
    pub(super) fn say_what_counts_unseen(&mut self, chosen: &[Chosen<'_>]) {
        for one in chosen {
            let behind =
                one.table.columns.iter().filter_map(|c| c.identity.as_ref()?.sequence.as_ref());
            for sequence in behind.filter(|sequence| sequence.hidden) {
                let text = format!(
                    "where sequence {} stands may not be read, so numbering goes on after the rows; \
                     GRANT SELECT ON SEQUENCE {} lets it go on where the source does",
                    sequence.name, sequence.name
                );
                self.note(Level::Warning, Some(&one.target), text);
            }
        }
        for sequence in self.from.sequences.iter().filter(|sequence| sequence.hidden) {
            let text = format!(
                "where sequence {} stands may not be read, so it begins at its start; \
                 GRANT SELECT ON SEQUENCE {} lets it go on where the source does",
                sequence.name, sequence.name
            );
            self.note(Level::Warning, None, text);
        }
    }

    /// Less room for connections than the run may want. Slots that get none wait, so this is no reason to
    /// refuse; and others come and go, so it is no part of what the plan is.
    pub(super) async fn say_what_room_lacks(
        &mut self,
        slots: u32,
        source: (&dyn Source, &str),
        target: &str,
    ) -> Result<(), Fault> {
        let each = u64::from(slots) + BESIDE_SLOTS;
        let server = |identity: &str| identity.rsplit_once('/').map(|(of, _)| of.to_owned());
        let same = server(source.1).is_some() && server(source.1) == server(target);
        let (source, sides) = (source.0, self.target);
        let asked = if same {
            vec![("source and target", sides.connections_free().await?, 2 * each)]
        } else {
            vec![
                ("the source", source.connections_free().await?, each),
                ("the target", sides.connections_free().await?, each),
            ]
        };
        for (side, free, wanted) in asked {
            if let Some(free) = free.filter(|free| *free < wanted) {
                let text = format!(
                    "{slots} slots may want {wanted} connections to {side}, and the server has {free} \
                     left for this user; slots that get none wait. Fewer: `limits: {{ slots: … }}`"
                );
                let said = said_of_all(Note::CONNECTIONS, text);
                self.notes.push(Note::new(Level::Warning, None, said));
            }
        }
        Ok(())
    }

    /// Keys that are two in the source and one in a table that is there.
    pub(super) async fn say_what_collides(
        &mut self,
        chosen: &[Chosen<'_>],
        entities: &[Planned],
        source: &dyn Source,
    ) -> Result<(), Fault> {
        for (one, planned) in chosen.iter().zip(entities) {
            let entity = &planned.entity;
            let Some(to) = find(self.to, &one.target, self.able) else { continue };
            let existing = collide::Existing {
                source,
                target: self.target,
                engines: (self.from.engine, self.to.engine),
                from: one.table,
                to,
                entity,
                charsets: &self.sets.has,
            };
            let findings = existing.findings().await;
            for (level, text) in findings.map_err(|fault| fault.within(&entity.source))? {
                self.note(level, Some(&entity.target), text);
            }
        }
        Ok(())
    }

    /// Names what stands in the source and is not moved: all of it when everything was meant, else
    /// what belongs to the chosen tables. `settled` are the objects of which the design accounts.
    pub(super) fn say_what_stays(
        &mut self,
        chosen: &[Chosen<'_>],
        migration: &Migration,
        settled: &BTreeSet<String>,
    ) -> Result<(), Fault> {
        let everything = chosen.iter().any(|one| one.rule.pattern == "*");
        let excludes = select::excludes(migration)?;
        let from = self.from;
        let unmoved = from.unmoved.iter().filter(|one| one.concerns(self.to.engine));
        let unmoved = unmoved.filter(|one| !self.has_extension(one));
        let unmoved = unmoved.map(|one| (&*one.kind, &one.name, one.holds_rows()));
        let objects = from.objects.iter().filter(|one| !settled.contains(&one.key));
        let objects = objects.map(|one| (&*one.word, &one.name, false));
        let differ = from.engine != self.to.engine && everything;
        let types = from.types.iter().filter(|_| differ);
        let types = types.map(|one| (one.kind.word(), &one.name, false));
        for (kind, name, holds_rows) in unmoved.chain(objects).chain(types).collect::<Vec<_>>() {
            let asked = everything || chosen.iter().any(|c| belongs(name, &c.table.name));
            if asked && !excludes(name) {
                let level = if holds_rows { Level::Lost } else { Level::Left };
                let text = format!("{kind} not moved: {name}");
                self.note(level, None, said(kind, name, text));
            }
        }
        Ok(())
    }
}

/// Connections beside those of the slots: who leads, who holds the source, who looks.
const BESIDE_SLOTS: u64 = 3;

impl Draft<'_> {
    /// Whether this is an extension that the target has as well.
    fn has_extension(&self, one: &Unmoved) -> bool {
        one.kind == "extension" && self.to.extensions.iter().any(|x| x.name == one.name.name)
    }
}

/// Whether a thing is a part of a table (`orders.orders_period_excl`), or said of it.
fn belongs(thing: &TableName, table: &TableName) -> bool {
    let rest = thing.name.strip_prefix(&table.name);
    thing.schema == table.schema
        && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
