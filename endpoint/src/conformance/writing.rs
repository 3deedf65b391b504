//! How rows are written: savepoints, rejects, upserts, links, and faults that keep secrets.

use std::error::Error as _;

use protocol::batch::Batch;
use protocol::fault::{Class, Code, Fault};
use protocol::mapping::Mode;
use protocol::plan::Entity;
use protocol::receipt::Reject;

use super::World;
use super::scene::{Cells, INT, Scene, TEXT, WATCH, batch, digest, expected, people, table, write};
use crate::{Session, Write};

/// As careful gear writes: constraints speak at once.
async fn carefully(session: &mut dyn Session, entity: &Entity, batch: Batch) -> Result<u64, Fault> {
    session.start(entity, &Write::Rows { blank_links: false }, true).await?;
    session.write(batch).await?;
    session.finish().await
}

/// A refused row is undone to the savepoint; rows before it stay, and more can be written.
pub async fn refused_rows_are_undone_and_others_stay(world: &dyn World) {
    let scene = Scene::ready(world, &[people()], 1).await;
    let (chunk, entity) = (&scene.copies(0)[0], scene.entity(0));
    let (mut session, mine) = scene.open(chunk).await;
    let good = batch(&[&[Some("1"), Some("kept")]]);
    session.savepoint().await.unwrap();
    assert_eq!(carefully(session.as_mut(), entity, good.clone()).await.unwrap(), 1);
    session.release().await.unwrap();

    let twice: Cells<'_> = &[&[Some("2"), Some("lost")], &[Some("1"), Some("again")]];
    let again: Cells<'_> = &[&[Some("1"), None]];
    for refused in [twice, again] {
        session.savepoint().await.unwrap();
        let fault = carefully(session.as_mut(), entity, batch(refused)).await.unwrap_err();
        assert_eq!(fault.class(), Class::Data, "{fault}");
        assert_eq!(fault.code(), Code::ValueRefused, "{fault}");
        session.rollback_to().await.unwrap();
    }

    let more = batch(&[&[Some("3"), None]]);
    session.savepoint().await.unwrap();
    assert_eq!(carefully(session.as_mut(), entity, more.clone()).await.unwrap(), 1);
    session.release().await.unwrap();
    scene.close(session, chunk, mine, digest(&good).and(digest(&more))).await;
    let kept: Cells<'_> = &[&[Some("1"), Some("kept")], &[Some("3"), None]];
    assert_eq!(scene.rows(0).await, expected(kept));
}

/// NULL in a column that forbids it is refused; no engine makes a value up for it.
pub async fn null_is_refused_where_it_is_forbidden(world: &dyn World) {
    let named = table("named", &[("code", TEXT), ("note", TEXT)], &["code"]);
    let scene = Scene::ready(world, &[people(), named], 1).await;
    for entity in [0, 1] {
        let (mut session, _) = scene.open(&scene.copies(entity)[0]).await;
        session.savepoint().await.unwrap();
        let rows = batch(&[&[None, Some("no key")]]);
        let written = carefully(session.as_mut(), scene.entity(entity), rows).await;
        let Err(fault) = written else { panic!("{} took NULL", scene.entity(entity).target) };
        assert_eq!(fault.code(), Code::ValueRefused, "{fault}");
        session.rollback_to().await.unwrap();
    }
}

/// What stands under a released savepoint stays; what stood under one gone back to does not.
pub async fn a_released_savepoint_keeps_its_rows(world: &dyn World) {
    let scene = Scene::ready(world, &[people()], 1).await;
    let (chunk, entity) = (&scene.copies(0)[0], scene.entity(0));
    let (mut session, mine) = scene.open(chunk).await;
    for (id, keep) in [("1", true), ("2", false), ("3", true)] {
        session.savepoint().await.unwrap();
        carefully(session.as_mut(), entity, batch(&[&[Some(id), None]])).await.unwrap();
        if keep {
            session.release().await.unwrap();
        } else {
            session.rollback_to().await.unwrap();
        }
    }
    let kept: Cells<'_> = &[&[Some("1"), None], &[Some("3"), None]];
    scene.close(session, chunk, mine, digest(&batch(kept))).await;
    assert_eq!(scene.rows(0).await, expected(kept));
}

/// Rejects are kept with the chunk that is committed, and with no other.
pub async fn rejects_stand_with_their_chunk_only(world: &dyn World) {
    let scene = Scene::ready(world, &[people()], 2).await;
    let chunks = scene.copies(0);
    let reject = |chunk: usize, key: &str| Reject {
        chunk: chunks[chunk].id,
        key: key.into(),
        column: Some("name".into()),
        reason: "23505".into(),
        constraint: None,
    };
    let rejects = |limit| {
        let scene = &scene;
        async move { scene.home().await.rejects(scene.run, limit).await.unwrap() }
    };
    let (mut session, _) = scene.open(&chunks[0]).await;
    session.reject(&[reject(0, "1")]).await.unwrap();
    drop(session);
    // The second chunk first, so that the order of chunks is not that of writing.
    let both = [reject(1, "7"), reject(1, "8")];
    for (chunk, rows) in [(1, both.to_vec()), (0, vec![reject(0, "2")])] {
        let (mut session, mine) = scene.open(&chunks[chunk]).await;
        session.reject(&rows).await.unwrap();
        let mut receipt = scene.receipt(chunks[chunk].id, mine, digest(&batch(&[])));
        receipt.rejected = rows.len() as u64;
        receipt.read.rows = receipt.rejected;
        session.complete(&receipt).await.unwrap();
        session.commit().await.unwrap();
    }
    let all = [reject(0, "2"), reject(1, "7"), reject(1, "8")];
    assert_eq!(rejects(10).await, all);
    assert_eq!(rejects(2).await, all[..2]);
    let mut home = scene.home().await;
    let mut paged = Vec::new();
    for chunk in home.rejected(scene.run).await.unwrap().into_keys() {
        paged.extend(home.rejects_of(scene.run, chunk, chunk).await.unwrap());
    }
    assert_eq!(paged, all, "page by page as at once");
}

/// Who asks how much was rejected of an entity hears of all that is committed, and until he ends
/// nobody else hears anything: so the number is true at his commit.
pub async fn rejects_are_counted_one_after_the_other(world: &dyn World) {
    let scene = Scene::ready(world, &[people(), table("other", &[("id", INT)], &["id"])], 3).await;
    let (chunks, others) = (scene.copies(0), scene.copies(1));
    let all = chunks[0].id..=chunks[2].id;
    let target = &scene.entity(0).target;
    let close = async |mut session: Box<dyn Session>, at: usize, mine| {
        let mut receipt = scene.receipt(chunks[at].id, mine, digest(&batch(&[])));
        (receipt.rejected, receipt.read.rows) = (2, 2);
        session.complete(&receipt).await.unwrap();
        session.commit().await.unwrap();
    };
    let (mut first, mine) = scene.open(&chunks[0]).await;
    assert_eq!(first.rejected_by(target, all.clone()).await.unwrap(), 0);
    if scene.database.target.capabilities().writers_max < 2 {
        close(first, 0, mine).await;
    } else {
        let (mut second, _) = scene.open(&chunks[1]).await;
        let (mut other, _) = scene.open(&others[0]).await;
        let apart = others[0].id..=others[2].id;
        assert_eq!(other.rejected_by(&scene.entity(1).target, apart).await.unwrap(), 0);
        let asks = second.rejected_by(target, all.clone());
        tokio::pin!(asks);
        assert!(tokio::time::timeout(WATCH, &mut asks).await.is_err(), "the second waits");
        let (asked, ()) = tokio::join!(asks, close(first, 0, mine));
        assert_eq!(asked.unwrap(), 2);
    }
    // What was given up is not counted, and keeps nobody waiting.
    let (mut third, mine) = scene.open(&chunks[2]).await;
    assert_eq!(third.rejected_by(target, all.clone()).await.unwrap(), 2);
    close(third, 2, mine).await;
    let (mut last, _) = scene.open(&chunks[1]).await;
    assert_eq!(last.rejected_by(target, all).await.unwrap(), 4);
    assert_eq!(last.rejected_by(target, chunks[2].id..=chunks[2].id).await.unwrap(), 2);
}

/// Upsert overwrites rows that are there and inserts the others; the count is of rows.
pub async fn upsert_overwrites_and_inserts(world: &dyn World) {
    let scene = Scene::ready(world, &[people()], 2).await;
    let chunks = scene.copies(0);
    scene.copy(0, &chunks[0], &[&[Some("1"), Some("old")], &[Some("2"), Some("stays")]]).await;
    let entity = Entity { mode: Mode::Upsert, ..scene.entity(0).clone() };
    let rows = batch(&[&[Some("1"), None], &[Some("3"), Some("new")]]);
    let (mut session, mine) = scene.open(&chunks[1]).await;
    let counted = write(session.as_mut(), &entity, vec![rows.clone()]).await.unwrap();
    assert_eq!(counted, 2, "one overwritten and one inserted are two rows");
    scene.close(session, &chunks[1], mine, digest(&rows)).await;
    let after: Cells<'_> =
        &[&[Some("1"), None], &[Some("2"), Some("stays")], &[Some("3"), Some("new")]];
    assert_eq!(scene.rows(0).await, expected(after));
}

/// Update overwrites rows that are there, and leaves out and does not count the others.
pub async fn update_overwrites_and_counts_what_is_there(world: &dyn World) {
    let scene = Scene::ready(world, &[people()], 2).await;
    let chunks = scene.copies(0);
    scene.copy(0, &chunks[0], &[&[Some("1"), Some("old")], &[Some("2"), Some("stays")]]).await;
    let entity = Entity { mode: Mode::Update, ..scene.entity(0).clone() };
    let rows = batch(&[&[Some("1"), Some("new")], &[Some("3"), Some("not there")]]);
    let (mut session, mine) = scene.open(&chunks[1]).await;
    let counted = write(session.as_mut(), &entity, vec![rows.clone()]).await.unwrap();
    assert_eq!(counted, 1, "the row that is not there is not counted");
    scene.close(session, &chunks[1], mine, digest(&rows)).await;
    let after: Cells<'_> = &[&[Some("1"), Some("new")], &[Some("2"), Some("stays")]];
    assert_eq!(scene.rows(0).await, expected(after));
}

/// What empties tables does so in its step's own transaction.
pub async fn tables_are_emptied_with_the_receipt_or_not_at_all(world: &dyn World) {
    let scene = Scene::ready(world, &[people()], 2).await;
    let chunks = scene.copies(0);
    scene.copy(0, &chunks[0], &[&[Some("1"), Some("old")]]).await;
    let target = &scene.database.target;
    let Some(step) = target.emptying(&[scene.entity(0).target.clone()]) else { return };
    assert!(step.destructive);
    let (mut session, _) = scene.open(&chunks[1]).await;
    session.execute(&step).await.unwrap();
    drop(session);
    assert_eq!(scene.rows(0).await.len(), 1, "it was not committed");
    let (mut session, mine) = scene.open(&chunks[1]).await;
    session.execute(&step).await.unwrap();
    scene.close(session, &chunks[1], mine, digest(&batch(&[]))).await;
    assert_eq!(scene.rows(0).await.len(), 0);
}

/// Links are left NULL in the first pass and filled in the second, which counts rows found.
pub async fn links_are_left_empty_and_filled(world: &dyn World) {
    let staff = table("staff", &[("id", INT), ("boss", INT), ("name", TEXT)], &["id"]);
    let scene = Scene::ready(world, &[staff], 2).await;
    let chunks = scene.copies(0);
    let entity = Entity { links: vec!["boss".into()], ..scene.entity(0).clone() };
    let rows: Cells<'_> = &[
        &[Some("1"), Some("2"), Some("a")],
        &[Some("2"), None, Some("b")],
        &[Some("3"), Some("2"), None],
    ];
    let (mut session, mine) = scene.open(&chunks[0]).await;
    session.start(&entity, &Write::Rows { blank_links: true }, false).await.unwrap();
    session.write(batch(rows)).await.unwrap();
    assert_eq!(session.finish().await.unwrap(), 3);
    scene.close(session, &chunks[0], mine, digest(&batch(rows))).await;
    assert!(scene.rows(0).await.iter().all(|row| row[1].is_none()), "links are left NULL");

    let (mut session, mine) = scene.open(&chunks[1]).await;
    let links = Write::Links { key: 1, columns: entity.columns[..2].to_vec() };
    session.start(&entity, &links, false).await.unwrap();
    session.write(batch(&[&[Some("1"), Some("2")], &[Some("2"), None]])).await.unwrap();
    session.write(batch(&[&[Some("3"), Some("2")], &[Some("99"), Some("1")]])).await.unwrap();
    assert_eq!(session.finish().await.unwrap(), 3, "the row that is not there is not counted");
    scene.close(session, &chunks[1], mine, digest(&batch(&[]))).await;
    assert_eq!(scene.rows(0).await, expected(rows));
}

/// A fault names constraint, column and code, and no value; not even to a debugger.
pub async fn faults_quote_no_values(world: &dyn World) {
    const CANARY: &str = "canary7f3a";
    let birds = table("birds", &[("name", TEXT), ("age", INT)], &["name"]);
    let scene = Scene::ready(world, &[birds], 2).await;
    let chunks = scene.copies(0);
    scene.copy(0, &chunks[0], &[&[Some(CANARY), Some("1")]]).await;
    let twice: Cells<'_> = &[&[Some(CANARY), Some("2")]];
    let null: Cells<'_> = &[&[None, Some("31415926")]];
    let wrong: Cells<'_> = &[&[Some("other"), Some(CANARY)]];
    for (what, rows) in [("a key", twice), ("NULL", null), ("a wrong type", wrong)] {
        let (mut session, _) = scene.open(&chunks[1]).await;
        let refused = carefully(session.as_mut(), scene.entity(0), batch(rows)).await;
        let fault = match refused {
            Err(fault) => fault,
            // An engine whose columns take anything has nothing to quote.
            Ok(_) => continue,
        };
        assert_eq!(fault.code(), Code::ValueRefused, "{what}: {fault}");
        let mut all = format!("{fault} {fault:?} {fault:#?} {}", fault.advice());
        let mut cause = fault.source();
        while let Some(error) = cause {
            all += &format!("{error} {error:?}");
            cause = error.source();
        }
        assert!(!all.contains(CANARY) && !all.contains("31415926"), "{what} is quoted: {all}");
        if what != "a wrong type" {
            let native = fault.named().expect("the server names what refused the row");
            let named = native.constraint.is_some() || native.column.is_some();
            assert!(named, "{what}: neither constraint nor column is named: {fault}");
        }
    }
    // Every engine refuses a key that is there.
    let (mut session, _) = scene.open(&chunks[1]).await;
    carefully(session.as_mut(), scene.entity(0), batch(twice)).await.unwrap_err();
}
