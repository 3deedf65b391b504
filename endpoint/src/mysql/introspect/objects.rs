//! Views, routines, triggers and events, each in the server's own words.

use std::collections::BTreeSet;

use protocol::fault::Fault;
use protocol::object::{Need, Object, ObjectKind};
use protocol::schema::{TableName, Unmoved};

use super::unmoved::stays;
use crate::mysql::connect::Link;
use crate::mysql::words;

/// Something that has a statement of its own.
pub(super) struct Named {
    /// `view`, `procedure`, `function`, `trigger`, `event`.
    pub(super) kind: String,
    pub(super) name: String,
    /// The table of a trigger.
    pub(super) on: Option<String>,
}

/// All that can be made again, and what of it the user may not read.
pub(super) async fn objects(
    link: &mut Link,
    named: Vec<Named>,
    tables: &[String],
    database: &str,
) -> Result<(Vec<Object>, Vec<Unmoved>), Fault> {
    let (mut objects, mut unmoved) = (Vec::new(), Vec::new());
    let keys: Vec<_> =
        named.iter().map(|one| (one.name.clone(), format!("{} {}", one.kind, one.name))).collect();
    for one in named {
        let show = format!("SHOW CREATE {} {}", one.kind.to_uppercase(), words::name(&one.name));
        let line = match link.query(&show).await {
            Ok(lines) => lines.into_iter().next().unwrap_or_default(),
            Err(fault) if fault.named().is_some() => Vec::new(),
            Err(fault) => return Err(fault),
        };
        match statements(&one, line) {
            Some((definition, names)) => {
                let mut object = object(one, definition, &names, (&keys, tables));
                let qualified = [format!("`{database}`."), format!(" {database}.")];
                let names_it = |text: &String| qualified.iter().any(|name| text.contains(name));
                if object.definition.iter().any(names_it) {
                    object.needs.push(Need::Other(format!("the database {database} by name")));
                }
                objects.push(object);
            }
            None => unmoved.push(stays(&one.kind, &one.name)),
        }
    }
    Ok((objects, unmoved))
}

/// What makes it, and the names that stand in it; nothing where the server shows no text.
fn statements(one: &Named, line: Vec<Option<String>>) -> Option<(Vec<String>, BTreeSet<String>)> {
    let cell = |at: usize| line.get(at).cloned().flatten();
    let (mode, zone, create) = match one.kind.as_str() {
        "view" => (None, None, cell(1)?),
        "event" => (cell(1), cell(2), cell(3)?),
        _ => (cell(1), None, cell(2)?),
    };
    let create = without_definer(&create);
    let names = names(&create);
    let mut settings = Vec::new();
    for (setting, value) in [("sql_mode", mode), ("time_zone", zone)] {
        if let Some(value) = value {
            settings.push((setting, words::literal(&value)));
        }
    }
    let before = settings.iter().map(|(setting, value)| {
        format!("SET @longhaul_{setting} = @@SESSION.{setting}, SESSION {setting} = {value}")
    });
    let after =
        settings.iter().map(|(setting, _)| format!("SET SESSION {setting} = @longhaul_{setting}"));
    Some((before.chain([create]).chain(after).collect(), names))
}

fn object(
    one: Named,
    definition: Vec<String>,
    names: &BTreeSet<String>,
    (keys, tables): (&[(String, String)], &[String]),
) -> Object {
    let key = format!("{} {}", one.kind, one.name);
    let on = one.on.as_deref().map(TableName::bare);
    let kind = match one.kind.as_str() {
        "view" => ObjectKind::View,
        "trigger" => ObjectKind::Trigger,
        _ => ObjectKind::Routine,
    };
    let table = |name: &&String| tables.contains(name);
    let needed = |name: &String| Need::Table { name: TableName::bare(name.clone()), column: None };
    let mut needs: Vec<_> = Vec::new();
    // A routine may speak of what is not there; a view may not.
    if kind == ObjectKind::View {
        needs.extend(names.iter().filter(table).map(needed));
        let others = keys.iter().filter(|(name, other)| names.contains(name) && *other != key);
        needs.extend(others.map(|(_, other)| Need::Object(other.clone())));
    }
    if let Some(on) = &on {
        needs.push(Need::Table { name: on.clone(), column: None });
    }
    Object {
        kind,
        word: one.kind,
        name: TableName::bare(one.name),
        key,
        on,
        definition,
        filled_by: None,
        needs,
    }
}

/// Names in backticks.
fn names(create: &str) -> BTreeSet<String> {
    let pieces = super::shown::pieces(create);
    pieces.filter_map(|(_, piece, _)| Some(super::shown::named(piece)?.0)).collect()
}

/// The statement without whose rights it has: the target may not have such a user, and who makes it may
/// not give away the rights of others.
fn without_definer(create: &str) -> String {
    let Some(at) = create.find("DEFINER=`") else { return create.to_owned() };
    let rest = &create[at + "DEFINER=".len()..];
    let mut end = 0;
    for (start, piece, _) in super::shown::pieces(rest) {
        if piece.trim().is_empty() {
            end = start + piece.len();
            break;
        }
    }
    format!("{}{}", &create[..at], &rest[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_loses_its_definer_and_nothing_else() {
        let create = "CREATE ALGORITHM=UNDEFINED DEFINER=`ro ot`@`%` SQL SECURITY DEFINER VIEW `v` AS select `t`.`a` AS `a` from `t`";
        let without = without_definer(create);
        assert!(
            without.starts_with("CREATE ALGORITHM=UNDEFINED SQL SECURITY DEFINER VIEW `v`"),
            "{without}"
        );
        assert_eq!(names(&without), ["a", "t", "v"].map(str::to_owned).into());
    }
}
