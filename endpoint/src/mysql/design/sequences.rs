//! Sequences: those of the source, on a server that has any, and the columns that take numbers from them.

use protocol::plan::{Level, Note, Stage, StepKind};
use protocol::schema::{Column, Sequence};

use super::{Draft, Made};
use crate::mysql::words;
use crate::sql::sequences::taken_from;

/// The least and the greatest number that a sequence gives out.
const LEAST: i64 = i64::MIN + 1;
const GREATEST: i64 = i64::MAX - 1;

impl Draft<'_> {
    /// Designs the sequences that the target lacks; returns the positions of those steps.
    pub(super) fn sequences(&mut self) -> Vec<usize> {
        let (from, there) = (&self.wanted.from, &self.wanted.existing);
        if self.wanted.tables.is_empty() {
            return Vec::new();
        }
        let (meant, others): (Vec<_>, Vec<_>) =
            from.sequences.iter().partition(|one| self.is_meant(one));
        for one in others {
            let text = format!("sequence {} stays behind: no table here takes from it", one.name);
            self.note_all(Level::Left, text);
        }
        if !self.server.has_sequences() {
            for one in meant {
                let text = format!("sequence {} stays behind: the server has none", one.name);
                self.note_all(Level::Left, text);
            }
            return Vec::new();
        }
        let mut ground = Vec::new();
        for one in meant {
            let name = self.name_of(one);
            let is_there = there.sequences.iter().any(|other| other.name.name == name);
            let table = there.tables.iter().any(|table| table.name.name == name)
                || self.wanted.tables.iter().any(|(_, table)| table.name.name == name);
            if table {
                let text = format!("sequence {} stays behind: a table has its name", one.name);
                self.note_all(Level::Left, text);
                continue;
            }
            self.sequences.insert(one.name.clone(), name.clone());
            if is_there {
                let text = format!("sequence {name} is there already and stays as it is");
                self.note_all(Level::Info, text);
                continue;
            }
            let what = format!("sequence {name}");
            let made =
                Made { statements: create(one, &name), ..Made::new(StepKind::Sequence, what, "") };
            ground.push(self.step(Stage::Prepare, None, made, Vec::new()));
        }
        ground
    }

    fn note_all(&mut self, level: Level, text: String) {
        self.design.notes.push(Note::new(level, None, text));
    }

    /// Whether it moves: from the source's own schema, or with a column that takes numbers from it.
    fn is_meant(&self, one: &Sequence) -> bool {
        let tables = || self.wanted.tables.iter().map(|(_, table)| table);
        let defaults =
            tables().flat_map(|table| &table.columns).filter_map(|c| c.default.as_deref());
        let home = one.name.schema == self.wanted.from.default_schema;
        home || defaults.filter_map(|d| taken_from(d, self.from)).any(|name| {
            name.name == one.name.name && name.schema.is_none_or(|s| Some(s) == one.name.schema)
        })
    }

    /// What it is called here: its schema before its name, unless that is the source's own.
    fn name_of(&self, one: &Sequence) -> String {
        match &one.name.schema {
            Some(schema) if Some(schema) != self.wanted.from.default_schema.as_ref() => {
                format!("{schema}_{}", one.name.name)
            }
            Some(_) | None => one.name.name.clone(),
        }
    }

    /// The default that takes numbers from a sequence of the target; nothing where it takes none.
    pub(super) fn numbers_of(&self, column: &Column) -> Option<String> {
        let name = taken_from(column.default.as_deref()?, self.from)?;
        let found = self.sequences.iter().find(|(one, _)| {
            let schema = name.schema.as_ref().or(self.wanted.from.default_schema.as_ref());
            one.name == name.name && (one.schema.as_ref() == schema || one.schema.is_none())
        });
        found.map(|(_, name)| format!("nextval({})", words::name(name)))
    }
}

fn create(one: &Sequence, name: &str) -> Vec<String> {
    let quoted = words::name(name);
    let bound = |number: i64| number.clamp(LEAST, GREATEST);
    let cycle = if one.cycle { "CYCLE" } else { "NOCYCLE" };
    // One number at a time is no number taken aside.
    let cache = if one.cache > 1 { format!("CACHE {}", one.cache) } else { "NOCACHE".to_owned() };
    let comment = one.comment.as_ref().map(|text| format!(" COMMENT {}", words::literal(text)));
    let comment = comment.unwrap_or_default();
    let mut statements = vec![format!(
        "CREATE SEQUENCE {quoted} START WITH {} MINVALUE {} MAXVALUE {} INCREMENT BY {} {cache} \
         {cycle}{comment}",
        one.start,
        bound(one.min),
        bound(one.max),
        one.increment
    )];
    match (one.last, one.restart) {
        (Some(last), _) => statements.push(format!("SELECT SETVAL({quoted}, {last}, 1)")),
        (None, Some(next)) if next != one.start => {
            statements.push(format!("SELECT SETVAL({quoted}, {next}, 0)"));
        }
        (None, Some(_) | None) => {}
    }
    statements
}
