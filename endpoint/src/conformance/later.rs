//! Promises of [`crate::Home`] about what comes after: what was done to a run, another plan for it,
//! rejected rows that were written after all, and rolling it back.

use protocol::batch::Digest;
use protocol::clock::Instant;
use protocol::fault::Code;
use protocol::history::{Deed, Entry, Person};
use protocol::id::ChunkId;
use protocol::plan::Chunk;
use protocol::receipt::Reject;
use protocol::run::{Event, State};

use super::World;
use super::scene::{Scene, attempt, people};
use crate::{Begun, Revision, Undo};

fn entry(at: i64, deed: Deed) -> Entry {
    Entry { at: Instant(at), by: Person { user: "漢".into(), ..Person::default() }, deed }
}

/// What was done comes back in the order of its times, as it was kept, and goes with the run.
pub async fn what_was_done_to_a_run_is_kept(world: &dyn World) {
    let scene = Scene::stored(world, &[people()], 1).await;
    let mut home = scene.home().await;
    assert_eq!(home.history(scene.run).await.unwrap(), []);
    let entries = [entry(1, Deed::Driven), entry(2, Deed::Stopped { why: "'漢'".into() })];
    for entry in entries.iter().rev() {
        home.note(scene.run, entry).await.unwrap();
    }
    let mut kept = home.history(scene.run).await.unwrap();
    kept.sort_by_key(|entry| entry.at);
    assert_eq!(kept, entries);
    home.change(scene.run, Event::Cancelled, Instant(7)).await.unwrap();
    home.forget(scene.run).await.unwrap();
    assert!(home.history(scene.run).await.unwrap_or_default().is_empty());
}

/// The scene's plan with another range for its first copy, and one chunk more.
fn revision(scene: &Scene, undone: Vec<ChunkId>) -> Revision {
    let mut plan = scene.plan.clone();
    let first = scene.copies(0)[0].id;
    let chunk = Chunk { weight: 77, ..scene.copies(0)[0].clone() };
    plan.chunks[first.index()] = chunk.clone();
    let new = ChunkId(u32::try_from(plan.chunks.len()).unwrap());
    plan.chunks.push(Chunk { id: new, retries: Some(first), ..chunk });
    plan.limits.rejects = 77;
    Revision {
        of: scene.plan.fingerprint(),
        plan,
        changed: vec![first, new],
        undone,
        entry: entry(5, Deed::Revised { taken: vec!["limits.rejects".into()] }),
    }
}

/// Another plan takes the place of the stored one, and whoever goes by the old one is fenced.
pub async fn a_revised_plan_takes_the_place_of_the_stored_one(world: &dyn World) {
    let scene = Scene::stored(world, &[people()], 1).await;
    let mut home = scene.home().await;
    let revision = revision(&scene, Vec::new());
    let mut old = scene.session().await;
    old.believe(&scene.plan.fingerprint());
    assert_eq!(home.revise(scene.run, &revision).await.unwrap(), State::Running);
    assert_eq!(home.plan(scene.run).await.unwrap(), revision.plan);
    let record = home.run(scene.run).await.unwrap();
    assert_eq!(record.fingerprint, revision.plan.fingerprint());
    assert_eq!(record.epoch, scene.record().epoch + 1);
    assert_eq!(home.history(scene.run).await.unwrap().first(), Some(&revision.entry));
    for chunk in [&scene.steps()[0], &scene.copies(0)[0]] {
        let fenced = old.begin(scene.run, chunk, attempt()).await.unwrap();
        assert_eq!(fenced, Begun::Fenced);
    }
    let mut new = scene.session().await;
    new.believe(&record.fingerprint);
    assert_eq!(new.begin(scene.run, &scene.steps()[0], attempt()).await.unwrap(), Begun::Open);
    new.rollback().await.unwrap();
    // It is drawn from a plan that is no more.
    let again = home.revise(scene.run, &revision).await.unwrap_err();
    assert_eq!(again.code(), Code::RunBusy);
}

/// What is done does not change, unless it is to be done again; and a complete run is opened again.
pub async fn a_revision_touches_nothing_that_is_done(world: &dyn World) {
    let scene = Scene::stored(world, &[people()], 1).await;
    for step in scene.steps() {
        scene.step(&step).await;
    }
    let copy = &scene.copies(0)[0];
    scene.copy(0, copy, &[&[Some("1"), None]]).await;
    let mut home = scene.home().await;
    let refused = home.revise(scene.run, &revision(&scene, Vec::new())).await.unwrap_err();
    assert_eq!(refused.code(), Code::RunBusy);
    assert_eq!(home.plan(scene.run).await.unwrap(), scene.plan);
    home.change(scene.run, Event::Completed, Instant(7)).await.unwrap();
    let revision = revision(&scene, vec![copy.id]);
    assert_eq!(home.revise(scene.run, &revision).await.unwrap(), State::Running);
    assert!(!home.done(scene.run).await.unwrap().contains(&copy.id));
    assert_eq!(home.run(scene.run).await.unwrap().ended, None);
    // It owns its entities again: a chunk begins.
    let mut session = scene.session().await;
    assert_eq!(session.begin(scene.run, copy, attempt()).await.unwrap(), Begun::Open);
    session.rollback().await.unwrap();
    home.change(scene.run, Event::Cancelled, Instant(8)).await.unwrap();
    let over = home.revise(scene.run, &revision).await.unwrap_err();
    assert_eq!(over.code(), Code::RunBusy);
}

/// Rejects are settled with the receipt of the chunk that tried them again, or not at all.
pub async fn rejects_are_settled_with_their_receipt(world: &dyn World) {
    let scene = Scene::ready(world, &[people()], 2).await;
    let [first, second] = [&scene.copies(0)[0], &scene.copies(0)[1]];
    let reject = |key: &str, reason: &str| Reject {
        chunk: first.id,
        key: key.into(),
        column: Some("name".into()),
        reason: reason.into(),
        constraint: None,
    };
    let rejects = [reject("1", "too_long"), reject("2,'", "too_long"), reject("漢", "unique")];
    let (mut session, mine) = scene.open(first).await;
    session.reject(&rejects).await.unwrap();
    session.complete(&scene.receipt(first.id, mine, Digest::default())).await.unwrap();
    session.commit().await.unwrap();
    let again = [Reject { chunk: second.id, ..reject("1", "check") }];
    let resolved = ["漢".to_string(), "2,'".to_string()];
    // A transaction that is given up settles nothing.
    let (mut session, _) = scene.open(second).await;
    session.settle(second.id, first.id, &resolved, &again).await.unwrap();
    session.rollback().await.unwrap();
    let mut home = scene.home().await;
    assert_eq!(home.rejects(scene.run, 9).await.unwrap().len(), 3);
    assert_eq!(home.resolved(scene.run, 9).await.unwrap(), []);
    let (mut session, mine) = scene.open(second).await;
    session.settle(second.id, first.id, &resolved, &again).await.unwrap();
    session.complete(&scene.receipt(second.id, mine, Digest::default())).await.unwrap();
    session.commit().await.unwrap();
    assert_eq!(home.rejects(scene.run, 9).await.unwrap(), [reject("1", "check")]);
    let mut settled = home.resolved(scene.run, 9).await.unwrap();
    settled.sort_by(|one, other| one.key.cmp(&other.key));
    assert_eq!(settled, [rejects[1].clone(), rejects[2].clone()]);
}

/// A run that is over is rolled back with what it made, and then has no receipts.
pub async fn what_a_run_made_is_dropped_as_it_is_rolled_back(world: &dyn World) {
    let scene = Scene::ready(world, &[people()], 1).await;
    let tables = vec![scene.entity(0).target.clone()];
    let undo = Undo { tables, ..Undo::default() };
    let statements = scene.database.target.undoing(scene.run, &undo);
    let mut home = scene.home().await;
    let cleaned = entry(9, Deed::Cleaned { dropped: vec!["people".into()] });
    let busy = home.undo(scene.run, &statements, &cleaned).await.unwrap_err();
    assert_eq!(busy.code(), Code::RunBusy);
    let there = async || {
        let catalogue = scene.database.target.catalogue().await.unwrap();
        catalogue.table(&scene.entity(0).target).is_some()
    };
    assert!(there().await, "a run that is not over keeps what it made");
    home.change(scene.run, Event::Cancelled, Instant(8)).await.unwrap();
    assert_eq!(home.undo(scene.run, &statements, &cleaned).await.unwrap(), State::Void);
    assert!(!there().await);
    assert_eq!(home.done(scene.run).await.unwrap(), []);
    let twice = home.undo(scene.run, &statements, &cleaned).await.unwrap_err();
    assert_eq!(twice.code(), Code::RunBusy);
}
