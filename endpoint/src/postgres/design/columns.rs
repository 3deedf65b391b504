//! One column: its type, and the clause that makes it.

use protocol::fault::{Code, Fault};
use protocol::plan::Level;
use protocol::schema::{Column, Engine, Identity, IdentityKind, Logical, Table, TableName};

use super::{Draft, names};
use crate::DesignedColumn;
use crate::postgres::types;
use crate::sql::sequences::taken_from;
use crate::sql::{portable, quote};

/// A column as it will be made.
pub(super) struct Made {
    pub(super) designed: DesignedColumn,
    /// As it stands inside CREATE TABLE.
    pub(super) clause: String,
    /// What makes the sequence that numbers it, before the table, and gives it to it, after.
    pub(super) sequence: (Vec<String>, Vec<String>),
}

impl Draft<'_> {
    pub(super) fn column(&mut self, table: &Table, column: &Column) -> Result<Made, Fault> {
        let (native, logical) = self.column_type(table, column)?;
        let has_own = self.is_same_engine() && !column.is_computed();
        let own = if has_own { column.own_type() } else { &native };
        let mut clause = format!("{} {own}", quote::name(&column.name));
        let generated = self.generated(table, column);
        let mut sequence = (Vec::new(), Vec::new());
        if let Some(expression) = &generated {
            clause += &format!(" GENERATED ALWAYS AS ({expression}) STORED");
        } else if let Some(identity) = self.numbered(table, column, &logical) {
            sequence = self.numbering(table, column, &native, &identity, &mut clause);
        } else if let Some(default) = self.default(table, column, &logical) {
            clause += &format!(" DEFAULT {default}");
        }
        let in_key = table.primary_key.as_ref().is_some_and(|k| k.columns.contains(&column.name));
        if !column.nullable || in_key {
            clause += " NOT NULL";
        }
        if let Some(check) = self.label_check(table, column) {
            clause += &check;
        }
        if in_key && column.nullable {
            let text = format!(
                "{} is in the primary key, where the source allows NULL: rows with NULL are refused",
                column.name
            );
            self.note(Level::Warning, &table.name, text);
        }
        let designed = DesignedColumn {
            name: column.name.clone(),
            native,
            logical,
            generated: generated.is_some(),
            compared: true,
        };
        Ok(Made { designed, clause, sequence })
    }

    fn column_type(&mut self, table: &Table, column: &Column) -> Result<(String, Logical), Fault> {
        let place = || format!("{}.{}", table.name, column.name);
        if self.is_same_engine() && !column.is_computed() {
            return Ok((column.native.clone(), column.logical.clone()));
        }
        let Some(native) = types::native(&column.logical) else {
            return Err(Fault::new(Code::TypeUnsupported, place())
                .saying(format!("{} is known to its own engine only", column.native)));
        };
        if column.logical == Logical::Any {
            let text = format!("{} holds values of any type, and becomes text", column.name);
            self.note(Level::Info, &table.name, text);
        }
        Ok((native, types::given_back(&column.logical)))
    }

    /// What holds a column of labels to them, where it comes from another engine.
    fn label_check(&mut self, table: &Table, column: &Column) -> Option<String> {
        let Logical::Enum { labels } = &column.logical else { return None };
        let from = self.wanted.from.engine;
        if from == Engine::Postgres {
            return None;
        }
        let name = &column.name;
        // MySQL keeps an empty text in the place of a label that it did not know.
        let empty = (from == Engine::MySql && !labels.iter().any(String::is_empty)).then_some("''");
        let labels = labels.iter().map(|label| quote::literal(label).to_string());
        let listed: Vec<_> = labels.chain(empty.map(str::to_owned)).collect();
        let more = if empty.is_some() { ", and to '' for one that was unknown there" } else { "" };
        let text = format!(
            "{name} becomes text, which a check holds to its labels{more}; it is ordered by letters, \
             and not as they stand in the source"
        );
        self.note(Level::Info, &table.name, text);
        Some(format!(" CHECK ({} IN ({}))", quote::name(name), listed.join(", ")))
    }

    /// The expression that the target computes the column from.
    fn generated(&mut self, table: &Table, column: &Column) -> Option<String> {
        let generated = column.generated.as_ref()?;
        match self.expression(table, &generated.expression) {
            Ok(expression) => Some(expression),
            Err(why) => {
                let text = format!("{} is not computed, but holds data: {why}", column.name);
                self.note(Level::Left, &table.name, text);
                None
            }
        }
    }

    fn default(&mut self, table: &Table, column: &Column, logical: &Logical) -> Option<String> {
        let default = column.default.as_deref()?;
        let engine = self.wanted.from.engine;
        let carried = match self.is_same_engine() {
            true => {
                let default = self.sequences.renamed(default);
                self.missing(&default)
                    .map_or(Ok(default), |what| Err(format!("the target has no {what}")))
            }
            false => self
                .taken_from_sequence(default, logical)
                .or_else(|| portable::translate_default(default, logical, engine, Engine::Postgres))
                .ok_or_else(|| format!("`{default}` may not mean the same there")),
        };
        carried
            .map_err(|why| {
                let text = format!("default of {} stays behind: {why}", column.name);
                self.note(Level::Left, &table.name, text);
            })
            .ok()
    }

    /// A default that takes numbers from a sequence of another engine, which moves with the tables.
    fn taken_from_sequence(&self, default: &str, logical: &Logical) -> Option<String> {
        let name = taken_from(default, self.wanted.from.engine)?;
        let moved = self.wanted.from.sequences.iter().any(|one| one.name == name);
        let name = TableName::within(super::home(self.wanted), name.name);
        let literal = quote::literal(&quote::table(&name).to_string()).to_string();
        let integer = matches!(logical, Logical::Integer { .. });
        (moved && integer).then(|| format!("nextval({literal}::regclass)"))
    }

    /// An expression over the table's columns in PostgreSQL's words, or why there is none.
    pub(super) fn expression(&self, table: &Table, expression: &str) -> Result<String, String> {
        let engine = self.wanted.from.engine;
        if self.is_same_engine() {
            return match self.missing(expression) {
                None => Ok(expression.to_owned()),
                Some(what) => Err(format!("the target has no {what}")),
            };
        }
        portable::translate_over(expression, &table.columns, engine, Engine::Postgres)
            .ok_or_else(|| format!("`{expression}` may not mean the same there"))
    }

    /// How rows are numbered in it, where the type allows it.
    fn numbered(&mut self, table: &Table, column: &Column, logical: &Logical) -> Option<Identity> {
        let identity = column.identity.clone()?;
        if matches!(logical, Logical::Integer { .. }) {
            return Some(identity);
        }
        let text = format!("{} is not numbered: its type is no integer", column.name);
        self.note(Level::Left, &table.name, text);
        None
    }

    /// Appends the numbering; returns what is to be done before and after the table is made.
    fn numbering(
        &mut self,
        table: &Table,
        column: &Column,
        native: &str,
        identity: &Identity,
        clause: &mut String,
    ) -> (Vec<String>, Vec<String>) {
        let schema = table.name.schema.clone();
        let mut options = options(identity);
        let kind = match identity.kind {
            IdentityKind::Always => "ALWAYS",
            IdentityKind::ByDefault | IdentityKind::AutoIncrement => "BY DEFAULT",
            IdentityKind::Serial => {
                let given = self.sequences.of(table, column).cloned();
                let name = given.unwrap_or_else(|| {
                    let wish = format!("{}_{}_seq", table.name.name, column.name);
                    let name = self.names.free(schema.as_deref(), &wish);
                    TableName { schema, name }
                });
                let quoted = quote::table(&name).to_string();
                *clause += &format!(" DEFAULT nextval({}::regclass)", quote::literal(&quoted));
                let owner = format!("{}.{}", quote::table(&table.name), quote::name(&column.name));
                let mut after = vec![format!("ALTER SEQUENCE {quoted} OWNED BY {owner}")];
                after.extend(comment(identity, &name));
                let made = create_owned(&name, identity, native);
                let before = if self.sequences.is_shared(&name) { Vec::new() } else { vec![made] };
                return (before, after);
            }
        };
        let mut after = Vec::new();
        // The server makes its sequence a name, which something else may have, or is to get later.
        let wish = names::invented(&table.name.name, &column.name, "seq");
        let given = match self.sequences.of(table, column) {
            Some(name) => {
                after.extend(comment(identity, name));
                Some(name.clone())
            }
            None => {
                let name = self.names.free(schema.as_deref(), &wish);
                (name != wish).then_some(TableName { schema, name })
            }
        };
        if let Some(name) = given {
            options = format!("SEQUENCE NAME {} {options}", quote::table(&name));
        }
        *clause += &format!(" GENERATED {kind} AS IDENTITY ({options})");
        (Vec::new(), after)
    }
}

fn comment(identity: &Identity, name: &TableName) -> Option<String> {
    let comment = identity.sequence.as_ref()?.comment.as_ref()?;
    Some(format!("COMMENT ON SEQUENCE {} IS {}", quote::table(name), quote::literal(comment)))
}

/// The sequence of a column of this type. Without a type of its own its numbers end where those of
/// the column do.
pub(super) fn create_owned(name: &TableName, identity: &Identity, native: &str) -> String {
    let kind = identity.sequence.as_ref().map_or(native, |sequence| &sequence.native);
    format!("CREATE SEQUENCE {} AS {kind} {}", quote::table(name), options(identity))
}

/// How the numbers follow one another, as a sequence is told.
fn options(identity: &Identity) -> String {
    let mut options = format!("INCREMENT BY {}", identity.increment);
    let Some(bounds) = &identity.bounds else { return options };
    for (word, value) in [("MINVALUE", bounds.min), ("MAXVALUE", bounds.max)] {
        if let Some(value) = value {
            options += &format!(" {word} {value}");
        }
    }
    options += &format!(" START WITH {}", bounds.start);
    if bounds.cache > 1 {
        options += &format!(" CACHE {}", bounds.cache);
    }
    options + if bounds.cycle { " CYCLE" } else { "" }
}
