use protocol::id::{AttemptId, Environment};
use protocol::mapping::{Consistency, Limits, OnSnapshotLost};
use protocol::plan::{DrawnFrom, Guarantee, Range, Side, Step, StepKind, Work};
use protocol::schema::Engine;

use super::*;

const NOW: Instant = Instant(1_000_000_000);

fn plan(chunks: Vec<(Stage, Option<u32>, Vec<After>, u64)>) -> Plan {
    let side = |name: &str| Side { environment: Environment(name.into()), engine: Engine::Memory };
    let chunk = |(at, (stage, entity, after, weight)): (usize, (_, Option<u32>, _, _))| Chunk {
        id: ChunkId(u32::try_from(at).unwrap()),
        stage,
        entity: entity.map(EntityId),
        work: Work::Copy(Range::default()),
        after,
        weight,
        retries: None,
    };
    Plan {
        migration: "test".into(),
        from: side("a"),
        to: side("b"),
        consistency: Consistency::Drifting,
        on_snapshot_lost: OnSnapshotLost::Stop,
        guarantee: Guarantee::ExactlyOnce,
        limits: Limits::default(),
        entities: vec![],
        chunks: chunks.into_iter().enumerate().map(chunk).collect(),
        charsets: Default::default(),
        notes: vec![],
        origin: None,
        drawn_from: DrawnFrom {
            migration: String::new(),
            source: String::new(),
            target: String::new(),
        },
    }
}

fn decide(
    plan: &Plan,
    states: &[State],
    rung: &[(u32, Instant)],
    tries: &[(u32, u32)],
) -> Vec<Action> {
    let rung = rung.iter().map(|(c, at)| (ChunkId(*c), Rung::again(None, *at))).collect();
    let attempts = tries.iter().map(|(c, n)| (ChunkId(*c), *n)).collect();
    let known = Known { states, attempts: &attempts, rung: &rung, window: 2, small: 0 };
    next(plan, known, NOW)
}

fn claimed() -> State {
    State::Claimed(AttemptId(uuid::Uuid::nil()))
}

#[test]
fn a_chunk_is_released_only_after_all_that_it_waits_for() {
    let plan = plan(vec![
        (Stage::Prepare, None, vec![], 0),
        (Stage::Copy, Some(0), vec![After::Stage(Stage::Prepare)], 0),
        (Stage::Copy, Some(1), vec![After::Entity(EntityId(0), Stage::Copy)], 0),
        (Stage::Finish, Some(0), vec![After::Chunk(ChunkId(2))], 0),
    ]);
    let waiting = [State::Waiting; 4];
    assert_eq!(
        decide(&plan, &waiting, &[], &[]),
        [Action::Release(vec![ChunkId(0)]), Action::Ring(ChunkId(0))]
    );
    let mut states = waiting;
    states[0] = State::Done;
    assert_eq!(
        decide(&plan, &states, &[], &[]),
        [Action::Release(vec![ChunkId(1)]), Action::Ring(ChunkId(1))]
    );
    states[1] = State::Done;
    states[2] = State::Ready;
    assert_eq!(decide(&plan, &states, &[], &[]), [Action::Ring(ChunkId(2))]);
}

#[test]
fn the_window_bounds_what_is_outstanding_and_the_biggest_goes_first() {
    let plan = plan(vec![
        (Stage::Copy, Some(0), vec![], 1),
        (Stage::Copy, Some(0), vec![], 9),
        (Stage::Copy, Some(0), vec![], 5),
        (Stage::Copy, Some(0), vec![], 7),
    ]);
    let ready = [State::Ready; 4];
    assert_eq!(
        decide(&plan, &ready, &[], &[]),
        [Action::Ring(ChunkId(1)), Action::Ring(ChunkId(3)),]
    );
    let one_claimed = [State::Ready, claimed(), State::Ready, State::Ready];
    assert_eq!(decide(&plan, &one_claimed, &[(3, NOW)], &[]), []);
}

#[test]
fn an_index_of_a_big_entity_begins_before_small_ranges_and_reading_back_comes_last() {
    let plan = plan(vec![
        (Stage::Copy, Some(0), vec![], 10),
        (Stage::Finish, Some(1), vec![], 500),
        (Stage::Verify, Some(2), vec![], 900),
    ]);
    assert_eq!(
        decide(&plan, &[State::Ready; 3], &[], &[]),
        [Action::Ring(ChunkId(1)), Action::Ring(ChunkId(0))]
    );
}

#[test]
fn a_task_that_nobody_claimed_is_rung_again_and_not_before() {
    let plan = plan(vec![(Stage::Copy, Some(0), vec![], 0)]);
    let before = Instant(NOW.0 - 4_999_000);
    let after = Instant(NOW.0 - 5_000_000);
    assert_eq!(decide(&plan, &[State::Ready], &[(0, before)], &[]), []);
    assert_eq!(decide(&plan, &[State::Ready], &[(0, after)], &[]), [Action::Ring(ChunkId(0)),]);
}

#[test]
fn a_chunk_tried_too_often_is_worn_out_and_not_rung() {
    let plan = plan(vec![(Stage::Copy, Some(0), vec![], 0), (Stage::Copy, Some(0), vec![], 0)]);
    assert_eq!(
        decide(&plan, &[State::Ready; 2], &[], &[(0, 5), (1, 4)]),
        [Action::WearOut(vec![ChunkId(0)]), Action::Ring(ChunkId(1)),]
    );
}

#[test]
fn what_a_worker_died_on_is_rung_before_all_else_and_whatever_waits() {
    let plan = plan((0..5).map(|at| (Stage::Copy, Some(0), vec![], at)).collect());
    let full = [(3, NOW), (4, NOW)];
    assert_eq!(decide(&plan, &[State::Ready; 5], &full, &[]), []);
    assert_eq!(decide(&plan, &[State::Ready; 5], &full, &[(0, 1)]), [Action::Ring(ChunkId(0))]);
    assert_eq!(
        decide(&plan, &[State::Ready; 5], &[], &[(0, 1)]),
        [Action::Ring(ChunkId(0)), Action::Ring(ChunkId(4))],
        "it takes the place of another"
    );
    let rung = [(0, NOW), (3, NOW), (4, NOW)];
    assert_eq!(decide(&plan, &[State::Ready; 5], &rung, &[(0, 1)]), [], "once");
}

#[test]
fn what_is_parked_holds_up_only_its_dependents() {
    let plan = plan(vec![
        (Stage::Copy, Some(0), vec![], 0),
        (Stage::Copy, Some(1), vec![], 0),
        (Stage::Finish, Some(0), vec![After::Entity(EntityId(0), Stage::Copy)], 0),
        (Stage::Finish, Some(1), vec![After::Entity(EntityId(1), Stage::Copy)], 0),
    ]);
    let states = [State::Parked, State::Done, State::Waiting, State::Waiting];
    assert_eq!(
        decide(&plan, &states, &[], &[]),
        [Action::Release(vec![ChunkId(3)]), Action::Ring(ChunkId(3))]
    );
    let states = [State::Parked, State::Done, State::Waiting, State::Done];
    assert_eq!(decide(&plan, &states, &[], &[]), [Action::Stuck(1)]);
}

#[test]
fn a_parked_foreign_key_holds_up_nothing_but_the_end_of_the_run() {
    let of = |stage| After::Entity(EntityId(0), stage);
    let mut plan = plan(vec![
        (Stage::Copy, Some(0), vec![], 0),
        (Stage::Finish, Some(0), vec![of(Stage::Copy)], 0),
        // Another on the same table, which only keeps out of its way.
        (Stage::Finish, Some(1), vec![After::Chunk(ChunkId(1))], 0),
        (Stage::Verify, Some(0), vec![of(Stage::Copy), of(Stage::Finish)], 0),
    ]);
    let states = [State::Done, State::Parked, State::Waiting, State::Waiting];
    for (kind, goes_on) in [
        (StepKind::ForeignKey, true),
        (StepKind::Key, true),
        (StepKind::Index, true),
        (StepKind::Empty, false),
    ] {
        plan.chunks[1].work = Work::Step(Step {
            kind,
            what: "a step".into(),
            statements: vec![],
            destructive: false,
            orphans: None,
            parts: vec![],
        });
        let actions = decide(&plan, &states, &[], &[]);
        let released = Action::Release(vec![ChunkId(2), ChunkId(3)]);
        assert_eq!(actions.contains(&released), goes_on, "{actions:?}");
        assert_eq!(actions.contains(&Action::Stuck(1)), !goes_on, "{actions:?}");
        // Not before it was tried.
        let untried = [State::Done, State::Ready, State::Waiting, State::Waiting];
        assert_eq!(decide(&plan, &untried, &[], &[]), [Action::Ring(ChunkId(1))]);
    }
    plan.chunks[1].work = Work::Step(Step {
        kind: StepKind::ForeignKey,
        what: "a link".into(),
        statements: vec![],
        destructive: false,
        orphans: None,
        parts: vec![],
    });
    let rest = [State::Done, State::Parked, State::Done, State::Done];
    assert_eq!(decide(&plan, &rest, &[], &[]), [Action::Stuck(1)], "it is not complete");
}

#[test]
fn everything_done_asks_to_complete_and_nothing_else() {
    let plan = plan(vec![(Stage::Copy, Some(0), vec![], 0)]);
    assert_eq!(decide(&plan, &[State::Done], &[], &[]), [Action::Complete]);
}

#[test]
fn a_ledger_that_forgot_everything_leads_to_release_and_never_to_completion() {
    let plan = plan(vec![(Stage::Copy, Some(0), vec![], 0)]);
    assert_eq!(
        decide(&plan, &[], &[], &[]),
        [Action::Release(vec![ChunkId(0)]), Action::Ring(ChunkId(0))]
    );
}

#[test]
fn a_task_that_nobody_takes_is_waited_for_longer_each_time() {
    let mut rung = Rung::again(None, NOW);
    let mut waits = Vec::new();
    for _ in 0..6 {
        waits.push(rung.until.micros_since(NOW) / 1_000_000);
        rung = Rung::again(Some(&rung), NOW);
    }
    assert_eq!(waits, [5, 10, 20, 40, 60, 60]);
}

#[test]
fn many_small_chunks_are_outstanding_in_the_place_of_one_that_is_not() {
    let mut chunks = vec![(Stage::Copy, Some(0), vec![], 1000)];
    chunks.extend((0..100).map(|_| (Stage::Copy, Some(0), vec![], 1)));
    let plan = plan(chunks);
    let states = vec![State::Ready; plan.chunks.len()];
    let (attempts, rung) = (BTreeMap::new(), BTreeMap::new());
    let known = Known { states: &states, attempts: &attempts, rung: &rung, window: 2, small: 10 };
    let rings = next(&plan, known, NOW);
    assert_eq!(rings.len(), 1 + SMALL_SHARE);
    assert_eq!(rings[0], Action::Ring(ChunkId(0)));
}

/// Not a measurement: with a cost that grows with the square, this would not end.
#[test]
fn a_million_chunks_are_decided_about_at_once() {
    let chunks = (0..1_000_000).map(|at| (Stage::Copy, Some(0), vec![], at % 1000)).collect();
    let plan = plan(chunks);
    let states = vec![State::Waiting; plan.chunks.len()];
    let actions = decide(&plan, &states, &[], &[]);
    assert_eq!(actions.len(), 3, "one release, and rings for the window");
    assert!(matches!(&actions[0], Action::Release(all) if all.len() == plan.chunks.len()));
    assert_eq!(actions[1], Action::Ring(ChunkId(999)));
}
