//! What comes back is what was written: both lanes, every type, any name.

use protocol::batch::{Batch, Digest};
use protocol::fault::Code;
use protocol::plan::{Entity, Lane, Range};
use protocol::schema::Logical;

use super::World;
use super::scene::{self, Cells, INT, Scene, TEXT, batches, digest, expected, people, seen, table};
use crate::{Cut, Read};

/// Many rows, some NULL, some empty, some long.
fn crowd() -> Batch {
    let mut batch = Batch::default();
    for id in 0..500i32 {
        let name = match id % 5 {
            0 => None,
            1 => Some(String::new()),
            2 => Some("long ".repeat(40)),
            _ => Some(format!("n\t{id}\n\\ \"'é😀")),
        };
        let (id, name) = (id.to_string(), name.map(String::into_bytes));
        batch.push_row([Some(id.as_bytes()), name.as_deref()].into_iter());
    }
    batch
}

/// Reads slices back; they must be a partition. Returns the digest of all.
async fn sliced(scene: &Scene, entity: &Entity, of: u32) -> Digest {
    let mut sum = Digest::default();
    for index in 0..of {
        let rows = scene.database.target.read_back(entity, index, of, 4096).await.unwrap();
        sum = batches(rows).await.iter().map(digest).fold(sum, Digest::and);
    }
    sum
}

/// The slices of a reading back partition the table, however many there are, and their digest is
/// that of what was written.
pub async fn slices_partition_and_give_back_what_was_written(world: &dyn World) {
    let scene = Scene::ready(world, &[people()], 2).await;
    let (chunks, crowd) = (scene.copies(0), crowd());
    let (first, second) = (crowd.slice(0, 123), crowd.slice(123, 500));
    scene.copy_batches(0, &chunks[0], vec![first.slice(0, 1), first.slice(1, 123)]).await;
    scene.copy_batches(0, &chunks[1], vec![second]).await;
    for of in [1, 2, 7] {
        assert_eq!(sliced(&scene, scene.entity(0), of).await, digest(&crowd), "{of} slices");
    }
}

/// In the raw lane rows go from one database to another of its kind as bytes: what is read raw
/// there is what was read raw here, and both read alike as text.
pub async fn the_raw_lane_carries_every_row_as_it_was(world: &dyn World) {
    let from = Scene::ready(world, &[people()], 1).await;
    from.copy_batches(0, &from.copies(0)[0], vec![crowd()]).await;
    let raw = from.read(&from.reading(0, Lane::Raw).await).await;
    let read = raw.iter().map(digest).fold(Digest::default(), Digest::and);
    assert_eq!(read.rows, 500);

    let mut to = Scene::ready(world, &[people()], 1).await;
    to.plan.entities[0].lane = Lane::Raw;
    to.copy_batches(0, &to.copies(0)[0], raw).await;
    for of in [1, 3] {
        assert_eq!(sliced(&to, to.entity(0), of).await, read, "{of} raw slices");
    }
    let text = to.read(&to.reading(0, Lane::Text).await).await;
    assert_eq!(seen(&text), seen(&[crowd()]));
}

/// Types with values at their edges, in canonical text as an engine that has the type gives it back.
fn values() -> Vec<(&'static str, Logical, Vec<&'static str>)> {
    let decimal = Logical::Decimal { precision: Some(20), scale: Some(4) };
    let any = Logical::Decimal { precision: None, scale: None };
    vec![
        ("boolean", Logical::Boolean, vec!["t", "f"]),
        ("small", Logical::Integer { bits: 16 }, vec!["-32768", "32767"]),
        ("whole", Logical::Integer { bits: 32 }, vec!["-2147483648", "2147483647"]),
        ("big", INT, vec!["-9223372036854775808", "9223372036854775807"]),
        ("money", decimal, vec!["0.1000", "-1234567890123456.7890", "0.0000"]),
        ("number", any, vec!["0.1", "1.50", "123456789012345678901234567890.123456789"]),
        ("float", Logical::Float { bits: 64 }, vec!["0.1", "-1.5", "1e+300", "5e-324"]),
        ("single", Logical::Float { bits: 32 }, vec!["0.1", "-1.5"]),
        ("varchar", Logical::Text { length: Some(5) }, vec!["", "12345", "é😀日本x", "a  "]),
        ("char", Logical::Char { length: 4 }, vec!["ab", "abcd"]),
        ("date", Logical::Date, vec!["2024-02-29", "0001-01-01", "9999-12-31"]),
        ("time", Logical::Time, vec!["00:00:00", "23:59:59.999999"]),
        ("stamp", Logical::Timestamp, vec!["2024-02-29 12:30:00.25", "1969-12-31 23:59:59"]),
        ("zoned", Logical::TimestampWithZone, vec!["2024-02-29 12:30:00+00"]),
        ("uuid", Logical::Uuid, vec!["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]),
        ("json", Logical::Json, vec!["{\"b\":1,  \"a\":[1.0,null]}", "null", "\"x\""]),
        ("binary", Logical::Binary, vec!["", "\\x00", "ab\0cd", "it's"]),
        ("words", TEXT, vec!["\\.", "\\N", "NULL", "a\tb\r\nc", "\u{feff}bom", "'; --"]),
    ]
}

/// Values of every type that the engine has come back as they were written, in text and, through
/// the raw lane, from a second database.
pub async fn values_of_every_type_survive(world: &dyn World) {
    let types = values();
    let mut columns = vec![("id", INT)];
    columns.extend(types.iter().map(|(name, logical, _)| (*name, logical.clone())));
    let everything = table("everything", &columns, &["id"]);
    let from = Scene::ready(world, std::slice::from_ref(&everything), 1).await;
    // A type that the engine calls something else is the business of its own tests.
    let kept: Vec<bool> = columns
        .iter()
        .zip(&from.design.columns[0])
        .map(|((_, wanted), designed)| *wanted == designed.logical && designed.compared)
        .collect();
    let most = types.iter().map(|(_, _, values)| values.len()).max().unwrap_or(0);
    let ids: Vec<_> = (0..=most).map(|id| id.to_string()).collect();
    let mut rows = Vec::new();
    for (at, id) in ids.iter().enumerate() {
        let cell = |(place, (_, _, values)): (usize, &(_, _, Vec<&'static str>))| {
            values.get(at).copied().filter(|_| kept[place + 1])
        };
        let cells = types.iter().enumerate().map(cell);
        rows.push(std::iter::once(Some(&**id)).chain(cells).collect::<Vec<_>>());
    }
    let rows: Vec<&[Option<&str>]> = rows.iter().map(Vec::as_slice).collect();
    from.copy(0, &from.copies(0)[0], &rows).await;
    assert_eq!(from.rows(0).await, expected(&rows), "as the target gives it back");
    let read = from.reading(0, Lane::Text).await;
    assert_eq!(seen(&from.read(&read).await), expected(&rows), "as the source reads it");

    let raw = from.read(&Read { lane: Lane::Raw, ..read }).await;
    let mut to = Scene::ready(world, &[everything], 1).await;
    to.plan.entities[0].lane = Lane::Raw;
    to.copy_batches(0, &to.copies(0)[0], raw).await;
    let text = Entity { lane: Lane::Text, ..to.entity(0).clone() };
    let back = to.database.target.read_back(&text, 0, 1, 4096).await.unwrap();
    assert_eq!(seen(&batches(back).await), expected(&rows), "after the raw lane");
}

/// Names that look like SQL, or like each other, are names.
pub async fn hostile_names_are_names(world: &dyn World) {
    let database = world.fresh().await;
    let able = database.target.capabilities();
    let none = database.target.catalogue().await.unwrap();
    let names = [
        "select",
        "we\"ird; DROP TABLE x; --",
        "sélect ünï 😀",
        "it's",
        "a.b",
        "$1 %s ?1 :x @y",
        "back\\slash",
        " blanks ",
        "[brackets]",
        "`ticks`",
        "Case",
    ];
    let mut tables: Vec<_> = names.iter().map(|name| hostile(name)).collect();
    if !able.folds_case {
        tables.push(hostile("case"));
    }
    // An engine that cannot have a name says so; what it takes, it must take as it is.
    tables.retain(|table| {
        let wanted = scene::wanted(std::slice::from_ref(table), none.clone());
        match database.target.design(&wanted) {
            Err(fault) => {
                assert_eq!(fault.code(), Code::IdentifierUnfit, "{fault}");
                false
            }
            Ok(_) => true,
        }
    });
    assert!(tables.len() >= 9, "most names can be had");
    let scene = Scene::over(database, &tables, 1).await;
    let mut home = scene.home().await;
    home.install().await.unwrap();
    home.store(&scene.record(), &scene.plan).await.unwrap();
    for chunk in scene.steps() {
        scene.step(&chunk).await;
    }
    for (at, table) in tables.iter().enumerate() {
        let name = table.name.name.clone();
        let row = |id: &'static str| vec![Some(id), Some("\"; --"), Some(&*name), None];
        let rows: Cells<'_> = &[&row("1"), &row("2"), &row("3")];
        scene.copy(at, &scene.copies(at)[0], rows).await;
        assert_eq!(scene.rows(at).await, expected(rows), "{name}");
        let read = scene.reading(at, Lane::Text).await;
        assert_eq!(read.key, ["order", "a \"b\"; --"], "{name}");
        let cut = Cut {
            table: read.table.clone(),
            key: read.key.clone(),
            filter: None,
            rows: 1,
            about: None,
        };
        let bounds = scene.database.source.cut(&cut).await.unwrap();
        let [after, upto] = [bounds.first().cloned(), bounds.last().cloned()];
        let read = Read { range: Range { after, upto }, top: Some(5), ..read };
        assert_eq!(seen(&scene.read(&read).await), expected(&rows[1..2]), "{name}");
    }
}

fn hostile(name: &str) -> protocol::schema::Table {
    let columns = [("order", INT), ("a \"b\"; --", TEXT), ("Üñí 'c'", TEXT), ("group", TEXT)];
    let mut table = table(name, &columns, &["order", "a \"b\"; --"]);
    if let Some(key) = &mut table.primary_key {
        key.name = None;
    }
    table
}
