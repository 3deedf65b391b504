//! Chunk transactions, and the bookkeeping around them.

use super::*;

/// A target with table `t (k TEXT PRIMARY KEY, v INTEGER NOT NULL)` and a run of two chunks.
async fn under_way(scratch: &Scratch) -> (Arc<dyn Target>, Box<dyn Home>, Record, Entity) {
    let target = target(scratch).await;
    scratch.execute("CREATE TABLE t (k TEXT PRIMARY KEY, v INTEGER NOT NULL CHECK (v < 100))");
    let entity = entity("t", &[("k", "TEXT"), ("v", "INTEGER")], Mode::Create);
    let mut home = target.home().await.unwrap();
    home.install().await.unwrap();
    let plan = plan(&entity, 2);
    let record = record(1, &plan);
    home.store(&record, &plan).await.unwrap();
    (target, home, record, entity)
}

#[tokio::test]
async fn a_chunk_is_visible_with_its_receipt_or_not_at_all() {
    let scratch = Scratch::new();
    let (target, mut home, record, entity) = under_way(&scratch).await;
    let first = chunk(0, Work::Copy(Range::default()));
    let mut session = target.session("s").await.unwrap();
    let begun = session.begin(record.run, &first, attempt(1)).await.unwrap();
    assert_eq!(begun, Begun::Open);
    session.start(&entity, &ROWS, false).await.unwrap();
    session.write(batch(&[&[Some("a"), Some("1")], &[Some("b"), Some("2")]])).await.unwrap();
    assert_eq!(session.finish().await.unwrap(), 2);
    session.complete(&receipt(0, attempt(1), 2)).await.unwrap();
    assert!(!target.holds_rows(&entity.target).await.unwrap());
    assert_eq!(home.done(record.run).await.unwrap(), []);
    session.commit().await.unwrap();
    assert!(target.holds_rows(&entity.target).await.unwrap());
    assert_eq!(home.receipts(record.run).await.unwrap(), [receipt(0, attempt(1), 2)]);

    let again = session.begin(record.run, &first, attempt(2)).await.unwrap();
    assert_eq!(again, Begun::Decided(Box::new(receipt(0, attempt(1), 2))));
    let second = chunk(1, Work::Copy(Range::default()));
    assert_eq!(session.begin(record.run, &second, attempt(3)).await.unwrap(), Begun::Open);
}

#[tokio::test]
async fn a_session_that_is_dropped_leaves_nothing() {
    let scratch = Scratch::new();
    let (target, mut home, record, entity) = under_way(&scratch).await;
    let first = chunk(0, Work::Copy(Range::default()));
    let mut session = target.session("s").await.unwrap();
    session.begin(record.run, &first, attempt(1)).await.unwrap();
    session.start(&entity, &ROWS, false).await.unwrap();
    session.write(batch(&[&[Some("a"), Some("1")]])).await.unwrap();
    drop(session);
    let mut session = target.session("s").await.unwrap();
    assert_eq!(session.begin(record.run, &first, attempt(2)).await.unwrap(), Begun::Open);
    let fault = session.complete(&receipt(0, attempt(1), 1)).await.unwrap_err();
    assert_eq!(fault.code(), Code::NotMine, "the receipt is of another attempt");
    session.rollback().await.unwrap();
    assert!(!target.holds_rows(&entity.target).await.unwrap());
    assert_eq!(home.done(record.run).await.unwrap(), []);
}

#[tokio::test]
async fn waiting_for_ones_turn_to_write_is_no_fault() {
    let scratch = Scratch::new();
    let (_, _, record, _) = under_way(&scratch).await;
    let writers = Writers::default();
    let place = scratch.place();
    let open = || write::Session::open(&place, writers.clone());
    let (mut first, mut second) = (open().await.unwrap(), open().await.unwrap());
    let mut home =
        Control::new(Late::new(scratch.place(), writers.clone()), &write::DIALECT, "here");
    // It would hear at once that somebody else is writing.
    second.link.call(Doing::Open, |c| c.busy_timeout(std::time::Duration::ZERO)).await.unwrap();
    let chunks = [0, 1].map(|id| chunk(id, Work::Copy(Range::default())));
    first.begin(record.run, &chunks[0], attempt(1)).await.unwrap();
    let waiting = async {
        let begun = second.begin(record.run, &chunks[1], attempt(2)).await;
        second.rollback().await.unwrap();
        begun
    };
    let noting = home.note_source(record.run, "counters", false);
    let ending = first.rollback();
    let (begun, noted, ended) = tokio::join!(waiting, noting, ending);
    ended.unwrap();
    noted.unwrap();
    assert_eq!(begun.unwrap(), Begun::Open);
}

/// Between processes nobody queues: whoever writes one chunk after the other lets in who waits.
#[tokio::test]
async fn a_writer_of_another_process_is_let_in_between_two_chunks() {
    let scratch = Scratch::new();
    let (_, _, record, _) = under_way(&scratch).await;
    let place = scratch.place();
    let mut ours = write::Session::open(&place, Writers::default()).await.unwrap();
    let late = Late::new(scratch.place(), Writers::default());
    let mut theirs = Control::new(late, &write::DIALECT, "there");
    let (one, sign) = (chunk(0, Work::Copy(Range::default())), Sign::of(&place));
    ours.begin(record.run, &one, attempt(1)).await.unwrap();
    let (run, now) = (record.run, Instant(5));
    let asked = tokio::spawn(async move { theirs.change(run, Event::Paused, now).await });
    let put_up = async {
        while !sign.is_up() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), put_up).await.expect("it says so");
    for _ in 0..20 {
        ours.rollback().await.unwrap();
        // A run that is paused still admits what is in flight.
        assert_eq!(ours.begin(run, &one, attempt(1)).await.unwrap(), Begun::Open);
        if asked.is_finished() {
            break;
        }
    }
    assert!(asked.is_finished(), "it stood before the door all the time");
    assert_eq!(asked.await.unwrap().unwrap(), State::Paused);
    assert!(!sign.is_up());
}

/// The sign stands in a folder that others may write to.
#[cfg(unix)]
#[tokio::test]
async fn a_sign_leaves_alone_what_a_link_of_its_name_leads_to() {
    let scratch = Scratch::new();
    let _ = under_way(&scratch).await;
    let place = scratch.place();
    let (precious, sign) = (place.path.with_file_name("precious"), Sign::of(&place));
    std::fs::write(&precious, "a letter").unwrap();
    let mut name = place.path.canonicalize().unwrap().into_os_string();
    name.push("-longhaul-waits");
    std::os::unix::fs::symlink(&precious, &name).unwrap();
    sign.put_up();
    assert!(sign.take_down(), "the link itself is taken away");
    assert_eq!(std::fs::read_to_string(&precious).unwrap(), "a letter");
}

#[tokio::test]
async fn a_bad_row_is_undone_to_the_savepoint_and_named_without_its_values() {
    let scratch = Scratch::new();
    let (target, mut home, record, entity) = under_way(&scratch).await;
    let mut session = target.session("s").await.unwrap();
    let first = chunk(0, Work::Copy(Range::default()));
    session.begin(record.run, &first, attempt(1)).await.unwrap();
    session.start(&entity, &ROWS, true).await.unwrap();
    session.write(batch(&[&[Some("good"), Some("1")]])).await.unwrap();
    session.finish().await.unwrap();
    for (bad, column) in [
        (["x", "100"].map(Some), None),
        (["good", "2"].map(Some), Some("k")),
        ([Some("x"), None], Some("v")),
        (["x", "1e5"].map(Some), Some("v")),
    ] {
        session.savepoint().await.unwrap();
        session.start(&entity, &ROWS, true).await.unwrap();
        let rows = batch(&[&[Some("kept out"), Some("7")], &bad]);
        let fault = session.write(rows).await.unwrap_err();
        assert_eq!(fault.code(), Code::ValueRefused);
        assert_eq!(fault.named().unwrap().column.as_deref(), column, "{fault}");
        session.rollback_to().await.unwrap();
    }
    let reject = Reject {
        chunk: ChunkId(0),
        key: "x".into(),
        column: Some("v".into()),
        reason: "275".into(),
        constraint: None,
    };
    session.reject(std::slice::from_ref(&reject)).await.unwrap();
    session.complete(&receipt(0, attempt(1), 1)).await.unwrap();
    session.commit().await.unwrap();
    assert_eq!(home.rejects(record.run, 10).await.unwrap(), [reject]);
    let rows = read_of("t", &[("k", text())], &[]);
    let kept = drain(source(&scratch).await.read(&rows).await.unwrap()).await;
    assert_eq!(kept, [[Some("good".to_owned())]]);
}

#[tokio::test]
async fn a_run_that_is_over_admits_nothing_and_owns_nothing() {
    let scratch = Scratch::new();
    let (target, mut home, record, entity) = under_way(&scratch).await;
    let other = self::record(2, &plan(&entity, 1));
    let fault = home.store(&other, &plan(&entity, 1)).await.unwrap_err();
    assert_eq!(fault.code(), Code::TargetOwned);
    assert!(fault.to_string().contains(&record.run.to_string()));
    assert_eq!(home.run(other.run).await.unwrap_err().code(), Code::RunUnknown);

    home.change(record.run, Event::Paused, Instant(5)).await.unwrap();
    let first = chunk(0, Work::Copy(Range::default()));
    let mut session = target.session("s").await.unwrap();
    assert_eq!(session.begin(record.run, &first, attempt(1)).await.unwrap(), Begun::Open);
    session.rollback().await.unwrap();
    assert_eq!(home.forget(record.run).await.unwrap_err().code(), Code::RunBusy);
    let state = home.change(record.run, Event::Cancelled, Instant(6)).await.unwrap();
    assert_eq!(state, State::Cancelled);
    assert_eq!(home.run(record.run).await.unwrap().ended, Some(Instant(6)));
    assert_eq!(session.begin(record.run, &first, attempt(2)).await.unwrap(), Begun::Fenced);

    home.store(&other, &plan(&entity, 1)).await.unwrap();
    let runs: Vec<_> = home.runs().await.unwrap().iter().map(|record| record.run).collect();
    assert_eq!(runs, [other.run, record.run], "latest first");
    home.forget(record.run).await.unwrap();
    assert_eq!(home.runs().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_run_is_complete_when_every_chunk_has_its_receipt() {
    let scratch = Scratch::new();
    let (target, mut home, record, entity) = under_way(&scratch).await;
    let plan = plan(&entity, 2);
    home.store(&record, &plan).await.unwrap();
    assert_eq!(home.plan(record.run).await.unwrap(), plan);
    assert_eq!(home.run(record.run).await.unwrap().state, State::Running);
    assert_eq!(home.lead(record.run, None).await.unwrap(), 1);
    assert_eq!(home.lead(record.run, None).await.unwrap(), 2);
    assert_eq!(home.epoch(record.run).await.unwrap(), 2);
    home.note_source(record.run, "seen", true).await.unwrap();
    assert_eq!(home.run(record.run).await.unwrap().counters.as_deref(), Some("seen"));

    let fault = home.change(record.run, Event::Completed, Instant(5)).await.unwrap_err();
    assert_eq!(fault.code(), Code::Parked);
    let mut session = target.session("s").await.unwrap();
    for id in 0..2 {
        let this = chunk(id, Work::Copy(Range::default()));
        session.begin(record.run, &this, attempt(1)).await.unwrap();
        session.complete(&receipt(id, attempt(1), 0)).await.unwrap();
        session.commit().await.unwrap();
    }
    let state = home.change(record.run, Event::Completed, Instant(5)).await.unwrap();
    assert_eq!(state, State::Complete);
    home.change(record.run, Event::RolledBack, Instant(7)).await.unwrap();
    assert_eq!(home.done(record.run).await.unwrap(), []);
}

#[tokio::test]
async fn a_sample_is_replaced_and_goes_when_its_chunk_is_done() {
    let scratch = Scratch::new();
    let (target, mut home, record, _) = under_way(&scratch).await;
    let sample = |key: &str| Reject {
        chunk: ChunkId(0),
        key: key.into(),
        column: None,
        reason: "r".into(),
        constraint: Some("c".into()),
    };
    home.keep_sample(record.run, &[sample("a"), sample("b")]).await.unwrap();
    home.keep_sample(record.run, &[sample("c")]).await.unwrap();
    assert_eq!(home.samples(record.run).await.unwrap(), [sample("c")]);
    let mut session = target.session("s").await.unwrap();
    session.begin(record.run, &chunk(0, Work::Copy(Range::default())), attempt(1)).await.unwrap();
    session.complete(&receipt(0, attempt(1), 0)).await.unwrap();
    session.commit().await.unwrap();
    assert_eq!(home.samples(record.run).await.unwrap(), []);
}

#[tokio::test]
async fn a_plan_of_many_chunks_is_stored_and_read_again() {
    let scratch = Scratch::new();
    let target = target(&scratch).await;
    let mut home = target.home().await.unwrap();
    assert_eq!(home.runs().await.unwrap(), []);
    let entity = entity("t", &[("k", "TEXT")], Mode::Create);
    let plan = plan(&entity, 5_001);
    home.install().await.unwrap();
    home.install().await.unwrap();
    home.store(&record(1, &plan), &plan).await.unwrap();
    assert_eq!(home.plan(RunId(Uuid::from_u128(1))).await.unwrap(), plan);
    let tables = target.catalogue().await.unwrap().tables;
    assert_eq!(tables, [], "bookkeeping is not part of the catalogue");
}

#[tokio::test]
async fn tables_of_a_newer_build_are_left_alone() {
    let scratch = Scratch::new();
    let (_, mut home, ..) = under_way(&scratch).await;
    scratch.execute("UPDATE longhaul_meta SET format = 999");
    assert_eq!(home.install().await.unwrap_err().code(), Code::PlanFormat);
    assert_eq!(home.runs().await.unwrap_err().code(), Code::PlanFormat);
}

#[tokio::test]
async fn upsert_overwrites_what_is_there_and_links_are_filled_by_key() {
    let scratch = Scratch::with(
        "CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT, up INTEGER); \
         INSERT INTO t VALUES (1, 'old', 9)",
    );
    let target = target(&scratch).await;
    let mut home = target.home().await.unwrap();
    home.install().await.unwrap();
    let columns = [("k", "INTEGER"), ("v", "TEXT"), ("up", "INTEGER")];
    let mut entity = entity("t", &columns, Mode::Upsert);
    entity.links = vec!["up".into()];
    let plan = plan(&entity, 2);
    home.store(&record(1, &plan), &plan).await.unwrap();
    let run = RunId(Uuid::from_u128(1));
    let mut session = target.session("s").await.unwrap();
    session.begin(run, &chunk(0, Work::Copy(Range::default())), attempt(1)).await.unwrap();
    session.start(&entity, &Write::Rows { blank_links: true }, false).await.unwrap();
    let rows = [["1", "new", "2"].map(Some), ["2", "two", "1"].map(Some)];
    session.write(batch(&[&rows[0], &rows[1]])).await.unwrap();
    assert_eq!(session.finish().await.unwrap(), 2);
    session.complete(&receipt(0, attempt(1), 2)).await.unwrap();
    session.commit().await.unwrap();

    session.begin(run, &chunk(1, Work::Link(Range::default())), attempt(1)).await.unwrap();
    let columns = vec![entity.columns[0].clone(), entity.columns[2].clone()];
    session.start(&entity, &Write::Links { key: 1, columns }, false).await.unwrap();
    let links = [["1", "2"].map(Some), ["2", "1"].map(Some), ["3", "1"].map(Some)];
    session.write(batch(&[&links[0], &links[1], &links[2]])).await.unwrap();
    assert_eq!(session.finish().await.unwrap(), 2, "the third is not there");
    session.complete(&receipt(1, attempt(1), 2)).await.unwrap();
    session.commit().await.unwrap();

    let mut back = drain(target.read_back(&entity, 0, 1, 1000).await.unwrap()).await;
    back.sort();
    let text = |row: [&str; 3]| row.map(|cell| Some(cell.to_owned())).to_vec();
    assert_eq!(back, [text(["1", "new", "2"]), text(["2", "two", "1"])]);
}

#[tokio::test]
async fn a_link_that_leads_nowhere_is_found_in_the_end() {
    let scratch = Scratch::new();
    let (target, _, record, _) = under_way(&scratch).await;
    scratch.execute(
        "CREATE TABLE c (p TEXT REFERENCES t (k)); \
         PRAGMA foreign_keys = OFF; INSERT INTO c VALUES ('gone'), (NULL)",
    );
    let step = Step {
        kind: StepKind::ForeignKey,
        what: "foreign keys of c".into(),
        statements: vec![
            "SELECT \"table\", rowid, parent FROM pragma_foreign_key_check('c')".into(),
        ],
        destructive: false,
        orphans: None,
        parts: Vec::new(),
    };
    let mut session = target.session("s").await.unwrap();
    let this = chunk(0, Work::Step(step.clone()));
    session.begin(record.run, &this, attempt(1)).await.unwrap();
    let fault = session.execute(&step).await.unwrap_err();
    assert_eq!(fault.code(), Code::LinkBroken);
    assert!(fault.to_string().contains("1 row ") && !fault.to_string().contains("gone"));
}

#[tokio::test]
async fn a_step_and_its_receipt_live_and_die_together() {
    let scratch = Scratch::new();
    let (target, _, record, _) = under_way(&scratch).await;
    let step = Step {
        kind: StepKind::Table,
        what: "table made".into(),
        statements: vec!["CREATE TABLE made (a)".into(), "CREATE INDEX i ON made (a)".into()],
        destructive: false,
        orphans: None,
        parts: Vec::new(),
    };
    let this = chunk(0, Work::Step(step.clone()));
    let mut session = target.session("s").await.unwrap();
    session.begin(record.run, &this, attempt(1)).await.unwrap();
    session.execute(&step).await.unwrap();
    drop(session);
    let mut session = target.session("s").await.unwrap();
    session.begin(record.run, &this, attempt(2)).await.unwrap();
    session.execute(&step).await.unwrap();
    session.complete(&receipt(0, attempt(2), 0)).await.unwrap();
    session.commit().await.unwrap();
    assert!(!target.holds_rows(&TableName::bare("made")).await.unwrap());
}

#[tokio::test]
async fn a_rowid_that_is_missing_is_refused_and_not_made_up() {
    let scratch = Scratch::new();
    let (target, _, record, _) = under_way(&scratch).await;
    scratch.execute(
        "CREATE TABLE n (id INTEGER PRIMARY KEY); CREATE TABLE d (id INTEGER PRIMARY KEY DESC)",
    );
    let mut session = target.session("s").await.unwrap();
    session.begin(record.run, &chunk(0, Work::Copy(Range::default())), attempt(1)).await.unwrap();
    session.start(&entity("n", &[("id", "INTEGER")], Mode::Create), &ROWS, false).await.unwrap();
    let fault = session.write(batch(&[&[None]])).await.unwrap_err();
    assert_eq!(fault.code(), Code::ValueRefused);
    assert_eq!(fault.named().unwrap().constraint.as_deref(), Some("NOT NULL"));
    // This one is no rowid, and may be NULL.
    session.start(&entity("d", &[("id", "INTEGER")], Mode::Create), &ROWS, false).await.unwrap();
    session.write(batch(&[&[None]])).await.unwrap();
    assert_eq!(session.finish().await.unwrap(), 1);
}

#[tokio::test]
async fn a_file_is_made_when_something_is_written_and_not_before() {
    let scratch = Scratch::new();
    let target = target(&scratch).await;
    assert_eq!(target.catalogue().await.unwrap().tables, []);
    let mut home = target.home().await.unwrap();
    assert_eq!(home.runs().await.unwrap(), []);
    let run = RunId(Uuid::from_u128(1));
    assert_eq!(home.run(run).await.unwrap_err().code(), Code::RunUnknown);
    target.identity().await.unwrap();
    assert!(!scratch.path().exists());
    home.install().await.unwrap();
    assert!(scratch.path().exists());
    assert_eq!(target.identity().await.unwrap(), source(&scratch).await.identity().await.unwrap());

    let nowhere = Address { url: "sqlite:/no such folder/a.db".into(), password: None };
    assert_eq!(open_target(&nowhere).await.err().unwrap().code(), Code::DatabaseUnopened);
}
