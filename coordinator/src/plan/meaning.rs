//! What a value or a key of another engine no longer means in the target: the order of labels, the
//! case of letters, and what counts as one key.

use protocol::plan::{Level, Said, said};
use protocol::schema::{Catalogue, Column, Engine, Index, Logical, OwnKind, Table};

/// What a new table loses of its meaning, besides what the target's design says of it.
pub(super) fn losses(table: &Table, from: &Catalogue, to: Engine) -> Vec<(Level, Said)> {
    let mut losses = Vec::new();
    let mut lose = |kind, object: &str, text| losses.push((Level::Left, said(kind, object, text)));
    for column in &table.columns {
        if let Logical::Enum { labels } = &column.logical
            && to != Engine::MySql
            && !labels.is_sorted()
        {
            let text = format!(
                "{} sorts by the letters of its labels here, and in the source in their order",
                column.name
            );
            lose("order of labels", &column.name, text);
        }
        if is_citext(column) {
            let text = format!(
                "{} is compared letter by letter here, and without regard to case in the source (citext)",
                column.name
            );
            lose("case", &column.name, text);
        }
    }
    let blind = |name: &String| table.column(name).is_some_and(|column| is_blind(column, from));
    let keys = table.primary_key.iter().map(|key| ("primary key".to_owned(), key.columns.clone()));
    let uniques = table.uniques.iter().map(|key| {
        (format!("key {}", key.name.as_deref().unwrap_or_default()), key.columns.clone())
    });
    let indexes = table.indexes.iter().filter(|index| index.unique);
    let indexes = indexes
        .filter_map(|index| Some((format!("index {}", index.name), Index::unique_columns(index)?)));
    for (name, columns) in keys.chain(uniques).chain(indexes) {
        let Some(column) = columns.iter().find(|column| blind(column)) else { continue };
        let text = format!(
            "{name} lets in values of {column} that are one for the source, which does not tell their \
             letters apart by case or accent"
        );
        lose("weaker uniqueness", &name, text);
    }
    losses
}

fn is_citext(column: &Column) -> bool {
    let name = column.native.trim_end_matches("[]").rsplit('.').next().unwrap_or_default();
    matches!(name, "citext" | "\"citext\"")
}

/// Whether the source takes texts of this column that differ for one.
fn is_blind(column: &Column, from: &Catalogue) -> bool {
    let collation = column.native.split_once("COLLATE ").map(|(_, collation)| collation);
    match from.engine {
        Engine::Postgres => {
            let lax = |name: &str| {
                from.types.iter().any(|one| {
                    one.kind == OwnKind::Collation
                        && one.spelled.as_deref() == Some(name)
                        && one.create.iter().any(|sql| sql.contains("deterministic = false"))
                })
            };
            is_citext(column) || collation.is_some_and(lax)
        }
        Engine::MySql => {
            collation.is_some_and(|name| !(name.ends_with("_bin") || name.ends_with("_cs")))
        }
        Engine::Sqlite => collation.is_some_and(|name| name.eq_ignore_ascii_case("\"NOCASE\"")),
        Engine::Memory => false,
    }
}

#[cfg(test)]
mod tests {
    use protocol::schema::{Key, TableName};

    use super::*;

    fn text(name: &str, native: &str) -> Column {
        Column::new(name, native, Logical::Text { length: None })
    }

    #[test]
    fn keys_that_tell_fewer_values_apart_are_named() {
        let cases = [
            (Engine::Postgres, "ext.citext", 2),
            (Engine::MySql, "varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", 1),
            (Engine::MySql, "varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", 0),
            (Engine::Sqlite, "TEXT COLLATE \"NOCASE\"", 1),
            (Engine::Sqlite, "TEXT", 0),
        ];
        for (engine, native, count) in cases {
            let table = Table {
                columns: vec![text("v", native)],
                uniques: vec![Key::new(Some("u".into()), vec!["v".into()])],
                ..Table::new(TableName::bare("t"))
            };
            let losses = losses(&table, &Catalogue::new(engine, ""), Engine::Postgres);
            assert_eq!(losses.len(), count, "{engine} {native}: {losses:?}");
        }
    }

    #[test]
    fn labels_out_of_the_order_of_letters_are_named_unless_the_target_keeps_it() {
        let labels = ["sad", "ok"].map(str::to_owned).to_vec();
        let column = Column::new("m", "mood", Logical::Enum { labels });
        let table = Table { columns: vec![column], ..Table::new(TableName::bare("t")) };
        let from = Catalogue::new(Engine::Postgres, "15");
        assert_eq!(losses(&table, &from, Engine::Sqlite).len(), 1);
        assert_eq!(losses(&table, &from, Engine::MySql), []);
    }
}
