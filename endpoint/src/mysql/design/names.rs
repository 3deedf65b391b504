//! Names that MySQL cannot have.

use std::collections::BTreeSet;

use protocol::fault::{Code, Fault};
use protocol::object::ObjectKind;
use protocol::plan::Level;
use protocol::schema::{Key, Table};

use super::{Draft, NAME_CHARS_MAX, pairs};
use crate::Wanted;
use crate::mysql::sql::OURS;
use crate::sql::names::shortened;

/// Most columns of a table, indexes of it, and columns of an index.
const COLUMNS_MAX: usize = 1017;
const INDEXES_MAX: usize = 64;
const PARTS_MAX: usize = 16;

/// Refuses names that do not fit, or that would be one.
///
/// # Errors
/// `Code::IdentifierUnfit` or `Code::TypeUnsupported`, naming table and column.
pub(super) fn refuse_unfit(wanted: &Wanted) -> Result<(), Fault> {
    let there = wanted.existing.tables.iter().map(|table| &table.name.name);
    let there = there.chain(wanted.existing.sequences.iter().map(|one| &one.name.name));
    let others = wanted.existing.unmoved.iter().filter(|one| one.kind.ends_with("view"));
    let views = wanted.existing.objects.iter().filter(|one| one.kind == ObjectKind::View);
    let others = others.map(|one| &one.name.name).chain(views.map(|one| &one.name.name));
    let mut taken: BTreeSet<_> = there.chain(others).map(String::as_str).collect();
    for (_, table) in &wanted.tables {
        let name = &table.name.name;
        if table.name.schema.is_some() {
            return unfit(
                table.name.to_string(),
                "a schema is a database here, and the URL names it",
            );
        }
        fit(name, name.clone())?;
        if name.to_ascii_lowercase().starts_with(OURS) {
            return unfit(name.clone(), "names that begin like this are kept for other things");
        }
        if !taken.insert(name) {
            return unfit(name.clone(), "it is there already");
        }
        if table.columns.is_empty() {
            return Err(Fault::new(Code::TypeUnsupported, name.clone())
                .saying("it has no columns, and in MySQL every table has one")
                .next("Leave it out with `exclude`."));
        }
        if table.columns.len() > COLUMNS_MAX {
            let said = format!(
                "it has {} columns, and a table of InnoDB has at most {COLUMNS_MAX}",
                table.columns.len()
            );
            return Err(Fault::new(Code::TypeUnsupported, name.clone())
                .saying(said)
                .next("Leave columns out with `exclude_columns`, or the table with `exclude`."));
        }
        let mut seen = BTreeSet::new();
        for column in &table.columns {
            let place = format!("{name}.{}", column.name);
            fit(&column.name, place.clone())?;
            // Columns are told apart by all but case.
            if !seen.insert(column.name.to_lowercase()) {
                return unfit(place, "it differs only by case from another");
            }
        }
    }
    Ok(())
}

impl Draft<'_> {
    /// The name of a unique constraint: its own, as far as the server can have it; for one without a
    /// name, that of its first column.
    pub(super) fn key_name(&mut self, table: &Table, key: &Key) -> String {
        match (&key.name, key.columns.first()) {
            (Some(name), _) => self.index_name(table, name, &|_| false),
            (None, first) => {
                let wish = first.map_or("unique", String::as_str);
                let same = |name: &str, wish: &str| name.eq_ignore_ascii_case(wish);
                let named = |wish: &str| {
                    let mut keys = table.uniques.iter().filter_map(|key| key.name.as_deref());
                    keys.any(|name| same(name, wish))
                        || table.indexes.iter().any(|index| same(&index.name, wish))
                };
                self.index_name(table, wish, &named)
            }
        }
    }

    /// A name for an index of the table, as near to the wish as the server can have it, and none that
    /// is `taken`.
    pub(super) fn index_name(
        &mut self,
        table: &Table,
        wish: &str,
        taken: &dyn Fn(&str) -> bool,
    ) -> String {
        let there = self.indexes.get(&table.name.to_string());
        let free = |name: &str| {
            !name.eq_ignore_ascii_case("PRIMARY")
                && !taken(name)
                && !there.into_iter().flatten().any(|(other, _)| *other == name.to_lowercase())
        };
        let name = fitting(wish, &table.name.name, &free);
        if name != wish {
            self.note(Level::Info, table, format!("index {wish} is called {name}"));
        }
        name
    }

    /// A name for a check, as near to the wish as the server can have it.
    pub(super) fn check_name(&mut self, table: &Table, wish: &str) -> String {
        let one_space = self.server.has_one_space_of_checks();
        let taken = &self.checks;
        let free = |name: &str| !one_space || !taken.contains(&name.to_lowercase());
        let name = fitting(wish, &table.name.name, &free);
        self.checks.insert(name.to_lowercase());
        if name != wish {
            self.note(Level::Info, table, format!("check {wish} is called {name}"));
        }
        name
    }

    /// Notes an index that is made.
    pub(super) fn made(&mut self, table: &Table, name: &str, columns: Vec<String>) {
        self.indexes
            .entry(table.name.to_string())
            .or_default()
            .push((name.to_lowercase(), columns));
    }

    /// Whether the table can have one more index, of these columns; says so where it cannot.
    pub(super) fn has_room(&mut self, table: &Table, what: &str, columns: &[String]) -> bool {
        let there = self.indexes.get(&table.name.to_string()).map_or(0, Vec::len);
        let why = match () {
            () if columns.len() > PARTS_MAX => {
                format!("it has {} columns, and the server allows {PARTS_MAX}", columns.len())
            }
            () if there >= INDEXES_MAX => format!("the server allows {INDEXES_MAX} of a table"),
            () => return true,
        };
        self.note(Level::Left, table, format!("{what} stays behind: {why}"));
        false
    }

    /// Whether an index of the table begins with these columns, so that a foreign key needs none of its
    /// own.
    pub(super) fn has_index_of(&self, table: &Table, columns: &[String]) -> bool {
        let all = self.indexes.get(&table.name.to_string()).into_iter().flatten();
        all.into_iter().any(|(_, those)| those.starts_with(columns))
    }

    /// Whether an index of that name is there which a foreign key over these columns could not use.
    pub(super) fn is_in_the_way(&self, table: &Table, name: &str, columns: &[String]) -> bool {
        let all = self.indexes.get(&table.name.to_string()).into_iter().flatten();
        all.into_iter()
            .any(|(other, those)| *other == name.to_lowercase() && !those.starts_with(columns))
    }
}

/// The columns an index begins with.
pub(super) fn columns_of(index: &protocol::schema::Index) -> Vec<String> {
    pairs::whole_columns(index)
}

/// The wish where it fits and is free, or what is made of it.
pub(super) fn fitting(wish: &str, table: &str, free: &dyn Fn(&str) -> bool) -> String {
    let fits = |name: &str| {
        let plain = !name.is_empty()
            && !name.ends_with(' ')
            && !name.chars().any(|c| c == '\0' || c > '\u{ffff}');
        plain && name.chars().count() <= NAME_CHARS_MAX
    };
    let plain: String =
        wish.chars().map(|c| if c == '\0' || c > '\u{ffff}' { '_' } else { c }).collect();
    let tries = (0_u32..).map(|at| match at {
        0 => wish.to_owned(),
        1 => format!("{table}_{}", plain.trim_end()),
        at => format!("{table}_{}_{at}", plain.trim_end()),
    });
    let mut fitting = tries.map(|name| shortened(&name, fits).unwrap_or(name));
    fitting.find(|name| fits(name) && free(name)).unwrap_or_default()
}

fn fit(name: &str, place: String) -> Result<(), Fault> {
    match () {
        () if name.is_empty() => unfit(place, "it is empty"),
        () if name.ends_with(' ') => unfit(place, "it ends in a blank"),
        () if name.contains('\0') => unfit(place, "it holds a NUL"),
        () if name.chars().any(|c| c > '\u{ffff}') => {
            unfit(place, "it holds a character of more than three bytes")
        }
        () if name.chars().count() > NAME_CHARS_MAX => {
            unfit(place, "it is longer than 64 characters")
        }
        () => Ok(()),
    }
}

fn unfit(place: String, said: &str) -> Result<(), Fault> {
    Err(Fault::new(Code::IdentifierUnfit, place).saying(said))
}
