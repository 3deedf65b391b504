//! A table of PostgreSQL, before it goes to an engine that has fewer words: what has others there is
//! put into them, and what has none is said.

use std::collections::BTreeSet;

use protocol::plan::{Level, Said, said as saying, said_of_all};
use protocol::schema::{
    Catalogue, Check, Column, Engine, Identity, IdentityKind, Key, Logical, Numbers, OwnKind,
    PropertyKind, Rules, Table,
};

/// What is said of a table.
type Sayings = Vec<(Level, Said)>;

/// Leaves of the table what any engine may have, and says the rest.
pub(super) fn plain(table: &mut Table, from: &Catalogue, to: Engine) -> Sayings {
    let mut said = Sayings::new();
    keys(table, to, &mut said);
    checks(table, &mut said);
    links(table, &mut said);
    peculiar(table, to, &mut said);
    for at in 0..table.columns.len() {
        let rules = rules(&table.columns[at], from).cloned();
        if let Some(rules) = rules {
            take_rules(table, at, &rules, &mut said);
        }
        number(&mut table.columns[at], from, &mut said);
    }
    said
}

fn left(said: &mut Sayings, kind: &str, object: impl ToString, text: impl Into<String>) {
    said.push((Level::Left, saying(kind, object, text)));
}

fn name(name: Option<&str>) -> &str {
    name.unwrap_or("without a name")
}

fn keys(table: &mut Table, to: Engine, said: &mut Sayings) {
    let mut plain = |key: &mut Key| {
        let name = name(key.name.as_deref()).to_owned();
        if key.deferrable.take().is_some() {
            left(
                said,
                "deferrable key",
                &name,
                format!("key {name} is checked row by row: {to} cannot let it wait for the commit"),
            );
        }
        if std::mem::take(&mut key.nulls_equal) {
            let text = format!(
                "key {name} lets in several rows with NULL, which are one in the source (NULLS NOT DISTINCT)"
            );
            left(said, "nulls not distinct", &name, text);
        }
        key.include.clear();
        key.storage = None;
    };
    table.primary_key.iter_mut().chain(&mut table.uniques).for_each(&mut plain);
    for index in &table.indexes {
        let tail = index.tail.as_deref().unwrap_or_default();
        if index.unique && tail.contains(" NULLS NOT DISTINCT") {
            let text = format!(
                "index {} lets in several rows with NULL, which are one in the source (NULLS NOT DISTINCT)",
                index.name
            );
            left(said, "nulls not distinct", &index.name, text);
        }
    }
}

fn checks(table: &mut Table, said: &mut Sayings) {
    table.checks.retain_mut(|check| {
        check.alone = false;
        if check.unproven {
            let name = name(check.name.as_deref());
            let text =
                format!("check {name} stays behind: rows of the source may break it (NOT VALID)");
            left(said, "check not valid", name, text);
        }
        !check.unproven
    });
}

fn links(table: &mut Table, said: &mut Sayings) {
    for key in &mut table.foreign_keys {
        if std::mem::take(&mut key.full) && key.columns.len() > 1 {
            let text = format!(
                "foreign key to {} is not checked where one of its columns is NULL (MATCH FULL in the source)",
                key.references
            );
            left(said, "match full", key.columns.join(", "), text);
        }
        if let Some((action, columns)) = key.on_delete.split_once(" (") {
            let columns = columns.trim_end_matches(')');
            let text = format!(
                "foreign key to {} does nothing on delete: in the source it empties {columns} only ({action})",
                key.references
            );
            left(said, "on delete of some columns", key.columns.join(", "), text);
            key.on_delete = "NO ACTION".to_owned();
        }
    }
}

/// What is said of a whole table at once.
fn peculiar(table: &mut Table, to: Engine, said: &mut Sayings) {
    let own = std::mem::take(&mut table.peculiar);
    for one in &own.exclusions {
        let text = format!("exclusion constraint {} stays behind: {to} has none", one.name);
        left(said, "exclusion constraint", &one.name, text);
    }
    for parent in &own.parents {
        let text = format!(
            "inherits from {parent} in the source, where a query of that sees these rows, too; here it is a table of its own"
        );
        left(said, "inheritance", parent, text);
    }
    for part in table.partitioning.iter().flat_map(|cut| &cut.partitions) {
        let Some(own) = &part.own else { continue };
        let mut things: Vec<_> = own.indexes.iter().map(|one| one.name.clone()).collect();
        let keys = own.primary_key.iter().chain(&own.uniques).filter_map(|key| key.name.clone());
        things.extend(keys);
        things.extend(own.checks.iter().filter_map(|one| one.name.clone()));
        things.extend(own.foreign_keys.iter().filter_map(|one| one.name.clone()));
        things.extend(own.columns.iter().map(|one| format!("default or NOT NULL of {}", one.name)));
        if !things.is_empty() {
            let text = format!(
                "what only the partition {} has stays behind: {}",
                part.name,
                things.join(", ")
            );
            left(said, "of one partition only", &part.name, text);
        }
    }
    if own.properties.iter().any(|one| one.kind == PropertyKind::Comment) {
        let text = "comments of its constraints and indexes stay behind";
        said.push((Level::Left, said_of_all("comment", text)));
    }
    let kinds: BTreeSet<_> = own.properties.iter().filter_map(|one| word(one.kind)).collect();
    let kinds: Vec<_> = kinds.into_iter().collect();
    for one in &own.statistics {
        let text = format!("extended statistics {} mean nothing to {to} and stay behind", one.name);
        said.push((Level::Info, said_of_all("statistics", text)));
    }
    if !kinds.is_empty() {
        let text = format!("{} mean nothing to {to} and stay behind", kinds.join(", "));
        said.push((Level::Info, said_of_all("storage", text)));
    }
}

fn word(kind: PropertyKind) -> Option<&'static str> {
    Some(match kind {
        PropertyKind::Comment => return None,
        PropertyKind::StorageParameters => "storage parameters",
        PropertyKind::StatisticsTarget => "statistics targets",
        PropertyKind::Storage => "storage modes",
        PropertyKind::Compression => "compression methods",
        PropertyKind::ColumnOptions => "column options",
        PropertyKind::Cluster => "CLUSTER marks",
        PropertyKind::ReplicaIdentity => "REPLICA IDENTITY",
    })
}

/// What the domain of a column asks of it.
fn rules<'a>(column: &Column, from: &'a Catalogue) -> Option<&'a Rules> {
    let name = column.domain.as_deref()?;
    let spelled = |one: &&protocol::schema::OwnType| {
        one.kind == OwnKind::Domain && one.spelled.as_deref() == Some(name)
    };
    from.types.iter().find(spelled)?.rules.as_ref()
}

/// Lets the column itself ask what its domain does.
fn take_rules(table: &mut Table, at: usize, rules: &Rules, said: &mut Sayings) {
    let column = &mut table.columns[at];
    if column.default.is_none() && column.identity.is_none() && column.generated.is_none() {
        column.default.clone_from(&rules.default);
    }
    column.nullable &= !rules.not_null;
    let domain = column.domain.take().unwrap_or_default();
    let text = format!(
        "{} is of the domain {domain} in the source; its rules are the column's here",
        column.name
    );
    said.push((Level::Info, saying("domain", &column.name, text)));
    for check in &rules.checks {
        let expression = over(&check.expression, &column.name);
        let name = check.name.as_ref().map(|name| format!("{}_{name}", column.name));
        table.checks.push(Check::new(name, expression));
    }
}

/// The check of a domain over a column: `VALUE` is the column.
fn over(expression: &str, column: &str) -> String {
    let quoted = format!("\"{}\"", column.replace('"', "\"\""));
    let (mut text, mut word, mut inside) = (String::new(), String::new(), None);
    for c in expression.chars().chain([' ']) {
        let part = c.is_alphanumeric() || c == '_' || c == '$';
        if inside.is_none() && part {
            word.push(c);
            continue;
        }
        text.push_str(if word == "VALUE" { &quoted } else { &word });
        word.clear();
        match inside {
            Some(quote) if quote == c => inside = None,
            None if c == '\'' || c == '"' => inside = Some(c),
            Some(_) | None => {}
        }
        text.push(c);
    }
    text.trim_end().to_owned()
}

/// A whole number whose default is the next of a sequence numbers rows by itself, from where that
/// sequence stands.
fn number(column: &mut Column, from: &Catalogue, said: &mut Sayings) {
    let next = |name: &str| {
        let default = column.default.as_deref()?;
        let inner = default.strip_prefix("nextval('")?.strip_suffix("'::regclass)")?;
        (inner.replace('"', "") == name).then_some(())
    };
    if !matches!(column.logical, Logical::Integer { .. }) || column.identity.is_some() {
        return;
    }
    let free = from.sequences.iter().find(|one| next(&one.name.to_string()).is_some());
    let behind = || {
        let columns = from.tables.iter().flat_map(|table| &table.columns);
        let mut numbered = columns.filter_map(|other| other.identity.as_ref());
        numbered.find(|identity| {
            let sequence = identity.sequence.as_ref();
            sequence.is_some_and(|one| next(&one.name.to_string()).is_some())
        })
    };
    let identity = match free {
        Some(one) => Some(Identity {
            increment: one.increment,
            sequence: Some(Numbers {
                name: one.name.clone(),
                native: one.native.clone(),
                restart: one.restart,
                hidden: one.hidden,
                furthest: None,
                comment: None,
            }),
            ..Identity::new(IdentityKind::Serial, one.last)
        }),
        None => behind().cloned().map(|one| Identity { kind: IdentityKind::Serial, ..one }),
    };
    let Some(identity) = identity else { return };
    let sequence = identity.sequence.as_ref().map(|one| one.name.to_string()).unwrap_or_default();
    let text = format!(
        "{} takes its numbers from the sequence {sequence} in the source; here it numbers its own rows",
        column.name
    );
    left(said, "shared numbers", &column.name, text);
    (column.default, column.identity) = (None, Some(identity));
}

#[cfg(test)]
mod tests {
    use protocol::schema::{Deferred, ForeignKey, OwnType, Sequence, TableName};

    use super::*;

    fn table() -> Table {
        let int = Logical::Integer { bits: 32 };
        Table {
            columns: vec![
                Column::new("id", "integer", int.clone()),
                Column::new("no", "integer", int),
            ],
            ..Table::new(TableName::within("public", "t"))
        }
    }

    #[test]
    fn rules_of_a_domain_become_those_of_the_column() {
        let rules = Rules {
            not_null: true,
            default: Some("5".into()),
            checks: vec![Check::new(
                Some("pos".into()),
                "(VALUE > 0) AND (VALUE <> ALL ('{VALUE}'))",
            )],
        };
        let domain = OwnType {
            name: TableName::within("public", "posint"),
            kind: OwnKind::Domain,
            create: Vec::new(),
            beside: None,
            spelled: Some("public.posint".into()),
            comment: None,
            rules: Some(rules),
        };
        let from = Catalogue { types: vec![domain], ..Catalogue::new(Engine::Postgres, "15") };
        let mut table = table();
        table.columns[1].domain = Some("public.posint".into());
        plain(&mut table, &from, Engine::MySql);
        let column = &table.columns[1];
        assert_eq!((column.default.as_deref(), column.nullable), (Some("5"), false));
        assert_eq!(table.checks[0].expression, "(\"no\" > 0) AND (\"no\" <> ALL ('{VALUE}'))");
    }

    #[test]
    fn a_default_that_counts_becomes_a_number_of_its_own() {
        let one = Sequence {
            name: TableName::within("public", "S q"),
            increment: 2,
            restart: Some(17),
            ..Sequence::default()
        };
        let from = Catalogue { sequences: vec![one], ..Catalogue::new(Engine::Postgres, "15") };
        let mut table = table();
        table.columns[0].default = Some("nextval('public.\"S q\"'::regclass)".into());
        let said = plain(&mut table, &from, Engine::MySql);
        let identity = table.columns[0].identity.as_ref().unwrap();
        assert_eq!((identity.next(), &table.columns[0].default), (Some(17), &None));
        assert_eq!(said.len(), 1, "{said:?}");
    }

    #[test]
    fn what_the_other_engine_cannot_hold_is_said() {
        let mut table = table();
        table.primary_key = Some(Key {
            deferrable: Some(Deferred::Deferred),
            ..Key::new(Some("pk".into()), vec!["id".into()])
        });
        table.uniques =
            vec![Key { nulls_equal: true, ..Key::new(Some("u".into()), vec!["no".into()]) }];
        table.checks = vec![Check { unproven: true, ..Check::new(Some("c".into()), "no > 1") }];
        table.foreign_keys = vec![ForeignKey {
            columns: vec!["id".into(), "no".into()],
            references: TableName::bare("p"),
            on_delete: "SET NULL (\"no\")".into(),
            full: true,
            ..ForeignKey::default()
        }];
        let said = plain(&mut table, &Catalogue::new(Engine::Postgres, "15"), Engine::Sqlite);
        assert_eq!(said.len(), 5, "{said:?}");
        assert!(table.checks.is_empty() && table.foreign_keys[0].on_delete == "NO ACTION");
    }
}
