//! Sequences that number columns: what each is called, and where its numbers go on.

use std::collections::{BTreeMap, BTreeSet};

use protocol::id::EntityId;
use protocol::plan::{Level, Step, StepKind};
use protocol::schema::{Column, Identity, IdentityKind, Logical, Sequence, Table, TableName};

use super::columns::create_owned;
use super::finish::Chain;
use super::words::mentions;
use super::{Draft, Made};
use crate::sql::quote;

/// What the sequences of this design are called.
#[derive(Default)]
pub(super) struct Sequences {
    /// By table and column.
    owned: BTreeMap<(String, String), TableName>,
    /// Those that are not a part of their column, as an identity's is.
    serials: BTreeSet<TableName>,
    /// What each was called in the source, where that is another name.
    moved: BTreeMap<TableName, TableName>,
    /// Those that defaults of other columns take numbers from.
    shared: BTreeSet<TableName>,
    /// Those that go with a column which they do not number, by table.
    given: Vec<(TableName, String)>,
}

impl Sequences {
    /// The sequence of a column, where the source names one.
    pub(super) fn of(&self, table: &Table, column: &Column) -> Option<&TableName> {
        self.owned.get(&(table.name.to_string(), column.name.clone()))
    }

    /// Whether it must be there before any table is.
    pub(super) fn is_shared(&self, name: &TableName) -> bool {
        self.shared.contains(name)
    }

    /// Whether the design makes it before any table that takes numbers from it.
    pub(super) fn has(&self, name: &TableName) -> bool {
        self.serials.contains(name)
    }

    /// A default that takes the next number of a sequence, by the name that it gets here.
    pub(super) fn renamed(&self, default: &str) -> String {
        let next = default.starts_with("nextval('") && default.ends_with("'::regclass)");
        let found = mentions(default).relations;
        match found.first().and_then(|old| self.moved.get(old)).filter(|_| next) {
            Some(new) => {
                let name = quote::table(new).to_string();
                format!("nextval({}::regclass)", quote::literal(&name))
            }
            None => default.to_owned(),
        }
    }

    /// The statements that let sequences go with columns of this table.
    pub(super) fn given_to(&self, table: &TableName) -> Vec<String> {
        let of_table = self.given.iter().filter(|(owner, _)| owner == table);
        of_table.map(|(_, statement)| statement.clone()).collect()
    }
}

impl Draft<'_> {
    /// Gives the sequence behind each column the name that it has in the source, or one like it
    /// where that is taken.
    pub(super) fn name_sequences(&mut self, tables: &[(EntityId, Table)]) {
        if !self.is_same_engine() {
            return;
        }
        let mut mentioned = BTreeSet::new();
        for (_, table) in tables {
            for column in &table.columns {
                if let Some(sequence) = column.identity.as_ref().and_then(|i| i.sequence.as_ref()) {
                    let old = &sequence.name;
                    let schema = table.name.schema.clone();
                    let name = self.names.free(schema.as_deref(), &old.name);
                    if name != old.name {
                        let text =
                            format!("sequence {} is called {name}: the name is taken", old.name);
                        self.note(Level::Info, &table.name, text);
                    }
                    let new = TableName { schema, name };
                    if new != *old {
                        self.sequences.moved.insert(old.clone(), new.clone());
                    }
                    if column.identity.as_ref().is_some_and(|i| i.kind == IdentityKind::Serial) {
                        self.sequences.serials.insert(new.clone());
                    }
                    let key = (table.name.to_string(), column.name.clone());
                    self.sequences.owned.insert(key, new);
                }
                mentioned.extend(column.default.iter().flat_map(|d| mentions(d).relations));
            }
        }
        let here = |old: TableName| self.sequences.moved.get(&old).cloned().unwrap_or(old);
        self.sequences.shared = mentioned.into_iter().map(here).collect();
    }

    /// What makes the sequences of columns that others take numbers from as well.
    pub(super) fn shared_sequences(
        &self,
        tables: &[(EntityId, Table)],
    ) -> Vec<(TableName, String)> {
        let columns = tables.iter().flat_map(|(_, t)| t.columns.iter().map(move |c| (t, c)));
        let shared = columns.filter_map(|(table, column)| {
            let name = self.sequences.of(table, column)?;
            let shared = self.sequences.has(name) && self.sequences.is_shared(name);
            let identity = column.identity.as_ref().filter(|_| shared)?;
            Some((name.clone(), create_owned(name, identity, &column.native)))
        });
        shared.collect()
    }

    /// Lets a sequence that numbers nothing go with the column it went with.
    pub(super) fn give(&mut self, one: &Sequence, tables: &[(EntityId, Table)]) {
        let Some((owner, column)) = &one.owner else { return };
        let there = tables.iter().map(|(_, table)| table).find(|table| table.name == *owner);
        if one.name.schema == owner.schema && there.is_some_and(|t| t.column(column).is_some()) {
            let statement = format!(
                "ALTER SEQUENCE {} OWNED BY {}.{}",
                quote::table(&one.name),
                quote::table(owner),
                quote::name(column)
            );
            self.sequences.given.push((owner.clone(), statement));
        } else {
            let text = format!("sequence {} no longer goes with {owner}.{column}", one.name);
            self.note(Level::Left, owner, text);
        }
    }

    /// Numbering goes on where the source stood.
    pub(super) fn numbers(&mut self, id: EntityId, table: &Table, chain: &mut Chain) {
        let numbered: Vec<_> = table
            .columns
            .iter()
            .filter(|column| matches!(column.logical, Logical::Integer { .. }))
            .filter_map(|column| column.identity.as_ref().map(|i| go_on(table, column, i)))
            .collect();
        if !numbered.is_empty() {
            let what = format!("numbering of {}", table.name);
            self.next(id, chain, Made::new(StepKind::Identity, what, numbered));
        }
    }
}

/// Sets the column's sequence to where the source's stood. Where that is not known, it goes on after
/// the furthest number that is there; where none is there, it begins at its start.
fn go_on(table: &Table, column: &Column, identity: &Identity) -> String {
    let sequence = identity.sequence.as_ref();
    let position = match (identity.last, sequence.and_then(|sequence| sequence.restart)) {
        (Some(last), _) => (last, true),
        (None, Some(next)) => (next, false),
        (None, None) => return go_beyond(table, column, identity),
    };
    let Some(sequence) = sequence else { return go_beyond(table, column, identity) };
    let (value, called) = position;
    let set = format!("SELECT pg_catalog.setval({}, ", serial(table, column));
    let Some(furthest) = sequence.furthest else { return format!("{set}'{value}', {called})") };
    // Rows that came after the source was looked at hold numbers that its sequence gave since.
    let down = identity.increment < 0;
    let (most, beyond) = if down { ("min", "<") } else { ("max", ">") };
    let (least, top) = range(identity);
    let name = quote::table(&table.name);
    let column = quote::name(&column.name);
    format!(
        "{set}CASE WHEN v.most {beyond} '{furthest}'::bigint THEN v.most ELSE '{value}' END, \
         {called} OR coalesce(v.most {beyond} '{furthest}'::bigint, false)) \
         FROM (SELECT {most}({column})::bigint AS most FROM {name} \
               WHERE {column} BETWEEN '{least}'::bigint AND '{top}'::bigint) AS v"
    )
}

/// The least and the greatest number of a sequence.
fn range(identity: &Identity) -> (i64, i64) {
    let (bounds, down) = (identity.bounds.as_ref(), identity.increment < 0);
    let least = bounds.and_then(|b| b.min).unwrap_or(if down { i64::MIN } else { 1 });
    let most = bounds.and_then(|b| b.max).unwrap_or(if down { -1 } else { i64::MAX });
    (least, most)
}

/// The column's sequence, as SQL asks for it.
fn serial(table: &Table, column: &Column) -> String {
    let name = quote::table(&table.name).to_string();
    let (name, column) = (quote::literal(&name), quote::literal(&column.name));
    format!("pg_catalog.pg_get_serial_sequence({name}, {column})")
}

/// The step that lets a table which is there number its rows on. Its sequence is set forward only:
/// others may have taken numbers from it.
pub(in crate::postgres) fn numbering(table: &Table, columns: &[String]) -> Option<Step> {
    let numbered = table.columns.iter().filter(|column| columns.contains(&column.name));
    let statements: Vec<_> = numbered
        .filter(|column| matches!(column.logical, Logical::Integer { .. }))
        .filter_map(|column| column.identity.as_ref().map(|i| go_forward(table, column, i)))
        .collect();
    let what = format!("numbering of {}", table.name);
    let step = Step {
        kind: StepKind::Identity,
        what,
        statements,
        destructive: false,
        orphans: None,
        parts: Vec::new(),
    };
    (!step.statements.is_empty()).then_some(step)
}

fn go_forward(table: &Table, column: &Column, identity: &Identity) -> String {
    let name = quote::table(&table.name).to_string();
    let quoted = quote::name(&column.name);
    let (table, column) = (quote::literal(&name), quote::literal(&column.name));
    let furthest = if identity.increment < 0 { "min" } else { "max" };
    let beyond = if identity.increment < 0 { "<" } else { ">" };
    // A sequence that gave out no number yet stands before its start.
    format!(
        "SELECT pg_catalog.setval(s.sequence, v.value) \
         FROM (SELECT pg_catalog.pg_get_serial_sequence({table}, {column})::regclass AS sequence) \
           AS s, \
              (SELECT {furthest}({quoted})::bigint AS value FROM {name}) AS v, \
              pg_catalog.pg_sequence_parameters(s.sequence) AS p \
        WHERE v.value {beyond} coalesce(pg_catalog.pg_sequence_last_value(s.sequence), \
                                        p.start_value - p.increment)"
    )
}

/// Sets the column's sequence to the furthest of the numbers that are there and the last that was
/// handed out, unless no number was ever handed out: then it begins at its start.
fn go_beyond(table: &Table, column: &Column, identity: &Identity) -> String {
    let name = quote::table(&table.name).to_string();
    let sequence = serial(table, column);
    let down = identity.increment < 0;
    let (furthest, farther) = if down { ("min", "least") } else { ("max", "greatest") };
    let bounds = identity.bounds.as_ref();
    let (least, most) = range(identity);
    // Rows may hold numbers that the sequence never gave out and never will.
    let within = format!("BETWEEN '{least}'::bigint AND '{most}'::bigint");
    let column = quote::name(&column.name);
    let there = format!("{furthest}({column}) FILTER (WHERE {column} {within})::bigint");
    let value = match identity.last {
        // Numbers that begin again say nothing by being great.
        Some(last) if bounds.is_some_and(|b| b.cycle) => format!("'{last}'::bigint AS value"),
        // `greatest` and `least` pass over NULL, which an empty table gives.
        Some(last) => format!("{farther}({there}, '{last}'::bigint) AS value FROM {name}"),
        None => format!("{there} AS value FROM {name}"),
    };
    format!(
        "SELECT pg_catalog.setval({sequence}, v.value) \
         FROM (SELECT {value}) AS v WHERE v.value {within}"
    )
}
