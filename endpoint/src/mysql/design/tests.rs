//! What is designed, as text.

use protocol::id::EntityId;
use protocol::plan::Step;
use protocol::schema::{Catalogue, Engine, Identity, IdentityKind, Key, Logical, Table};

use super::*;

fn catalogue(engine: Engine, version: &str) -> Catalogue {
    Catalogue::new(engine, version)
}

fn designed(table: Table, version: &str) -> Design {
    let wanted = Wanted {
        from: catalogue(Engine::Postgres, "15"),
        tables: vec![(EntityId(0), table)],
        existing: catalogue(Engine::MySql, version),
        beside: crate::Beside::default(),
    };
    design(&wanted).unwrap()
}

fn statements(design: &Design) -> Vec<&str> {
    let steps = design.steps.iter().map(|one| &one.step);
    steps.flat_map(|step: &Step| step.statements.iter().map(String::as_str)).collect()
}

fn people() -> Table {
    let columns = [
        ("id", Logical::Integer { bits: 64 }),
        ("name", Logical::Text { length: None }),
        ("vip", Logical::Boolean),
        ("born", Logical::Timestamp),
    ];
    let mut table = crate::Memory::table("people", &columns, &["id"]);
    table.columns[0].identity = Some(Identity::new(IdentityKind::Always, Some(41)));
    table.columns[1].default = Some("'it''s'::text".into());
    table.columns[2].default = Some("false".into());
    table.columns[3].default = Some("now()".into());
    table.columns[3].comment = Some("a \\ and '".into());
    table.uniques.push(Key {
        name: Some("by_name".into()),
        columns: vec!["name".into()],
        ..Key::default()
    });
    table
}

#[test]
fn a_table_gets_its_key_at_once_and_the_rest_behind_its_rows() {
    let design = designed(people(), "10.11.6-MariaDB");
    assert_eq!(
        statements(&design),
        [
            "CREATE TABLE `people` (\n  `id` bigint(20) NOT NULL AUTO_INCREMENT,\n  \
             `name` varchar(768) NULL DEFAULT 'it''s',\n  \
             `vip` tinyint(1) NULL DEFAULT FALSE CHECK (`vip` IN (0, 1)),\n  \
             `born` datetime(6) NULL DEFAULT CURRENT_TIMESTAMP(6) COMMENT 'a \\\\ and \\'',\n  \
             PRIMARY KEY (`id`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin",
            "ALTER TABLE `people` ADD UNIQUE KEY `by_name` (`name`)",
            "ALTER TABLE `people` AUTO_INCREMENT = 42",
            "ANALYZE TABLE `people`",
        ]
    );
    let after: Vec<_> = design.steps.iter().map(|step| step.after.clone()).collect();
    assert_eq!(after, [vec![], vec![], vec![1], vec![2]], "one after another on one table");
    assert!(
        design.notes.iter().any(|note| note.text.contains("at most 768")),
        "{:?}",
        design.notes
    );
    let on_mysql = designed(people(), "8.0.36");
    assert!(statements(&on_mysql)[0].contains("`id` bigint NOT NULL"));
    assert!(statements(&on_mysql)[0].ends_with("COLLATE=utf8mb4_0900_bin"));
}

#[test]
fn a_row_that_would_be_too_long_keeps_its_longest_texts_elsewhere() {
    let names: Vec<String> = (0..20).map(|at| format!("c{at}")).collect();
    let mut columns = vec![("id", Logical::Integer { bits: 64 })];
    let long = |length| Logical::Text { length: Some(length) };
    columns.extend(names.iter().map(|name| (name.as_str(), long(1000))));
    columns.push(("short", long(10)));
    let design = designed(crate::Memory::table("wide", &columns, &["id"]), "10.11.6-MariaDB");
    let of = |name: &str| design.columns[0].iter().find(|c| c.name == name).unwrap();
    assert_eq!(of("short").native, "varchar(10)");
    let outside = design.columns[0].iter().filter(|c| c.native == "longtext").count();
    assert!((5..20).contains(&outside), "{outside}");
}

#[test]
fn names_that_cannot_be_are_refused_by_name() {
    for name in ["", "ends ", "longhaul_run", &"x".repeat(65), "😀"] {
        let wanted = Wanted {
            from: catalogue(Engine::Postgres, "15"),
            tables: vec![(
                EntityId(0),
                crate::Memory::table(name, &[("id", Logical::Integer { bits: 64 })], &["id"]),
            )],
            existing: catalogue(Engine::MySql, "8.0.36"),
            beside: crate::Beside::default(),
        };
        let fault = design(&wanted).unwrap_err();
        assert_eq!(fault.code(), protocol::fault::Code::IdentifierUnfit, "{name}");
    }
}
