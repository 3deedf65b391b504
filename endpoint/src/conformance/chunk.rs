//! The chunk protocol: what a [`crate::Session`] promises between `begin` and `commit`.

use protocol::batch::Digest;
use protocol::clock::Instant;
use protocol::fault::Code;
use protocol::id::RunId;
use protocol::plan::Work;
use protocol::run::{Event, State};
use protocol::schema::Engine;

use super::World;
use super::scene::{Cells, Scene, WATCH, attempt, batch, digest, expected, people, write};
use crate::Begun;

const TWO: Cells<'static> = &[&[Some("1"), Some("Ada")], &[Some("2"), None]];

/// Rows and receipt become visible together, at the commit and not before.
pub async fn rows_and_receipt_appear_together_and_only_after_commit(world: &dyn World) {
    let scene = Scene::ready(world, &[people()], 1).await;
    let chunk = &scene.copies(0)[0];
    let before = scene.home().await.done(scene.run).await.unwrap();
    let (mut session, attempt) = scene.open(chunk).await;
    assert_eq!(write(session.as_mut(), scene.entity(0), vec![batch(TWO)]).await.unwrap(), 2);
    let receipt = scene.receipt(chunk.id, attempt, digest(&batch(TWO)));
    session.complete(&receipt).await.unwrap();
    assert!(scene.rows(0).await.is_empty(), "rows are not visible before the commit");
    assert_eq!(scene.home().await.done(scene.run).await.unwrap(), before);
    session.commit().await.unwrap();
    assert_eq!(scene.rows(0).await, expected(TWO));
    let receipts = scene.home().await.receipts(scene.run).await.unwrap();
    assert!(receipts.contains(&receipt), "the receipt comes back as it was");
}

/// A session that is dropped takes its rows and its receipt with it.
pub async fn a_dropped_session_leaves_nothing(world: &dyn World) {
    let scene = Scene::ready(world, &[people()], 1).await;
    let chunk = &scene.copies(0)[0];
    let (mut session, attempt) = scene.open(chunk).await;
    write(session.as_mut(), scene.entity(0), vec![batch(TWO)]).await.unwrap();
    session.complete(&scene.receipt(chunk.id, attempt, Digest::default())).await.unwrap();
    drop(session);
    assert!(scene.rows(0).await.is_empty());
    // Also in the middle of a way that rows go.
    let (mut session, _) = scene.open(chunk).await;
    let way = crate::Write::Rows { blank_links: false };
    session.start(scene.entity(0), &way, false).await.unwrap();
    session.write(batch(TWO)).await.unwrap();
    drop(session);
    scene.copy(0, chunk, TWO).await;
    assert_eq!(scene.rows(0).await, expected(TWO));
}

/// One session, chunk after chunk.
pub async fn a_session_serves_many_chunks(world: &dyn World) {
    let scene = Scene::ready(world, &[people()], 3).await;
    let mut session = scene.session().await;
    for (id, chunk) in ["1", "2", "3"].into_iter().zip(scene.copies(0)) {
        let mine = attempt();
        assert_eq!(session.begin(scene.run, &chunk, mine).await.unwrap(), Begun::Open);
        let rows = batch(&[&[Some(id), None]]);
        let written = digest(&rows);
        write(session.as_mut(), scene.entity(0), vec![rows]).await.unwrap();
        session.complete(&scene.receipt(chunk.id, mine, written)).await.unwrap();
        session.commit().await.unwrap();
        // What is decided or fenced leaves the session as good as before.
        let again = session.begin(scene.run, &chunk, attempt()).await.unwrap();
        assert!(matches!(again, Begun::Decided(_)));
    }
    assert_eq!(scene.rows(0).await.len(), 3);
}

/// An engine that tells names those in flight and no others.
pub async fn who_is_at_work_can_be_seen_or_nobody_is_named(world: &dyn World) {
    let scene = Scene::ready(world, &[people()], 3).await;
    let copies = scene.copies(0);
    scene.copy(0, &copies[0], TWO).await;
    let (session, _) = scene.open(&copies[1]).await;
    let all: Vec<_> = copies.iter().map(|chunk| chunk.id).collect();
    let target = &scene.database.target;
    let busy = target.at_work(scene.run, &all).await.unwrap();
    assert!(busy.is_empty() || busy == [copies[1].id], "{busy:?}");
    let tells = target.capabilities().engine != Engine::Sqlite;
    assert_eq!(busy.is_empty(), !tells);
    drop(session);
    let stranger = RunId(uuid::Uuid::now_v7());
    assert!(target.at_work(stranger, &all).await.unwrap().is_empty());
}

/// Inside a transaction and outside, and an open receipt is none.
pub async fn what_comes_before_is_told_by_receipts_and_only_once_they_stand(world: &dyn World) {
    let scene = Scene::ready(world, &[people()], 3).await;
    let copies = scene.copies(0);
    let (first, last) = (copies[0].id, copies[2].id);
    let mut asking = scene.session().await;
    let run = scene.run;
    assert!(asking.all_done(run, &[]).await.unwrap(), "nothing is always done");
    assert!(!asking.all_done(run, &[first..=last]).await.unwrap());
    scene.copy(0, &copies[0], TWO).await;
    assert!(asking.all_done(run, &[first..=first]).await.unwrap());
    assert!(!asking.all_done(run, &[first..=last]).await.unwrap());
    scene.copy(0, &copies[1], &[&[Some("3"), None]]).await;
    let begun = asking.begin(run, &copies[2], attempt()).await.unwrap();
    assert_eq!(begun, Begun::Open);
    assert!(!asking.all_done(run, &[first..=last]).await.unwrap(), "its own is open");
    assert!(asking.all_done(run, &[first..=copies[1].id]).await.unwrap());
    asking.rollback().await.unwrap();
    scene.copy(0, &copies[2], &[&[Some("4"), None]]).await;
    for ranges in [vec![first..=last], vec![first..=first, last..=last]] {
        assert!(asking.all_done(run, &ranges).await.unwrap());
    }
    let stranger = RunId(uuid::Uuid::now_v7());
    assert!(!asking.all_done(stranger, &[first..=first]).await.unwrap(), "another run's");
}

/// Giving a transaction up leaves nothing, and the session can begin again.
pub async fn a_rollback_leaves_nothing_and_the_session_goes_on(world: &dyn World) {
    let scene = Scene::ready(world, &[people()], 1).await;
    let chunk = &scene.copies(0)[0];
    let (mut session, _) = scene.open(chunk).await;
    write(session.as_mut(), scene.entity(0), vec![batch(TWO)]).await.unwrap();
    session.rollback().await.unwrap();
    assert!(scene.rows(0).await.is_empty());
    let mine = attempt();
    assert_eq!(session.begin(scene.run, chunk, mine).await.unwrap(), Begun::Open);
    write(session.as_mut(), scene.entity(0), vec![batch(TWO)]).await.unwrap();
    scene.close(session, chunk, mine, digest(&batch(TWO))).await;
    assert_eq!(scene.rows(0).await, expected(TWO));
}

/// Beginning a chunk that is done gives its receipt, whoever asks.
pub async fn a_done_chunk_is_decided(world: &dyn World) {
    let scene = Scene::ready(world, &[people()], 1).await;
    let chunk = &scene.copies(0)[0];
    let receipt = scene.copy(0, chunk, TWO).await;
    let mut session = scene.session().await;
    let begun = session.begin(scene.run, chunk, attempt()).await.unwrap();
    assert_eq!(begun, Begun::Decided(Box::new(receipt)));
    assert_eq!(scene.rows(0).await, expected(TWO));
}

/// A second attempt waits for the first, and gets its receipt.
pub async fn a_second_attempt_waits_and_is_decided(world: &dyn World) {
    let scene = Scene::ready(world, &[people()], 1).await;
    let chunk = &scene.copies(0)[0];
    let (mut first, mine) = scene.open(chunk).await;
    let mut second = scene.session().await;
    let begin = second.begin(scene.run, chunk, attempt());
    tokio::pin!(begin);
    assert!(tokio::time::timeout(WATCH, &mut begin).await.is_err(), "the second waits");
    let end = async {
        write(first.as_mut(), scene.entity(0), vec![batch(TWO)]).await.unwrap();
        scene.close(first, chunk, mine, digest(&batch(TWO))).await
    };
    let (begun, receipt) = tokio::join!(begin, end);
    assert_eq!(begun.unwrap(), Begun::Decided(Box::new(receipt)));
    assert_eq!(scene.rows(0).await, expected(TWO));
}

/// A second attempt waits for the first, and goes on when that one leaves nothing.
pub async fn a_second_attempt_waits_and_goes_on_where_the_first_gave_up(world: &dyn World) {
    let scene = Scene::ready(world, &[people()], 1).await;
    let chunk = &scene.copies(0)[0];
    let (mut first, _) = scene.open(chunk).await;
    write(first.as_mut(), scene.entity(0), vec![batch(&[&[Some("9"), None]])]).await.unwrap();
    let (mut second, mine) = (scene.session().await, attempt());
    {
        let begin = second.begin(scene.run, chunk, mine);
        tokio::pin!(begin);
        assert!(tokio::time::timeout(WATCH, &mut begin).await.is_err(), "the second waits");
        drop(first);
        assert_eq!(begin.await.unwrap(), Begun::Open);
    }
    write(second.as_mut(), scene.entity(0), vec![batch(TWO)]).await.unwrap();
    scene.close(second, chunk, mine, digest(&batch(TWO))).await;
    assert_eq!(scene.rows(0).await, expected(TWO));
}

/// Once a run is cancelled or complete, the door is shut, for done chunks too.
pub async fn chunks_of_a_run_that_is_over_are_fenced(world: &dyn World) {
    for event in [Event::Cancelled, Event::Completed] {
        let scene = Scene::ready(world, &[people()], 1).await;
        let chunk = &scene.copies(0)[0];
        if event == Event::Completed {
            scene.copy(0, chunk, TWO).await;
        }
        scene.home().await.change(scene.run, event, Instant(1)).await.unwrap();
        let mut session = scene.session().await;
        let begun = session.begin(scene.run, chunk, attempt()).await.unwrap();
        assert_eq!(begun, Begun::Fenced, "{event:?}");
        let step = &scene.steps()[0];
        let begun = session.begin(scene.run, step, attempt()).await.unwrap();
        assert_eq!(begun, Begun::Fenced, "{event:?}, a step");
    }
}

/// A run that is not here admits nothing.
pub async fn a_run_that_is_not_stored_is_fenced(world: &dyn World) {
    let scene = Scene::ready(world, &[people()], 1).await;
    let mut session = scene.session().await;
    let unknown = RunId(uuid::Uuid::now_v7());
    let begun = session.begin(unknown, &scene.copies(0)[0], attempt()).await.unwrap();
    assert_eq!(begun, Begun::Fenced);
}

/// Pausing stops dispatch, not chunks.
pub async fn a_paused_run_still_admits_chunks(world: &dyn World) {
    let scene = Scene::ready(world, &[people()], 1).await;
    let mut home = scene.home().await;
    let paused = home.change(scene.run, Event::Paused, Instant(1)).await.unwrap();
    assert_eq!(paused, State::Paused);
    scene.copy(0, &scene.copies(0)[0], TWO).await;
    assert_eq!(home.change(scene.run, Event::Resumed, Instant(2)).await.unwrap(), State::Running);
    assert_eq!(home.run(scene.run).await.unwrap().state, State::Running);
}

/// Where an engine has several writers, a pause waits for no chunk, and the one in flight ends as
/// if nothing had been said.
pub async fn pausing_does_not_wait_for_chunks_in_flight(world: &dyn World) {
    let scene = Scene::ready(world, &[people()], 1).await;
    if scene.database.target.capabilities().writers_max < 2 {
        return;
    }
    let chunk = &scene.copies(0)[0];
    let (mut session, mine) = scene.open(chunk).await;
    write(session.as_mut(), scene.entity(0), vec![batch(TWO)]).await.unwrap();
    let mut home = scene.home().await;
    for (event, state) in [(Event::Paused, State::Paused), (Event::Resumed, State::Running)] {
        let change = home.change(scene.run, event, Instant(1));
        let changed = tokio::time::timeout(std::time::Duration::from_secs(5), change).await;
        assert_eq!(changed.expect("it does not wait").unwrap(), state);
    }
    scene.close(session, chunk, mine, digest(&batch(TWO))).await;
    assert_eq!(scene.rows(0).await, expected(TWO));
}

/// Cancelling waits until chunks in flight have ended, and what they committed counts.
pub async fn cancelling_waits_for_chunks_in_flight(world: &dyn World) {
    let scene = Scene::ready(world, &[people()], 2).await;
    let chunks = scene.copies(0);
    let (mut session, mine) = scene.open(&chunks[0]).await;
    let mut home = scene.home().await;
    let cancel = home.change(scene.run, Event::Cancelled, Instant(5));
    tokio::pin!(cancel);
    assert!(tokio::time::timeout(WATCH, &mut cancel).await.is_err(), "it waits");
    let end = async {
        write(session.as_mut(), scene.entity(0), vec![batch(TWO)]).await.unwrap();
        scene.close(session, &chunks[0], mine, digest(&batch(TWO))).await;
    };
    let (cancelled, ()) = tokio::join!(cancel, end);
    assert_eq!(cancelled.unwrap(), State::Cancelled);
    assert_eq!(scene.rows(0).await, expected(TWO));
    let record = scene.home().await.run(scene.run).await.unwrap();
    assert_eq!((record.state, record.ended), (State::Cancelled, Some(Instant(5))));
    let mut session = scene.session().await;
    let begun = session.begin(scene.run, &chunks[1], attempt()).await.unwrap();
    assert_eq!(begun, Begun::Fenced);
}

/// Where an engine has several writers, chunks of one table are written side by side, and end in
/// any order.
pub async fn chunks_of_one_table_run_side_by_side(world: &dyn World) {
    let scene = Scene::ready(world, &[people()], 2).await;
    if scene.database.target.capabilities().writers_max < 2 {
        return;
    }
    let chunks = scene.copies(0);
    let rows = [batch(&[&[Some("1"), Some("Ada")]]), batch(&[&[Some("2"), None]])];
    let (mut first, first_attempt) = scene.open(&chunks[0]).await;
    let (mut second, second_attempt) = scene.open(&chunks[1]).await;
    write(first.as_mut(), scene.entity(0), vec![rows[0].clone()]).await.unwrap();
    write(second.as_mut(), scene.entity(0), vec![rows[1].clone()]).await.unwrap();
    scene.close(second, &chunks[1], second_attempt, digest(&rows[1])).await;
    assert_eq!(scene.rows(0).await, expected(&[&[Some("2"), None]]));
    scene.close(first, &chunks[0], first_attempt, digest(&rows[0])).await;
    assert_eq!(scene.rows(0).await, expected(TWO));
}

/// Where an engine has several writers, a step does not hold up a cancellation; it finds the door
/// shut when it completes, and leaves nothing.
pub async fn a_long_step_finds_the_door_shut(world: &dyn World) {
    let scene = Scene::stored(world, &[people()], 1).await;
    if scene.database.target.capabilities().writers_max < 2 {
        return;
    }
    let chunk = &scene.steps()[0];
    let Work::Step(step) = &chunk.work else { panic!("a step") };
    let (mut session, mine) = scene.open(chunk).await;
    session.execute(step).await.unwrap();
    let mut home = scene.home().await;
    let cancel = home.change(scene.run, Event::Cancelled, Instant(1));
    let cancelled = tokio::time::timeout(std::time::Duration::from_secs(5), cancel).await;
    assert_eq!(cancelled.expect("it does not wait").unwrap(), State::Cancelled);
    session.complete(&scene.receipt(chunk.id, mine, Digest::default())).await.unwrap_err();
    drop(session);
    assert_eq!(scene.home().await.done(scene.run).await.unwrap(), []);
    let catalogue = scene.database.target.catalogue().await.unwrap();
    if scene.database.target.capabilities().transactional_steps {
        assert_eq!(catalogue.table(&scene.entity(0).target), None, "the step left nothing");
    }
}

/// A receipt is completed once, and only by the attempt that opened it.
pub async fn a_receipt_is_completed_once_and_by_its_own_attempt(world: &dyn World) {
    let scene = Scene::ready(world, &[people()], 1).await;
    let chunk = &scene.copies(0)[0];
    let (mut session, _) = scene.open(chunk).await;
    let foreign = scene.receipt(chunk.id, attempt(), Digest::default());
    let fault = session.complete(&foreign).await.unwrap_err();
    assert_eq!(fault.code(), Code::NotMine);
    drop(session);
    let (mut session, mine) = scene.open(chunk).await;
    let receipt = scene.receipt(chunk.id, mine, Digest::default());
    session.complete(&receipt).await.unwrap();
    assert_eq!(session.complete(&receipt).await.unwrap_err().code(), Code::NotMine);
    drop(session);
    assert!(!scene.home().await.done(scene.run).await.unwrap().contains(&chunk.id));
}

/// A step leaves a receipt, and is not run again.
pub async fn steps_run_once(world: &dyn World) {
    let scene = Scene::stored(world, &[people()], 1).await;
    for chunk in scene.steps() {
        let receipt = scene.step(&chunk).await;
        let mut session = scene.session().await;
        let begun = session.begin(scene.run, &chunk, attempt()).await.unwrap();
        assert_eq!(begun, Begun::Decided(Box::new(receipt)));
    }
    let done = scene.home().await.done(scene.run).await.unwrap();
    assert_eq!(done, scene.steps().iter().map(|chunk| chunk.id).collect::<Vec<_>>());
    let catalogue = scene.database.target.catalogue().await.unwrap();
    assert!(catalogue.table(&scene.entity(0).target).is_some());
}

/// A step that is refused, or dropped before its commit, leaves neither work nor receipt.
pub async fn a_failed_step_leaves_nothing(world: &dyn World) {
    let scene = Scene::stored(world, &[people()], 1).await;
    let steps = scene.steps();
    let Work::Step(step) = &steps[0].work else { panic!("a step") };
    let (mut session, mine) = scene.open(&steps[0]).await;
    session.execute(step).await.unwrap();
    session.complete(&scene.receipt(steps[0].id, mine, Digest::default())).await.unwrap();
    drop(session);
    // What was done above is undone, or known to be ours, so the same can be done again.
    scene.step(&steps[0]).await;
    // Now the table is there, and a step that makes it once more is refused.
    let (mut session, _) = scene.open(&scene.copies(0)[0]).await;
    session.execute(step).await.unwrap_err();
    drop(session);
    assert_eq!(scene.home().await.done(scene.run).await.unwrap(), [steps[0].id]);
}
