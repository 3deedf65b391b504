//! Promises of [`crate::Source::read`], and of the moments in which it reads.

use protocol::fault::Code;
use protocol::mapping::Consistency;
use protocol::plan::Lane;

use super::World;
use super::scene::{Cells, INT, Scene, TEXT, batch, expected, people, seen, table};

const THREE: Cells<'static> =
    &[&[Some("1"), Some("Ada")], &[Some("2"), Some("Grace")], &[Some("3"), Some("Mary")]];

/// Reading without bounds gives every row, once.
pub async fn every_row_comes_once(world: &dyn World) {
    let scene = Scene::ready(world, &[people()], 1).await;
    scene.copy(0, &scene.copies(0)[0], THREE).await;
    let read = scene.reading(0, Lane::Text).await;
    assert_eq!(seen(&scene.read(&read).await), expected(THREE));
    let reversed = crate::Read { columns: read.columns.iter().rev().cloned().collect(), ..read };
    let names = &scene.read(&reversed).await[0];
    assert_eq!(names.row(0).cells().len(), 2);
    assert!(
        names.iter().any(|row| row.cell(0) == Some(b"Ada")),
        "cells come in the order that was asked for"
    );
}

/// NULL and empty text stay apart, in both lanes, on the way in and out.
pub async fn null_and_empty_text_stay_apart(world: &dyn World) {
    let rows: Cells<'_> = &[&[Some("1"), None], &[Some("2"), Some("")], &[Some("3"), Some("\\N")]];
    let scene = Scene::ready(world, &[people()], 1).await;
    scene.copy(0, &scene.copies(0)[0], rows).await;
    assert_eq!(scene.rows(0).await, expected(rows));
    let read = scene.reading(0, Lane::Text).await;
    assert_eq!(seen(&scene.read(&read).await), expected(rows));
    let raw = scene.read(&scene.reading(0, Lane::Raw).await).await;
    let mut names: Vec<_> =
        raw.iter().flat_map(|b| b.iter()).map(|row| row.cell(1).map(<[u8]>::len)).collect();
    names.sort_unstable();
    assert_eq!(names[0], None, "raw NULL is NULL");
    assert!(names[1..].iter().all(Option::is_some), "raw texts are not NULL");
}

/// A batch ends when it has reached its bytes, and one larger row comes all the same.
pub async fn batches_close_on_bytes_and_a_large_row_still_comes(world: &dyn World) {
    let large = "x".repeat(5000);
    let ids: Vec<_> = (1..=60).map(|id: u32| id.to_string()).collect();
    let name = |id: &str| if id == "30" { large.clone() } else { format!("name of {id}") };
    let names: Vec<_> = ids.iter().map(|id| name(id)).collect();
    let rows: Vec<_> = ids.iter().zip(&names).map(|(id, n)| [Some(&**id), Some(&**n)]).collect();
    let rows: Vec<&[Option<&str>]> = rows.iter().map(|row| &row[..]).collect();
    let scene = Scene::ready(world, &[people()], 1).await;
    scene.copy(0, &scene.copies(0)[0], &rows).await;
    for lane in [Lane::Text, Lane::Raw] {
        let read = crate::Read { batch_bytes: 300, ..scene.reading(0, lane).await };
        let batches = scene.read(&read).await;
        assert!(batches.len() > 5, "60 rows do not fit into {} batches", batches.len());
        for batch in &batches {
            let last = batch.row(batch.rows() - 1).framed().len();
            assert!(batch.bytes() - last < 300, "it was full before its last row");
        }
        let rows: usize = batches.iter().map(protocol::batch::Batch::rows).sum();
        assert_eq!(rows, 60);
        assert!(batches.iter().any(|batch| batch.bytes() > 5000), "the large row came");
    }
}

/// A limit takes the first rows in the order of the key.
pub async fn a_limit_takes_the_first_rows_of_the_key(world: &dyn World) {
    let rows: Cells<'_> = &[
        &[Some("10"), Some("c")],
        &[Some("-5"), Some("a")],
        &[Some("9"), Some("b")],
        &[Some("100"), Some("d")],
    ];
    let scene = Scene::ready(world, &[people()], 1).await;
    scene.copy(0, &scene.copies(0)[0], rows).await;
    let read = crate::Read { top: Some(2), ..scene.reading(0, Lane::Text).await };
    let first: Cells<'_> = &[&[Some("-5"), Some("a")], &[Some("9"), Some("b")]];
    assert_eq!(seen(&scene.read(&read).await), expected(first));
}

/// A filter chooses rows; one that the engine does not understand is named as such.
pub async fn a_filter_chooses_rows_and_nonsense_is_named(world: &dyn World) {
    let scene = Scene::ready(world, &[people()], 1).await;
    scene.copy(0, &scene.copies(0)[0], THREE).await;
    let plain = scene.reading(0, Lane::Text).await;
    let with = |filter: &str| crate::Read { filter: Some(filter.into()), ..plain.clone() };
    let rows = scene.read(&with("name = 'Ada'")).await;
    assert_eq!(seen(&rows), expected(&[&[Some("1"), Some("Ada")]]));
    assert!(scene.read(&with("id > 3")).await.is_empty());
    for nonsense in ["this is not ( SQL", "no_such_column = 1"] {
        let Err(fault) = scene.database.source.read(&with(nonsense)).await else {
            panic!("`{nonsense}` was understood");
        };
        assert_eq!(fault.code(), Code::FilterInvalid, "{nonsense}: {fault}");
    }
}

/// What is written after a moment was held is not seen by readers of that moment.
pub async fn a_held_moment_does_not_see_later_rows(world: &dyn World) {
    let scene = Scene::ready(world, &[people()], 2).await;
    let copies = scene.copies(0);
    scene.copy(0, &copies[0], THREE).await;
    let read = scene.reading(0, Lane::Text).await;
    scene.database.source.hold(Consistency::Snapshot).await.unwrap();
    scene.database.source.hold(Consistency::Snapshot).await.unwrap();
    scene.copy(0, &copies[1], &[&[Some("4"), Some("late")]]).await;
    for lane in [Lane::Text, Lane::Raw] {
        let batches = scene.read(&crate::Read { lane, ..read.clone() }).await;
        let rows: usize = batches.iter().map(protocol::batch::Batch::rows).sum();
        assert_eq!(rows, 3, "{lane:?}");
    }
    assert_eq!(scene.rows(0).await.len(), 4, "the target sees what is there now");
}

/// Change counters stay while nobody writes, and move when somebody does.
pub async fn counters_notice_a_writer(world: &dyn World) {
    let other = table("other", &[("id", INT), ("name", TEXT)], &["id"]);
    let scene = Scene::ready(world, &[people(), other], 2).await;
    let copies = scene.copies(0);
    scene.copy_batches(0, &copies[0], vec![batch(THREE)]).await;
    let tables = [scene.entity(0).target.clone(), scene.entity(1).target.clone()];
    let before = settled(&scene, &tables, None).await;
    let source = &scene.database.source;
    assert!(source.unchanged(&before, &source.counters(&tables).await.unwrap()));
    scene.copy(0, &copies[1], &[&[Some("4"), Some("late")]]).await;
    let after = settled(&scene, &tables, Some(&before)).await;
    assert!(!source.unchanged(&before, &after));
}

/// The counters once they differ from `from`, or stay as they are. Some servers count a little
/// after the commit; how long is theirs to say, so this is bounded and generous.
async fn settled(
    scene: &Scene,
    tables: &[protocol::schema::TableName],
    from: Option<&str>,
) -> String {
    let source = &scene.database.source;
    let mut last = source.counters(tables).await.unwrap();
    for _ in 0..50 {
        let watch = tokio::time::timeout(super::scene::WATCH, std::future::pending::<()>());
        if from.is_some_and(|from| !source.unchanged(from, &last)) {
            return last;
        }
        let _ = watch.await;
        let now = source.counters(tables).await.unwrap();
        if from.is_none() && source.unchanged(&last, &now) {
            return now;
        }
        last = now;
    }
    last
}
