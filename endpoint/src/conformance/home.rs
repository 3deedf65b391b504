//! Promises of [`crate::Home`]: the bookkeeping of runs.

use protocol::batch::Digest;
use protocol::clock::Instant;
use protocol::fault::Code;
use protocol::id::{RunId, WorkerId};
use protocol::receipt::Reject;
use protocol::run::{Event, Record, State, Steering};

use super::World;
use super::scene::{Scene, attempt, people};
use crate::Begun;

/// Where nothing was ever installed there are no runs, and no fault.
pub async fn an_untouched_target_has_no_runs(world: &dyn World) {
    let mut home = world.fresh().await.target.home().await.unwrap();
    assert_eq!(home.runs().await.unwrap(), []);
    let unknown = RunId(uuid::Uuid::now_v7());
    assert_eq!(home.run(unknown).await.unwrap_err().code(), Code::RunUnknown);
    assert_eq!(home.plan(unknown).await.unwrap_err().code(), Code::RunUnknown);
    home.install().await.unwrap();
    assert_eq!(home.runs().await.unwrap(), []);
    for code in [
        home.run(unknown).await.unwrap_err().code(),
        home.lead(unknown, None).await.unwrap_err().code(),
        home.epoch(unknown).await.unwrap_err().code(),
        home.change(unknown, Event::Paused, Instant(0)).await.unwrap_err().code(),
        home.forget(unknown).await.unwrap_err().code(),
    ] {
        assert_eq!(code, Code::RunUnknown);
    }
}

/// Record and plan come back as they were stored, the run open.
pub async fn a_run_is_kept_as_it_was_stored(world: &dyn World) {
    let scene = Scene::stored(world, &[people()], 3).await;
    let mut home = scene.home().await;
    let running = Record { state: State::Running, ..scene.record() };
    assert_eq!(home.run(scene.run).await.unwrap(), running);
    assert_eq!(home.runs().await.unwrap(), [running]);
    let plan = home.plan(scene.run).await.unwrap();
    assert_eq!(plan, scene.plan);
    assert_eq!(plan.fingerprint(), scene.plan.fingerprint());
    assert_eq!(home.done(scene.run).await.unwrap(), []);
    assert_eq!(home.receipts(scene.run).await.unwrap(), []);
}

/// However many chunks a plan has, all come back, in order.
pub async fn a_plan_of_many_chunks_comes_back_whole(world: &dyn World) {
    let scene = Scene::stored(world, &[people()], 10_001).await;
    let mut home = scene.home().await;
    assert_eq!(home.plan(scene.run).await.unwrap(), scene.plan);
}

/// Installing or storing again changes nothing.
pub async fn installing_and_storing_twice_changes_nothing(world: &dyn World) {
    let scene = Scene::stored(world, &[people()], 1).await;
    scene.step(&scene.steps()[0]).await;
    let mut home = scene.home().await;
    home.lead(scene.run, None).await.unwrap();
    let timeless = |record: Record| Record { led_ms_ago: None, ..record };
    let before = timeless(home.run(scene.run).await.unwrap());
    home.install().await.unwrap();
    home.store(&scene.record(), &scene.plan).await.unwrap();
    let runs: Vec<_> = home.runs().await.unwrap().into_iter().map(timeless).collect();
    assert_eq!(runs, [before]);
    assert_eq!(home.done(scene.run).await.unwrap().len(), 1);
}

/// Of the chunks that are asked after, those that are done are named, and no others.
pub async fn chunks_are_asked_after_one_by_one(world: &dyn World) {
    let scene = Scene::stored(world, &[people()], 3).await;
    let steps = scene.steps();
    scene.step(&steps[0]).await;
    let mut home = scene.home().await;
    let all: Vec<_> = scene.plan.chunks.iter().map(|chunk| chunk.id).collect();
    assert_eq!(home.done_of(scene.run, &all).await.unwrap(), [steps[0].id]);
    assert_eq!(home.done_of(scene.run, &[steps[0].id]).await.unwrap(), [steps[0].id]);
    let others: Vec<_> = all.iter().filter(|id| **id != steps[0].id).copied().collect();
    assert_eq!(home.done_of(scene.run, &others).await.unwrap(), []);
    assert_eq!(home.done_of(scene.run, &[]).await.unwrap(), []);
    let many: Vec<_> = (0..2_000).map(protocol::id::ChunkId).collect();
    assert_eq!(home.done_of(scene.run, &many).await.unwrap(), [steps[0].id]);
}

/// A table belongs to one unfinished run at a time.
pub async fn a_table_has_one_owner(world: &dyn World) {
    let scene = Scene::ready(world, &[people()], 1).await;
    let mut home = scene.home().await;
    let second = Record {
        run: RunId(uuid::Uuid::now_v7()),
        created: Instant(1_800_000_000_000_000),
        ..scene.record()
    };
    let fault = home.store(&second, &scene.plan).await.unwrap_err();
    assert_eq!(fault.code(), Code::TargetOwned);
    assert_eq!(home.runs().await.unwrap().len(), 1, "a refused run is not stored");
    home.change(scene.run, Event::Cancelled, Instant(1)).await.unwrap();
    home.store(&second, &scene.plan).await.unwrap();
    let runs = home.runs().await.unwrap();
    let ids: Vec<_> = runs.iter().map(|record| record.run).collect();
    assert_eq!(ids, [second.run, scene.run], "the latest comes first");
    let mut session = scene.session().await;
    let begun = session.begin(second.run, &scene.copies(0)[0], attempt()).await.unwrap();
    assert_eq!(begun, Begun::Open);
}

/// Each leadership has a number of its own, one more than the last.
pub async fn leading_counts_up(world: &dyn World) {
    let scene = Scene::stored(world, &[people()], 1).await;
    let (mut one, mut other) = (scene.home().await, scene.home().await);
    let start = one.epoch(scene.run).await.unwrap();
    assert_eq!(one.lead(scene.run, None).await.unwrap(), start + 1);
    assert_eq!(other.lead(scene.run, None).await.unwrap(), start + 2);
    assert_eq!(one.epoch(scene.run).await.unwrap(), start + 2, "the first sees a newer epoch");
    assert_eq!(one.run(scene.run).await.unwrap().epoch, start + 2);
}

/// Of those who found a run without a leader in the same epoch, one leads.
pub async fn one_leads_of_those_who_come_at_once(world: &dyn World) {
    let scene = Scene::stored(world, &[people()], 1).await;
    let (mut one, mut other) = (scene.home().await, scene.home().await);
    let found = one.epoch(scene.run).await.unwrap();
    let (one_led, other_led) =
        tokio::join!(one.lead(scene.run, Some(found)), other.lead(scene.run, Some(found)));
    let (led, late) = match (one_led, other_led) {
        (Ok(led), Err(late)) | (Err(late), Ok(led)) => (led, late),
        both => panic!("one leads, and not both or none: {both:?}"),
    };
    assert_eq!((led, late.code()), (found + 1, Code::Deposed));
    assert_eq!(one.epoch(scene.run).await.unwrap(), found + 1, "who came late changed nothing");
    assert_eq!(other.lead(scene.run, Some(led)).await.unwrap(), found + 2);
}

/// Who leads is heard of until somebody else leads, and what it holds is known as long.
pub async fn a_leader_is_heard_of_until_another_leads(world: &dyn World) {
    let scene = Scene::stored(world, &[people()], 1).await;
    let (mut one, mut other) = (scene.home().await, scene.home().await);
    assert_eq!(one.run(scene.run).await.unwrap().led_ms_ago, None, "nobody led yet");
    let epoch = one.lead(scene.run, None).await.unwrap();
    one.note_held(scene.run, epoch, "a moment").await.unwrap();
    let seen = one.beat(scene.run, epoch).await.unwrap();
    assert_eq!((seen.epoch, seen.held.as_deref()), (epoch, Some("a moment")));
    assert!(seen.led_ms_ago.is_some_and(|ago| ago < 60_000), "{:?}", seen.led_ms_ago);
    other.lead(scene.run, None).await.unwrap();
    assert_eq!(one.beat(scene.run, epoch).await.unwrap_err().code(), Code::Deposed);
    let late = one.note_held(scene.run, epoch, "an old moment").await.unwrap_err();
    assert_eq!(late.code(), Code::Deposed);
    assert_eq!(one.run(scene.run).await.unwrap().held, None, "what the first held went with it");
}

/// What operators ask stands until they ask for something else.
pub async fn what_operators_ask_is_kept(world: &dyn World) {
    let scene = Scene::stored(world, &[people()], 1).await;
    let mut home = scene.home().await;
    assert_eq!(home.run(scene.run).await.unwrap().steering, Steering::default());
    let asked = Steering { priority: 9, slots: Some(3), retries: 1, ..Steering::default() };
    home.steer(scene.run, &asked).await.unwrap();
    assert_eq!(scene.home().await.run(scene.run).await.unwrap().steering, asked);
    let unknown = RunId(uuid::Uuid::now_v7());
    assert_eq!(home.steer(unknown, &asked).await.unwrap_err().code(), Code::RunUnknown);
}

/// A run completes when every chunk of its plan is done, and not before.
pub async fn a_run_is_complete_when_every_chunk_is_done(world: &dyn World) {
    let scene = Scene::ready(world, &[people()], 1).await;
    let mut home = scene.home().await;
    let early = home.change(scene.run, Event::Completed, Instant(1)).await.unwrap_err();
    assert_eq!(early.code(), Code::Parked);
    assert_eq!(home.run(scene.run).await.unwrap().state, State::Running);
    scene.copy(0, &scene.copies(0)[0], &[&[Some("1"), None]]).await;
    let ended = home.change(scene.run, Event::Completed, Instant(9)).await.unwrap();
    assert_eq!(ended, State::Complete);
    let record = home.run(scene.run).await.unwrap();
    assert_eq!((record.state, record.ended), (State::Complete, Some(Instant(9))));
    let again = home.change(scene.run, Event::Resumed, Instant(10)).await.unwrap_err();
    assert_eq!(again.code(), Code::RunBusy);
    assert_eq!(home.done(scene.run).await.unwrap().len(), scene.plan.chunks.len());
    let ids: Vec<_> = home.receipts(scene.run).await.unwrap().iter().map(|r| r.chunk).collect();
    assert!(ids.is_sorted(), "receipts come in chunk order");
}

/// A run is forgotten when it is over; its rows stay.
pub async fn only_a_run_that_is_over_is_forgotten(world: &dyn World) {
    let scene = Scene::ready(world, &[people()], 1).await;
    scene.copy(0, &scene.copies(0)[0], &[&[Some("1"), None]]).await;
    let mut home = scene.home().await;
    assert_eq!(home.forget(scene.run).await.unwrap_err().code(), Code::RunBusy);
    home.change(scene.run, Event::Cancelled, Instant(1)).await.unwrap();
    home.forget(scene.run).await.unwrap();
    assert_eq!(home.runs().await.unwrap(), []);
    assert_eq!(home.run(scene.run).await.unwrap_err().code(), Code::RunUnknown);
    assert_eq!(scene.rows(0).await.len(), 1, "rows that were moved are not touched");
    // All of it is gone: the same run can be stored anew, and has done nothing.
    home.store(&scene.record(), &scene.plan).await.unwrap();
    assert_eq!(home.done(scene.run).await.unwrap(), []);
}

/// A sample is replaced by the next of its chunk, and gone when the chunk is done.
pub async fn samples_are_replaced_and_go_when_the_chunk_is_done(world: &dyn World) {
    let scene = Scene::ready(world, &[people()], 2).await;
    let chunks = scene.copies(0);
    let sample = |chunk: usize, key: &str| Reject {
        chunk: chunks[chunk].id,
        key: key.into(),
        column: None,
        reason: "out_of_range".into(),
        constraint: Some("people_pkey".into()),
    };
    let mut home = scene.home().await;
    home.keep_sample(scene.run, &[sample(0, "1"), sample(0, "2")]).await.unwrap();
    home.keep_sample(scene.run, &[sample(1, "8")]).await.unwrap();
    home.keep_sample(scene.run, &[sample(0, "3")]).await.unwrap();
    assert_eq!(home.samples(scene.run).await.unwrap(), [sample(0, "3"), sample(1, "8")]);
    let (session, mine) = scene.open(&chunks[0]).await;
    scene.close(session, &chunks[0], mine, Digest::default()).await;
    assert_eq!(home.samples(scene.run).await.unwrap(), [sample(1, "8")]);
    assert_eq!(home.rejects(scene.run, 10).await.unwrap(), [], "a sample is no reject");
}

/// What the source's counters said, and whether the run drifted, is kept.
pub async fn what_the_source_counted_is_noted(world: &dyn World) {
    let scene = Scene::stored(world, &[people()], 1).await;
    let mut home = scene.home().await;
    for (counters, drifted) in [("a:1 'b'", false), ("a:2", true)] {
        home.note_source(scene.run, counters, drifted).await.unwrap();
        let record = home.run(scene.run).await.unwrap();
        assert_eq!((record.counters.as_deref(), record.drifted), (Some(counters), drifted));
    }
}

/// Each counts once, with the slots that it said last, and for its own run.
pub async fn workers_at_a_run_are_counted(world: &dyn World) {
    let scene = Scene::stored(world, &[people()], 1).await;
    let mut home = scene.home().await;
    let worker = |name: &str| WorkerId(name.into());
    assert_eq!(home.crew(scene.run, &worker("a"), 6).await.unwrap(), 6);
    assert_eq!(home.crew(scene.run, &worker("b"), 2).await.unwrap(), 8);
    assert_eq!(home.crew(scene.run, &worker("a"), 4).await.unwrap(), 6);
}
