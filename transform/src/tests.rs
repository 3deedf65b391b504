//! Batches through pipelines of every kind.

use proptest::prelude::*;
use protocol::batch::{Batch, Digest, Misfit};
use protocol::cell::{Charsets, Reason, Repertoire};
use protocol::id::EntityId;
use protocol::mapping::{Mode, Policy};
use protocol::plan::{ColumnMap, Entity, Lane};
use protocol::schema::{Engine, Logical, TableName};

use crate::{Pipeline, RejectedRow, Transformed};

const INT: Logical = Logical::Integer { bits: 32 };
const TEXT: Logical = Logical::Text { length: None };
const TEXT3: Logical = Logical::Text { length: Some(3) };
const FLOAT: Logical = Logical::Float { bits: 64 };
const MONEY: Logical = Logical::Decimal { precision: Some(6), scale: Some(2) };

fn compile(entity: &Entity, from: Engine, to: Engine) -> Pipeline {
    crate::compile(entity, from, to, &Charsets::default()).unwrap()
}

/// An entity whose source columns are `a`, `b`, … and whose target columns are `A`, `B`, …; its
/// key is `a`.
fn entity(lane: Lane, columns: &[(Logical, Logical)]) -> Entity {
    let column = |(name, (from, to)): (u8, &(Logical, Logical))| ColumnMap {
        source: char::from(name).to_string(),
        target: char::from(name.to_ascii_uppercase()).to_string(),
        from: from.clone(),
        to: to.clone(),
        native: String::new(),
        compared: true,
    };
    Entity {
        id: EntityId(0),
        source: TableName::bare("t"),
        target: TableName::bare("t"),
        new: true,
        mode: Mode::Create,
        lane,
        columns: (b'a'..).zip(columns).map(column).collect(),
        key: vec!["a".into()],
        conflict: Vec::new(),
        links: Vec::new(),
        filter: None,
        top: None,
        policies: std::collections::BTreeMap::new(),
        rejects_max: None,
        shape: None,
        silent: false,
        rows_estimate: 0,
        bytes_estimate: 0,
    }
}

fn batch(rows: &[&[Option<&str>]]) -> Batch {
    let mut batch = Batch::default();
    for row in rows {
        batch.push_row(row.iter().map(|cell| cell.map(str::as_bytes)));
    }
    batch
}

fn digest(batch: &Batch) -> Digest {
    let mut digest = Digest::default();
    digest.add_batch(batch);
    digest
}

fn conserves(read: &Batch, transformed: &Transformed) {
    let Transformed { rows, read: digest_read, written, rejects, filtered, changed } = transformed;
    assert_eq!(*digest_read, digest(read));
    assert_eq!(written.rows, rows.rows() as u64);
    assert_eq!(digest_read.rows, written.rows + filtered + rejects.len() as u64);
    assert!(rejects.is_sorted_by(|one, next| one.row < next.row));
    assert!(rows.misfits().is_empty());
    assert!(changed.iter().all(|one| one.row < rows.rows()));
}

fn through(pipeline: &Pipeline, batch: &Batch) -> Transformed {
    let transformed = pipeline.apply(batch.clone());
    conserves(batch, &transformed);
    assert_eq!(pipeline.read_back_digest(&transformed.rows), transformed.written);
    transformed
}

fn rejected(row: usize, key: &str, column: &str, reason: Reason) -> RejectedRow {
    RejectedRow { row, key: key.into(), column: column.into(), reason }
}

#[test]
fn what_need_not_be_looked_at_is_the_memory_that_went_in() {
    let same = [(INT, INT), (TEXT, TEXT), (INT, Logical::Integer { bits: 64 })];
    let raw = entity(Lane::Raw, &[(INT, INT), (MONEY, MONEY), (TEXT, TEXT)]);
    let text = entity(Lane::Text, &same);
    for (entity, engine) in
        [(&raw, Engine::Postgres), (&raw, Engine::Sqlite), (&text, Engine::Postgres)]
    {
        let pipeline = compile(entity, engine, engine);
        assert!(pipeline.is_pass_through());
        let batch = batch(&[&[Some("1"), Some("\0\0"), None]]);
        let given = batch.clone();
        let memory = given.framed().as_ptr();
        let transformed = pipeline.apply(given);
        conserves(&batch, &transformed);
        assert_eq!(transformed.rows.framed().as_ptr(), memory);
        assert_eq!(transformed.rows, batch);
        assert_eq!(transformed.written, transformed.read);
        assert_eq!(pipeline.read_back_digest(&batch), transformed.written);
    }
}

#[test]
fn cells_come_out_as_the_target_gives_them_back() {
    let columns = [(INT, INT), (FLOAT, MONEY), (TEXT, Logical::Boolean), (TEXT, TEXT)];
    let pipeline = compile(&entity(Lane::Text, &columns), Engine::Sqlite, Engine::Postgres);
    let read =
        batch(&[&[Some("1"), Some("1.5"), Some("1"), Some("")], &[Some("2"), None, None, None]]);
    let transformed = through(&pipeline, &read);
    let expected =
        batch(&[&[Some("1"), Some("1.50"), Some("t"), Some("")], &[Some("2"), None, None, None]]);
    assert_eq!(transformed.rows, expected);
    assert_eq!(transformed.written, digest(&expected));
    assert_eq!(transformed.rejects, []);
}

#[test]
fn a_row_that_does_not_fit_is_left_out_and_named() {
    let columns = [(INT, INT), (TEXT, TEXT3), (TEXT, TEXT)];
    let pipeline = compile(&entity(Lane::Text, &columns), Engine::Sqlite, Engine::Postgres);
    let read = batch(&[
        &[Some("1"), Some("abcd"), Some("x")],
        &[Some("2"), Some("abc"), Some("x")],
        &[Some("x"), Some("abcd"), Some("x")],
        &[Some("4"), Some("abc"), Some("a\0b")],
    ]);
    let transformed = through(&pipeline, &read);
    assert_eq!(transformed.rows, batch(&[&[Some("2"), Some("abc"), Some("x")]]));
    let expected = [
        rejected(0, "1", "B", Reason::TooLong),
        rejected(2, "x", "A", Reason::WrongType),
        rejected(3, "4", "C", Reason::NulInText),
    ];
    assert_eq!(transformed.rejects, expected);
}

#[test]
fn a_value_that_only_the_engine_lacks_refuses_its_row_and_the_rest_passes() {
    let columns = [(INT, INT), (FLOAT, FLOAT)];
    let pipeline = compile(&entity(Lane::Text, &columns), Engine::Postgres, Engine::Sqlite);
    assert!(!pipeline.is_pass_through());
    let read = batch(&[&[Some("1"), Some("NaN")], &[Some("2"), Some("Infinity")], &[None, None]]);
    let transformed = through(&pipeline, &read);
    assert_eq!(transformed.rows, batch(&[&[Some("2"), Some("Infinity")], &[None, None]]));
    assert_eq!(transformed.rejects, [rejected(0, "1", "B", Reason::NotFinite)]);
    let clean = batch(&[&[Some("1"), Some("1.5")]]);
    assert_eq!(through(&pipeline, &clean).rows, clean);
}

#[test]
fn what_the_reader_noted_refuses_the_row_once() {
    let columns = [(INT, INT), (TEXT, TEXT)];
    for (from, to) in [(Engine::Postgres, Engine::Postgres), (Engine::Sqlite, Engine::Postgres)] {
        let pipeline = compile(&entity(Lane::Text, &columns), from, to);
        let mut read = batch(&[&[Some("1"), Some("a")], &[Some("2"), None], &[Some("3"), None]]);
        for column in [1, 0] {
            read.note_misfit(Misfit { row: 1, column, reason: Reason::InvalidEncoding });
        }
        let transformed = through(&pipeline, &read);
        assert_eq!(transformed.rejects, [rejected(1, "2", "A", Reason::InvalidEncoding)]);
        assert_eq!(transformed.rows.rows(), 2);
    }
}

#[test]
fn columns_that_are_not_compared_are_left_out_of_the_written_digest() {
    for (from, to) in [(Engine::Postgres, Engine::Postgres), (Engine::Sqlite, Engine::Sqlite)] {
        let mut entity = entity(Lane::Text, &[(INT, INT), (TEXT, TEXT), (INT, INT)]);
        entity.columns[1].compared = false;
        let pipeline = compile(&entity, from, to);
        let transformed = through(&pipeline, &batch(&[&[Some("1"), Some("a"), None]]));
        assert_eq!(transformed.written, digest(&batch(&[&[Some("1"), None]])));
        let rewritten = batch(&[&[Some("1"), Some("A"), None]]);
        assert_eq!(pipeline.read_back_digest(&rewritten), transformed.written);
        let changed = batch(&[&[Some("2"), Some("a"), None]]);
        assert_ne!(pipeline.read_back_digest(&changed), transformed.written);
    }
}

#[test]
fn an_engine_without_types_may_spell_a_value_in_another_way() {
    let columns = [(INT, INT), (MONEY, MONEY), (Logical::Boolean, Logical::Boolean)];
    let pipeline = compile(&entity(Lane::Text, &columns), Engine::Postgres, Engine::Sqlite);
    let transformed = through(&pipeline, &batch(&[&[Some("1"), Some("1.50"), Some("t")]]));
    let given_back = |money| batch(&[&[Some("1"), Some(money), Some("1")]]);
    assert_eq!(pipeline.read_back_digest(&given_back("1.5")), transformed.written);
    assert_ne!(pipeline.read_back_digest(&given_back("1.51")), transformed.written);
    assert_ne!(pipeline.read_back_digest(&given_back("abc")), transformed.written);
}

#[test]
fn keys_are_spelled_for_people() {
    let mut two = entity(Lane::Text, &[(Logical::Binary, Logical::Binary), (TEXT, INT)]);
    two.key = vec!["b".into(), "a".into()];
    let read = batch(&[&[Some("\u{1}z"), Some("x")]]);
    let rejects = |entity: &Entity| {
        compile(entity, Engine::Sqlite, Engine::Postgres).apply(read.clone()).rejects
    };
    assert_eq!(rejects(&two)[0].key, "x,\\x017a");
    two.key.push("not read".into());
    assert_eq!(rejects(&two)[0].key, "");
}

fn cell() -> impl Strategy<Value = Option<Vec<u8>>> {
    prop_oneof![
        Just(None),
        "[0-9]{1,11}|-?[0-9]{1,5}\\.[0-9]{0,3}|NaN|[a-z\0]{0,4}|[tf]"
            .prop_map(|text| Some(text.into_bytes())),
        any::<Vec<u8>>().prop_map(Some),
    ]
}

fn logical() -> impl Strategy<Value = Logical> {
    let all = [INT, TEXT, TEXT3, FLOAT, MONEY, Logical::Binary, Logical::Boolean, Logical::Any];
    prop::sample::select(all.to_vec())
}

fn engine() -> impl Strategy<Value = Engine> {
    prop::sample::select(vec![Engine::Postgres, Engine::Sqlite])
}

proptest! {
    #[test]
    fn rows_in_are_rows_out_and_rejects(
        columns in prop::collection::vec((logical(), logical(), any::<bool>()), 3),
        rows in prop::collection::vec(prop::collection::vec(cell(), 3), 0..20),
        noted in prop::collection::vec((0usize..20, 0usize..3), 0..3),
        from in engine(),
        to in engine(),
    ) {
        let types: Vec<_> = columns.iter().map(|(from, to, _)| (from.clone(), to.clone())).collect();
        let mut entity = entity(Lane::Text, &types);
        for (column, (.., compared)) in entity.columns.iter_mut().zip(&columns) {
            column.compared = *compared;
        }
        let mut read = Batch::default();
        for row in &rows {
            read.push_row(row.iter().map(Option::as_deref));
        }
        for &(row, column) in noted.iter().filter(|(row, _)| *row < rows.len()) {
            read.note_misfit(Misfit { row, column, reason: Reason::WrongType });
        }
        // What an engine vouches for is as its type spells it, and any bytes are not.
        let pipeline = compile(&entity, from, to);
        if from == Engine::Sqlite {
            let transformed = through(&pipeline, &read);
            // What came out passes again as it is.
            let again = through(&pipeline, &transformed.rows);
            prop_assert_eq!(again.rows, transformed.rows);
            prop_assert_eq!(again.written, transformed.written);
        } else {
            conserves(&read, &pipeline.apply(read.clone()));
        }
    }

    #[test]
    fn a_pass_through_gives_the_digest_of_what_it_was_given(
        rows in prop::collection::vec(prop::collection::vec(cell(), 2), 0..20),
    ) {
        let mut read = Batch::default();
        for row in &rows {
            read.push_row(row.iter().map(Option::as_deref));
        }
        let pipeline = compile(&entity(Lane::Raw, &[(INT, INT), (FLOAT, FLOAT)]), Engine::Postgres, Engine::Postgres);
        let transformed = through(&pipeline, &read);
        prop_assert_eq!(transformed.written, digest(&read));
        prop_assert_eq!(transformed.rows, read);
    }
}

#[test]
fn characters_that_a_column_lacks_are_refused_or_mended_and_utf_8_is_not_looked_at() {
    let mut narrow = entity(Lane::Text, &[(INT, INT), (TEXT, TEXT)]);
    narrow.columns[1].native = "text CHARACTER SET latin1 COLLATE latin1_bin".into();
    let latin1 = Repertoire::keeping((0..=0xff).filter_map(char::from_u32));
    let charsets = Charsets([("latin1".to_owned(), latin1)].into());
    let (mysql, read) =
        (Engine::MySql, batch(&[&[Some("1"), Some("Zoë")], &[Some("2"), Some("學")]]));
    let refusing = crate::compile(&narrow, mysql, mysql, &charsets).unwrap();
    let transformed = through(&refusing, &read);
    assert_eq!(transformed.rejects, [rejected(1, "2", "B", Reason::NoSuchCharacter)]);

    let clamp = [(Reason::NoSuchCharacter, Policy::Clamp)].into();
    narrow.policies = [("B".to_owned(), clamp)].into();
    let transformed = through(&crate::compile(&narrow, mysql, mysql, &charsets).unwrap(), &read);
    let expected = batch(&[&[Some("1"), Some("Zoë")], &[Some("2"), Some("?")]]);
    assert_eq!((transformed.rows, transformed.changed.len()), (expected, 1));

    narrow.columns[1].native = "text CHARACTER SET utf8mb4 COLLATE utf8mb4_bin".into();
    narrow.policies.clear();
    assert!(crate::compile(&narrow, mysql, mysql, &charsets).unwrap().is_pass_through());
}
