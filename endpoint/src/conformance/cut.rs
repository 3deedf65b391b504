//! Promises of [`crate::Source::cut`]: the ranges between its bounds partition the entity.

use std::collections::BTreeSet;

use protocol::plan::{Bound, Lane, Range};
use protocol::schema::Table;

use super::World;
use super::scene::{Cells, INT, Scene, TEXT, expected, people, seen, table};
use crate::{Cut, Read};

/// The ranges between bounds; first and last open-ended.
fn ranges(bounds: &[Bound]) -> Vec<Range> {
    let afters = std::iter::once(None).chain(bounds.iter().cloned().map(Some));
    let uptos = bounds.iter().cloned().map(Some).chain([None]);
    afters.zip(uptos).map(|(after, upto)| Range { after, upto }).collect()
}

/// Cuts a table every `every` rows, and finds each row in exactly one range.
async fn partitioned(
    world: &dyn World,
    table: Table,
    rows: Cells<'_>,
    every: u64,
    filter: Option<&str>,
    chosen: Cells<'_>,
) {
    let scene = Scene::ready(world, &[table], 1).await;
    scene.copy(0, &scene.copies(0)[0], rows).await;
    let plain = scene.reading(0, Lane::Text).await;
    let filter = filter.map(ToOwned::to_owned);
    let (table, key) = (plain.table.clone(), plain.key.clone());
    assert!(!key.is_empty(), "the key that was designed is there to cut by");
    let cut = Cut { table, key, filter: filter.clone(), rows: every, about: None };
    let bounds = scene.database.source.cut(&cut).await.unwrap();
    let wanted = (chosen.len() as u64).div_ceil(every).saturating_sub(1);
    assert_eq!(bounds.len() as u64, wanted, "a bound after every {every} rows but the last");
    let distinct: BTreeSet<_> = bounds.iter().map(|bound| &bound.0).collect();
    assert_eq!(distinct.len(), bounds.len(), "no bound comes twice");

    for lane in [Lane::Text, Lane::Raw] {
        let mut all = Vec::new();
        for range in ranges(&bounds) {
            let read = Read { range, filter: filter.clone(), lane, ..plain.clone() };
            let part = scene.read(&read).await;
            let rows: usize = part.iter().map(protocol::batch::Batch::rows).sum();
            assert!(rows as u64 <= every, "a range holds at most {every} rows, not {rows}");
            all.extend(part);
        }
        let rows: usize = all.iter().map(protocol::batch::Batch::rows).sum();
        assert_eq!(rows, chosen.len(), "{lane:?}");
        if lane == Lane::Text {
            assert_eq!(seen(&all), expected(chosen));
        }
    }
}

/// Whole numbers: negative, sparse, and at both ends of 64 bits.
pub async fn ranges_partition_whole_numbers(world: &dyn World) {
    let ids = [
        "-9223372036854775808",
        "-1000",
        "-10",
        "-9",
        "-1",
        "0",
        "1",
        "9",
        "10",
        "11",
        "99",
        "100",
        "5000000000",
        "9223372036854775807",
    ];
    let rows: Vec<_> = ids.iter().map(|id| [Some(*id), Some("x")]).collect();
    let rows: Vec<&[Option<&str>]> = rows.iter().map(|row| &row[..]).collect();
    for every in [1, 3, 14, 100] {
        partitioned(world, people(), &rows, every, None, &rows).await;
    }
}

/// Texts, in whatever order the engine has: cases mixed, blanks, quotes, accents, nothing at all.
pub async fn ranges_partition_texts(world: &dyn World) {
    let keys = [
        "", " ", "a", "A", "b", "B", "ab", "aB", "Ab", "a b", "a-b", "a_b", "é", "e", "E", "Z",
        "z", "10", "9", "it's", "\"", "\\", "ü", "日本", "😀", "~", "a ",
    ];
    let named = table("named", &[("code", TEXT), ("note", TEXT)], &["code"]);
    let rows: Vec<_> = keys.iter().map(|key| [Some(*key), None]).collect();
    let rows: Vec<&[Option<&str>]> = rows.iter().map(|row| &row[..]).collect();
    for every in [1, 4] {
        partitioned(world, named.clone(), &rows, every, None, &rows).await;
    }
}

/// Keys of several columns, whose first repeats across bounds.
pub async fn ranges_partition_composite_keys(world: &dyn World) {
    let marks =
        table("marks", &[("mark", TEXT), ("pupil", INT), ("exam", TEXT)], &["exam", "pupil"]);
    let mut cells = Vec::new();
    for exam in ["art", "Art", "maths"] {
        for pupil in ["-2", "1", "2", "10"] {
            cells.push([Some("A"), Some(pupil), Some(exam)]);
        }
    }
    let rows: Vec<&[Option<&str>]> = cells.iter().map(|row| &row[..]).collect();
    for every in [1, 3, 5] {
        partitioned(world, marks.clone(), &rows, every, None, &rows).await;
    }
}

/// Only rows that a filter chooses are counted between bounds, and read.
pub async fn ranges_respect_the_filter(world: &dyn World) {
    let ids: Vec<_> = (0..40).map(|id: i32| (id - 20).to_string()).collect();
    let name = |id: &str| if id.ends_with('3') { "chosen" } else { "other" };
    let rows: Vec<_> = ids.iter().map(|id| [Some(&**id), Some(name(id))]).collect();
    let rows: Vec<&[Option<&str>]> = rows.iter().map(|row| &row[..]).collect();
    let chosen: Vec<_> = rows.iter().copied().filter(|row| row[1] == Some("chosen")).collect();
    partitioned(world, people(), &rows, 2, Some("name = 'chosen'"), &chosen).await;
}

/// Nothing to cut: no bounds, and one open range that gives no rows.
pub async fn an_empty_table_has_no_bounds(world: &dyn World) {
    partitioned(world, people(), &[], 10, None, &[]).await;
}
