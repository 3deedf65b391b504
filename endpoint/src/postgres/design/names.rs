//! Which names are free, and which are names at all.

use std::collections::BTreeSet;

use protocol::fault::{Code, Fault};
use protocol::object::ObjectKind;
use protocol::schema::{Catalogue, Table, TableName};

use super::NAME_BYTES_MAX;
use crate::sql::names::shortened;

/// Columns that every table has of itself.
const SYSTEM_COLUMNS: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

/// Most columns of a table.
const COLUMNS_MAX: usize = 1600;

/// Names of relations (tables, indexes, sequences, views) by schema: one namespace.
pub(super) struct Names(BTreeSet<(String, String)>);

impl Names {
    /// Those that the target has already.
    pub(super) fn of(existing: &Catalogue) -> Self {
        let mut names = Self(BTreeSet::new());
        for table in &existing.tables {
            names.note(&table.name);
            let partitions = table.partitioning.iter().flat_map(|p| &p.partitions);
            partitions.for_each(|partition| names.note(&partition.name));
            let keys = table.primary_key.iter().chain(&table.uniques);
            let keys = keys.filter_map(|key| key.name.as_deref());
            for name in keys.chain(table.indexes.iter().map(|index| index.name.as_str())) {
                names.note(&TableName { schema: table.name.schema.clone(), name: name.into() });
            }
        }
        let numbered = existing.tables.iter().flat_map(|table| &table.columns);
        for sequence in numbered.filter_map(|c| c.identity.as_ref()?.sequence.as_ref()) {
            names.note(&sequence.name);
        }
        for sequence in &existing.sequences {
            names.note(&sequence.name);
        }
        let relation = |kind: &str| kind.contains("view") || kind.contains("table");
        for view in existing.objects.iter().filter(|one| one.kind == ObjectKind::View) {
            names.note(&view.name);
        }
        for other in existing.unmoved.iter().filter(|other| relation(&other.kind)) {
            names.note(&other.name);
        }
        names
    }

    /// Takes a name if it is free.
    pub(super) fn take(&mut self, name: &TableName) -> bool {
        self.0.insert(key(name))
    }

    fn note(&mut self, name: &TableName) {
        self.0.insert(key(name));
    }

    /// Takes a name that a person chose. `Code::IdentifierUnfit` when it is taken or is no name.
    pub(super) fn claim(&mut self, name: &TableName) -> Result<(), Fault> {
        fit(&name.name, name)?;
        if let Some(schema) = &name.schema {
            fit(schema, name)?;
        }
        match self.0.insert(key(name)) {
            true => Ok(()),
            false => {
                Err(unfit(name).saying("the target has, or will have, something of that name"))
            }
        }
    }

    /// Takes the names of a table and its partitions, and looks at those of its columns.
    pub(super) fn claim_table(&mut self, table: &Table) -> Result<(), Fault> {
        self.claim(&table.name)?;
        let mut seen = BTreeSet::new();
        for column in &table.columns {
            let place = format!("{}.{}", table.name, column.name);
            fit(&column.name, &place)?;
            if SYSTEM_COLUMNS.contains(&column.name.as_str()) {
                return Err(unfit(&place).saying("every table has a system column of that name"));
            }
            if !seen.insert(&column.name) {
                return Err(unfit(&place).saying("two columns would have this name"));
            }
        }
        if table.columns.len() > COLUMNS_MAX {
            return Err(Fault::new(Code::TypeUnsupported, table.name.to_string())
                .saying(format!("a table has at most {COLUMNS_MAX} columns")));
        }
        Ok(())
    }

    /// Takes the wished name for an index or sequence, or one like it where that is taken.
    pub(super) fn free(&mut self, schema: Option<&str>, wish: &str) -> String {
        let tries = (0_u32..).map(|n| match n {
            0 => shorten(wish, ""),
            n => shorten(wish, &n.to_string()),
        });
        let mut free = tries.filter(|name| {
            let schema = schema.map(str::to_owned);
            self.0.insert(key(&TableName { schema, name: name.clone() }))
        });
        free.next().expect("names do not run out")
    }
}

fn key(name: &TableName) -> (String, String) {
    (name.schema.clone().unwrap_or_default(), name.name.clone())
}

/// A name as it can be: what is no name is made one, and what is too long is cut, with something that
/// tells it from others.
fn shorten(name: &str, suffix: &str) -> String {
    let plain = name.replace('\0', "_");
    let plain = if plain.is_empty() { "_" } else { &plain };
    let fits = |name: &str| name.len() <= NAME_BYTES_MAX - suffix.len();
    let short = shortened(plain, fits).unwrap_or_else(|| plain.to_owned());
    format!("{short}{suffix}")
}

/// The name of a constraint, which only its table must not have twice.
pub(super) fn own(wish: &str, taken: &BTreeSet<String>) -> String {
    let tries = (0_u32..).map(|n| match n {
        0 => shorten(wish, ""),
        n => shorten(wish, &format!("_{n}")),
    });
    let mut free = tries.filter(|name| !taken.contains(name));
    free.next().expect("names do not run out")
}

/// The name that the server gives what it makes of itself: it cuts the longer of the two parts.
pub(super) fn invented(table: &str, column: &str, label: &str) -> String {
    let room = NAME_BYTES_MAX - label.len() - 1 - usize::from(!column.is_empty());
    let (mut one, mut two) = (table.len(), column.len());
    while one + two > room {
        if one > two { one -= 1 } else { two -= 1 }
    }
    let cut = |text: &str, mut end: usize| {
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text[..end].to_owned()
    };
    let (table, column) = (cut(table, one), cut(column, two));
    if column.is_empty() { format!("{table}_{label}") } else { format!("{table}_{column}_{label}") }
}

/// Why something gets another name than it had.
pub(super) fn reason(name: &str) -> &'static str {
    match () {
        () if name.len() > NAME_BYTES_MAX => "its name has more than 63 bytes",
        () if name.is_empty() || name.contains('\0') => "its name is none here",
        () => "its name is taken",
    }
}

/// Whether a name that a person chose can stand as it is.
pub(super) fn fit(name: &str, place: impl ToString) -> Result<(), Fault> {
    if name.is_empty() || name.contains('\0') {
        return Err(unfit(place).saying("a name is not empty and has no NUL in it"));
    }
    if name.len() > NAME_BYTES_MAX {
        let said = format!("it has {} bytes, and the target keeps {NAME_BYTES_MAX}", name.len());
        return Err(unfit(place).saying(said));
    }
    Ok(())
}

fn unfit(place: impl ToString) -> Fault {
    Fault::new(Code::IdentifierUnfit, place.to_string())
}
