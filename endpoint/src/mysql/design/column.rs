//! The columns of a table: their types, and the clauses that make them.

use protocol::fault::{Code, Fault};
use protocol::plan::Level;
use protocol::schema::{Column, Engine, Index, Logical, Table};

use super::{CHAR_BYTES, Draft, INDEX_BYTES};
use crate::DesignedColumn;
use crate::mysql::types::{self, Chosen};
use crate::mysql::words;
use crate::sql::portable;
use crate::sql::sequences::taken_from;

/// Bytes of a row that are not kept elsewhere: what the server allows, with room for all else.
const ROW_BYTES: u32 = 60_000;

/// A column as it will be made.
pub(super) struct Made {
    pub(super) designed: DesignedColumn,
    /// As it stands inside CREATE TABLE.
    pub(super) clause: String,
}

impl Draft<'_> {
    /// All columns of a table.
    pub(super) fn columns(&mut self, table: &Table) -> Result<Vec<Made>, Fault> {
        let mut types = Vec::new();
        for column in &table.columns {
            types.push(self.column_type(table, column)?);
        }
        if !self.is_same_engine() {
            self.shrink(table, &mut types);
        }
        Ok(table
            .columns
            .iter()
            .zip(types)
            .map(|(column, t)| self.column(table, column, t))
            .collect())
    }

    fn column_type(&mut self, table: &Table, column: &Column) -> Result<Chosen, Fault> {
        if self.is_same_engine() && !column.is_computed() {
            let (native, logical) = (column.native.clone(), column.logical.clone());
            let compared = self.server.json_keeps_text() || logical != Logical::Json;
            return Ok(Chosen { native, logical, compared });
        }
        let key = key_chars(table, &column.name);
        let chosen = types::chosen(&column.logical, self.server, key);
        let place = || format!("{}.{}", table.name, column.name);
        if key.is_some() && matches!(&*chosen.native, "json" | "longtext" | "longblob") {
            return Err(Fault::new(Code::TypeUnsupported, place())
                .saying(format!("{} cannot stand in a key here", column.native)));
        }
        self.say_of_type(table, column, &chosen);
        Ok(chosen)
    }

    fn say_of_type(&mut self, table: &Table, column: &Column, chosen: &Chosen) {
        let name = &column.name;
        let kept_as_text = chosen.native == "longtext" || chosen.native.starts_with("varchar(");
        let was_text = matches!(
            column.logical,
            Logical::Text { .. } | Logical::Char { .. } | Logical::Enum { .. }
        );
        if kept_as_text && !was_text {
            let text = format!("{name} is kept as text, as its own engine spells it");
            self.note(Level::Info, table, text);
        }
        let long = matches!(column.logical, Logical::Text { length: None } | Logical::Binary);
        let cut = |n: u32| long || types::length(&column.logical).is_some_and(|own| own > n);
        if let Some(n) = key_chars(table, name).filter(|n| chosen.native.contains('(') && cut(*n)) {
            let n = if column.logical == Logical::Binary { n * CHAR_BYTES } else { n };
            let text =
                format!("{name} is in a key, and holds at most {n} there: longer is refused");
            self.note(Level::Warning, table, text);
        }
        if matches!(column.logical, Logical::Decimal { precision: None, .. }) {
            let text = format!(
                "{name} holds 35 digits before the point and 30 behind: others are refused"
            );
            self.note(Level::Info, table, text);
        }
        if column.logical == Logical::TimestampWithZone {
            let text = format!("{name} holds instants from 1970 to 2038: others are refused");
            self.note(Level::Info, table, text);
        }
        if !chosen.compared {
            let text = format!("{name} is not compared: the server spells JSON in its own way");
            self.note(Level::Info, table, text);
        }
        if let Some((_, collation)) = column.native.split_once("COLLATE ")
            && self.from != Engine::MySql
        {
            let text = format!("{name} is compared without its collation {collation}");
            self.note(Level::Left, table, text);
        }
    }

    /// Texts that would make a row longer than the server allows, longest first, are kept outside it.
    fn shrink(&mut self, table: &Table, types: &mut [Chosen]) {
        let width = |chosen: &Chosen| match types::length(&chosen.logical) {
            Some(n) => n * CHAR_BYTES + 2,
            None if chosen.native.starts_with("varbinary") => INDEX_BYTES,
            None => 32,
        };
        let free = |at: usize| key_chars(table, &table.columns[at].name).is_none();
        while types.iter().map(width).fold(0, u32::saturating_add) > ROW_BYTES {
            let texts = types
                .iter()
                .enumerate()
                .filter(|(at, chosen)| chosen.native.starts_with("varchar") && free(*at));
            let longest = texts.max_by_key(|(_, chosen)| width(chosen)).map(|(at, _)| at);
            let Some(at) = longest else { return };
            types[at] = Chosen {
                native: "longtext".to_owned(),
                logical: Logical::Text { length: None },
                compared: types[at].compared,
            };
            let name = &table.columns[at].name;
            let text =
                format!("{name} is a longtext: the row would be longer than the server allows");
            self.note(Level::Info, table, text);
        }
    }

    fn column(&mut self, table: &Table, column: &Column, chosen: Chosen) -> Made {
        let name = words::name(&column.name);
        if let Some(own) = self.own(table, column) {
            let generated = column.generated.is_some();
            return Made {
                designed: designed(column, chosen, generated),
                clause: format!("{name} {own}"),
            };
        }
        let mut clause = format!("{name} {}", chosen.native);
        let generated = self.generated(table, column);
        if let Some((expression, how)) = &generated {
            clause += &format!(" GENERATED ALWAYS AS ({expression}) {how}");
        } else {
            clause += if self.is_solid(table, column) { " NOT NULL" } else { " NULL" };
            if self.is_numbered(table, column, &chosen) {
                clause += " AUTO_INCREMENT";
            } else if let Some(default) = self.default(table, column, &chosen) {
                clause += &format!(" DEFAULT {default}");
            }
            if let Some(moment) = column.on_update.as_ref().filter(|_| self.is_same_engine()) {
                clause += &format!(" ON UPDATE {moment}");
            }
        }
        if chosen.logical == Logical::Boolean {
            clause += &format!(" CHECK ({name} IN (0, 1))");
        }
        if let Some(comment) = &column.comment {
            let comment = self.comment(table, &column.name, comment, 1024);
            // A check ends the clause.
            match clause.find(" CHECK (").filter(|_| chosen.logical == Logical::Boolean) {
                Some(at) => clause.insert_str(at, &comment),
                None => clause += &comment,
            }
        }
        Made { designed: designed(column, chosen, generated.is_some()), clause }
    }

    fn is_solid(&mut self, table: &Table, column: &Column) -> bool {
        let in_key = table.primary_key.as_ref().is_some_and(|k| k.columns.contains(&column.name));
        if in_key && column.nullable {
            let text = format!(
                "{} is in the primary key, where the source allows NULL: rows with NULL are refused",
                column.name
            );
            self.note(Level::Warning, table, text);
        }
        in_key || !column.nullable
    }

    /// The expression that the target computes the column from, and whether it keeps the value.
    fn generated(&mut self, table: &Table, column: &Column) -> Option<(String, &'static str)> {
        let generated = column.generated.as_ref()?;
        let in_key = table.primary_key.as_ref().is_some_and(|k| k.columns.contains(&column.name));
        if in_key && !(generated.stored && self.server.has_computed_keys()) {
            let text = format!(
                "{} is not computed, but holds data: the server allows no computed column in a \
                 primary key",
                column.name
            );
            self.note(Level::Left, table, text);
            return None;
        }
        match self.expression(table, &generated.expression) {
            Ok(expression) => {
                Some((expression, if generated.stored { "STORED" } else { "VIRTUAL" }))
            }
            Err(why) => {
                let text = format!("{} is not computed, but holds data: {why}", column.name);
                self.note(Level::Left, table, text);
                None
            }
        }
    }

    /// Whether rows are numbered by it in the source: by the column itself, or from a sequence where
    /// the server has none.
    pub(super) fn is_number(&self, column: &Column) -> bool {
        let sequence = || {
            let default = column.default.as_deref();
            default.and_then(|default| taken_from(default, self.from)).is_some()
        };
        let integer = matches!(column.logical, Logical::Integer { .. });
        column.identity.is_some() || integer && !self.server.has_sequences() && sequence()
    }

    /// Whether the server numbers rows by it: one integer column, which begins a key.
    fn is_numbered(&mut self, table: &Table, column: &Column, chosen: &Chosen) -> bool {
        if !self.is_number(column) {
            return false;
        }
        let first = table.columns.iter().find(|other| self.is_number(other));
        let integer = matches!(chosen.logical, Logical::Integer { .. })
            || chosen.native.starts_with("bigint");
        let able = integer && first.is_some_and(|first| first.name == column.name);
        if !able {
            let text =
                format!("{} is not numbered: the server numbers one integer column", column.name);
            self.note(Level::Left, table, text);
        }
        able
    }

    fn default(&mut self, table: &Table, column: &Column, chosen: &Chosen) -> Option<String> {
        if let Some(numbers) = self.numbers_of(column) {
            return Some(numbers);
        }
        let default = column.default.as_deref()?;
        if self.is_same_engine() && !default.contains("nextval(") {
            return Some(default.to_owned());
        }
        let carried =
            portable::translate_default(default, &chosen.logical, self.from, Engine::MySql);
        if carried.is_none() {
            let text = format!("default of {} stays behind: `{default}`", column.name);
            self.note(Level::Left, table, text);
        }
        carried.map(|carried| spelled(&carried, &chosen.native))
    }
}

fn designed(column: &Column, chosen: Chosen, generated: bool) -> DesignedColumn {
    let Chosen { native, logical, compared } = chosen;
    DesignedColumn { name: column.name.clone(), native, logical, generated, compared }
}

/// A moment with as many digits as the column keeps; an expression in parentheses where the type
/// takes no other default.
fn spelled(default: &str, native: &str) -> String {
    let large = ["longtext", "longblob", "json"].contains(&native);
    match default {
        "NULL" => default.to_owned(),
        // Bits beyond what the server has are text.
        bits if bits.starts_with("b'") && !native.starts_with("bit(") => {
            format!("({})", &bits[1..])
        }
        "CURRENT_TIMESTAMP" if native.ends_with("(6)") => "CURRENT_TIMESTAMP(6)".to_owned(),
        "CURRENT_DATE" => "(CURRENT_DATE)".to_owned(),
        literal if large => format!("({literal})"),
        literal => literal.to_owned(),
    }
}

/// How many characters of a column fit into every key that it is in; none when it is in none.
fn key_chars(table: &Table, column: &str) -> Option<u32> {
    let keys = table.primary_key.iter().chain(&table.uniques).map(|key| &key.columns);
    let unique = table.indexes.iter().filter_map(Index::unique_columns);
    let links = table.foreign_keys.iter().map(|key| &key.columns);
    let mut all = keys.cloned().chain(unique).chain(links.cloned()).peekable();
    all.peek()?;
    let of = |columns: Vec<String>| {
        let wide = |name: &&String| {
            table
                .column(name)
                .is_some_and(|c| types::is_text(&c.logical) || c.logical == Logical::Binary)
        };
        let count = u32::try_from(columns.iter().filter(wide).count().max(1)).unwrap_or(1);
        let fixed = u32::try_from(columns.len()).unwrap_or(1)
            * if count < 2 && columns.len() < 2 { 0 } else { 16 };
        INDEX_BYTES.saturating_sub(fixed) / count / CHAR_BYTES
    };
    all.filter(|columns| columns.iter().any(|name| name == column)).map(of).min()
}
