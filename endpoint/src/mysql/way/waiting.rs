//! Rows that wait in a temporary table, and the statements that merge them.

use protocol::fault::Fault;

use crate::mysql::connect::Link;
use crate::mysql::words;

/// Where rows wait for the statements that merge them.
pub(super) const WAITING: &str = "longhaul_rows";

/// An empty table of these columns, without keys and numbering, that only this session sees.
pub(super) async fn make_waiting(
    link: &mut Link,
    table: &str,
    names: &[String],
) -> Result<(), Fault> {
    let waiting = words::name(WAITING);
    link.run(&format!("DROP TEMPORARY TABLE IF EXISTS {waiting}")).await?;
    let names = names.join(", ");
    let create = format!(
        "CREATE TEMPORARY TABLE {waiting} ENGINE=InnoDB AS SELECT {names} FROM {table} WHERE FALSE"
    );
    link.run(&create).await
}

/// Rows that are there by their key are overwritten, and all others inserted: so a row that meets
/// another one by another key is refused, as it must be, and not written over that.
pub(super) fn upsert(table: &str, names: &[String], conflict: &[String]) -> [String; 2] {
    let waiting = words::name(WAITING);
    let key: Vec<_> = conflict.iter().map(|c| words::name(c)).collect();
    let on: Vec<_> = key.iter().map(|c| format!("t.{c} = s.{c}")).collect();
    let on = on.join(" AND ");
    let others = names.iter().filter(|name| !key.contains(name));
    let mut set: Vec<_> = others.map(|c| format!("t.{c} = s.{c}")).collect();
    if set.is_empty() {
        set.extend(key.first().map(|c| format!("t.{c} = t.{c}")));
    }
    let selected: Vec<_> = names.iter().map(|c| format!("s.{c}")).collect();
    [
        format!("UPDATE {waiting} AS s STRAIGHT_JOIN {table} AS t ON {on} SET {}", set.join(", ")),
        format!(
            "INSERT INTO {table} ({}) SELECT {} FROM {waiting} AS s \
             WHERE NOT EXISTS (SELECT 1 FROM {table} AS t WHERE {on})",
            names.join(", "),
            selected.join(", ")
        ),
    ]
}

/// Fills the columns after the first `key` ones, in rows that are there.
pub(super) fn fill(table: &str, names: &[String], key: usize) -> String {
    let (key, links) = names.split_at(key.min(names.len()));
    let each = |names: &[String], between: &str| {
        let each: Vec<_> = names.iter().map(|c| format!("t.{c} = s.{c}")).collect();
        each.join(between)
    };
    format!(
        "UPDATE {} AS s STRAIGHT_JOIN {table} AS t ON {} SET {}",
        words::name(WAITING),
        each(key, " AND "),
        each(links, ", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| words::name(name)).collect()
    }

    #[test]
    fn an_upsert_names_its_key_and_never_swallows_a_row() {
        let statements = upsert("`t`", &quoted(&["id", "v"]), &["id".to_owned()]);
        assert_eq!(
            statements,
            [
                "UPDATE `longhaul_rows` AS s STRAIGHT_JOIN `t` AS t ON t.`id` = s.`id` \
                 SET t.`v` = s.`v`",
                "INSERT INTO `t` (`id`, `v`) SELECT s.`id`, s.`v` FROM `longhaul_rows` AS s \
                 WHERE NOT EXISTS (SELECT 1 FROM `t` AS t WHERE t.`id` = s.`id`)",
            ]
        );
        let only_key = upsert("`t`", &quoted(&["id"]), &["id".to_owned()]);
        assert!(only_key[0].ends_with("SET t.`id` = t.`id`"), "the row counts");
    }

    #[test]
    fn links_are_filled_by_key() {
        assert_eq!(
            fill("`t`", &quoted(&["a", "b", "c"]), 2),
            "UPDATE `longhaul_rows` AS s STRAIGHT_JOIN `t` AS t ON t.`a` = s.`a` \
             AND t.`b` = s.`b` SET t.`c` = s.`c`"
        );
    }
}
