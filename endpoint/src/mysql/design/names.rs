//! Names that MySQL cannot have.

use std::collections::BTreeSet;

use protocol::fault::{Code, Fault};

use super::NAME_CHARS_MAX;
use crate::Wanted;
use crate::mysql::sql::OURS;

/// Refuses names that do not fit, or that would be one.
///
/// # Errors
/// `Code::IdentifierUnfit` or `Code::TypeUnsupported`, naming table and column.
pub(super) fn refuse_unfit(wanted: &Wanted) -> Result<(), Fault> {
    let there = wanted.existing.tables.iter().map(|table| &table.name.name);
    let there = there.chain(wanted.existing.sequences.iter().map(|one| &one.name.name));
    let others = wanted.existing.unmoved.iter().filter(|one| one.kind.ends_with("view"));
    let mut taken: BTreeSet<_> =
        there.chain(others.map(|one| &one.name.name)).map(String::as_str).collect();
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
