//! What a database says about itself.

use protocol::schema::{Index, IndexOn, IndexPart, Key, Logical};

use super::World;
use super::scene::{INT, Scene, TEXT, found, people, table};

/// The catalogue of what a design made is what was designed: columns, keys, indexes.
pub async fn what_was_designed_is_what_stands_there(world: &dyn World) {
    let columns =
        [("exam", INT), ("pupil", INT), ("mark", Logical::Integer { bits: 32 }), ("note", TEXT)];
    let mut marks = table("marks", &columns, &["pupil", "exam"]);
    marks.columns[2].nullable = false;
    marks.uniques.push(Key {
        name: Some("marks_u".into()),
        columns: vec!["note".into()],
        ..Key::default()
    });
    marks.indexes.push(Index {
        name: "marks_by_mark".into(),
        unique: false,
        method: "btree".into(),
        parts: vec![IndexPart { on: IndexOn::Column("mark".into()), descending: false }],
        include: Vec::new(),
        predicate: None,
        tail: None,
    });
    let scene = Scene::ready(world, &[marks, people()], 1).await;
    for catalogue in [
        scene.database.target.catalogue().await.unwrap(),
        scene.database.source.catalogue().await.unwrap(),
    ] {
        assert_eq!(catalogue.engine, scene.database.target.capabilities().engine);
        let table = found(&catalogue, &scene.entity(0).target);
        for (column, designed) in table.columns.iter().zip(&scene.design.columns[0]) {
            assert_eq!(column.name, designed.name);
            assert_eq!(column.logical, designed.logical, "{}", column.name);
            assert_eq!(column.native, designed.native, "{}", column.name);
        }
        let nullable: Vec<_> = table.columns.iter().map(|column| column.nullable).collect();
        assert_eq!(nullable, [false, false, false, true]);
        let key = table.primary_key.as_ref().expect("the primary key is there");
        assert_eq!(key.columns, ["pupil", "exam"]);
        assert_eq!(table.cutting_key(), Some(vec!["pupil".to_owned(), "exam".to_owned()]));
        let constraints = table.uniques.iter().map(|key| key.columns.clone());
        let indexes = table.indexes.iter().filter_map(Index::unique_columns);
        assert!(
            constraints.chain(indexes).any(|columns| columns == ["note"]),
            "the unique constraint is there, as such or as an index"
        );
        let plain = table.indexes.iter().find(|index| index.name == "marks_by_mark");
        assert_eq!(
            plain.map(|index| (index.unique, index.parts.len())),
            Some((false, 1)),
            "the index is there"
        );
        let names: Vec<_> = catalogue.tables.iter().map(|t| t.name.name.as_str()).collect();
        assert_eq!(names, ["marks", "people"], "tables are sorted by name");
    }
}

/// Whether a table holds rows is seen.
pub async fn emptiness_is_noticed(world: &dyn World) {
    let scene = Scene::ready(world, &[people()], 1).await;
    let (target, table) = (&scene.database.target, &scene.entity(0).target);
    assert!(!target.holds_rows(table).await.unwrap());
    scene.copy(0, &scene.copies(0)[0], &[&[Some("1"), None]]).await;
    assert!(target.holds_rows(table).await.unwrap());
}

/// One database has one identity, as source and as target; two databases have two.
pub async fn places_and_identities_tell_databases_apart(world: &dyn World) {
    let (one, other) = (world.fresh().await, world.fresh().await);
    let here = one.target.identity().await.unwrap();
    assert_eq!(one.source.identity().await.unwrap(), here);
    assert_ne!(other.target.identity().await.unwrap(), here);
    assert_eq!(one.source.capabilities(), one.target.capabilities());
    assert!(!one.target.place().contains('@'), "a place names no user");
}

/// Longhaul's own tables are no part of what can be moved or is in the way.
pub async fn our_own_tables_are_not_listed(world: &dyn World) {
    let database = world.fresh().await;
    database.target.home().await.unwrap().install().await.unwrap();
    let target = database.target.catalogue().await.unwrap();
    assert_eq!(target.tables, [], "as a target");
    let source = database.source.catalogue().await.unwrap();
    assert_eq!(source.tables, [], "as a source");
}
