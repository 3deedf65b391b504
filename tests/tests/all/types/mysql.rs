//! Values of PostgreSQL and cells of SQLite in MySQL, as MySQL itself prints them.

use std::collections::BTreeMap;

use tests::command::between;
use tests::mysql::Mysql;
use tests::scratch::{Database, Folder};

use super::sqlite::{Becomes, DECLARED};
use super::{MORTAL, SPREAD, TRIMMED, carry, read_postgres, sorts, source, sqlite_source};

/// Whether MySQL has no place for a value: its numbers know no NaN, no infinity, no negative zero and
/// 65 digits at most, its dates end with the year 9999, and its instants with 2038.
fn is_beyond(native: &str, printed: &str) -> bool {
    let number = native.starts_with("numeric") && !native.ends_with(']')
        || ["real", "double precision", "positive"].contains(&native);
    let dated = matches!(native, "date" | "timestamp" | "timestamptz" | "timestamp(3)");
    let digits = printed.trim_start_matches('-');
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if number {
        let unbounded = native == "numeric" || native == "numeric(1000,500)";
        let long = whole.len() > 35 || fraction.trim_end_matches('0').len() > 30;
        return ["NaN", "Infinity", "-Infinity", "-0"].contains(&printed) || unbounded && long;
    }
    let year = printed.split('-').next().and_then(|year| year.parse::<u32>().ok());
    let within = year.is_some_and(|year| match native {
        "timestamptz" => (1970..2038).contains(&year),
        _ => year <= 9999,
    });
    dated && (!within || printed.ends_with("BC"))
}

/// Whether a cell of MySQL means what PostgreSQL printed.
fn means(native: &str, printed: &str, cell: &[u8]) -> bool {
    if native == "bytea" {
        let hex: String = cell.iter().map(|byte| format!("{byte:02x}")).collect();
        return printed.strip_prefix(r"\x") == Some(&hex);
    }
    let bits = || cell.iter().fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
    if native == "bit(4)" || native == "bit" {
        return u64::from_str_radix(printed, 2) == Ok(bits());
    }
    let Ok(text) = std::str::from_utf8(cell) else { return false };
    // As many digits as the column keeps, and no more than the value has.
    let short = |text: &str| match text.split_once('.') {
        Some(_) => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        None => text.to_owned(),
    };
    match native {
        "boolean" => (printed == "t") == (text == "1"),
        "real" => text.parse::<f64>().map(|n| n as f32) == printed.parse::<f32>(),
        "double precision" => text.parse::<f64>() == printed.parse::<f64>(),
        "time" | "time(0)" | "timestamp" | "timestamp(3)" | "positive" => {
            short(text) == short(printed)
        }
        "timestamptz" => Some(short(text).as_str()) == printed.strip_suffix("+00"),
        _ if native.starts_with("numeric") && !native.ends_with(']') => {
            short(text) == short(printed)
        }
        _ => text == printed,
    }
}

#[tokio::test]
async fn every_type_goes_from_postgresql_to_mysql_or_is_refused_by_name() {
    let first = Database::new().await;
    let sorts = sorts(&first.client().await).await;
    let (from, client) = source(&sorts, false, "").await;
    let (to, folder) = (Mysql::new().await, Folder::new());
    let said = between(MORTAL, folder.path(), "run", &from.url(), &to.url());
    assert_eq!(said.code, Some(4), "{said}");
    let report = said.json();
    assert_eq!(report["verdict"], "verified", "{said}");
    let reject = |reject: &serde_json::Value| {
        let key = reject["key"].as_str().unwrap().parse().unwrap();
        (key, reject["reason"].as_str().unwrap().to_owned())
    };
    let rejects: BTreeMap<i64, String> =
        report["rejects"].as_array().unwrap().iter().map(reject).collect();

    let mut arrived = BTreeMap::new();
    for (n, (native, _)) in sorts.iter().enumerate() {
        let value = if ["real", "double precision"].contains(native) { "v * 1e0" } else { "v" };
        for mut row in to.cells(&format!("SELECT id, {value} FROM t{n}")).await {
            let id = String::from_utf8(row.remove(0).unwrap()).unwrap().parse::<i64>().unwrap();
            arrived.insert(id, row.remove(0));
        }
    }
    for (id, printed) in read_postgres(&client, &sorts, TRIMMED).await {
        let native = sorts[usize::try_from(id).unwrap() / SPREAD].0;
        let beyond = printed.as_deref().is_some_and(|printed| is_beyond(native, printed));
        match (rejects.get(&id), arrived.get(&id)) {
            (Some(reason), None) => {
                assert!(beyond, "{native} {id}: {printed:.80?} is refused as {reason}");
                let known = ["not_finite", "negative_zero", "out_of_range", "too_precise"];
                assert!(known.contains(&reason.as_str()), "{native} {id}: {reason}");
            }
            (None, Some(cell)) => {
                let same = match (&printed, cell) {
                    (None, None) => true,
                    (Some(printed), Some(cell)) => means(native, printed, cell),
                    (Some(_), None) | (None, Some(_)) => false,
                };
                let shown = cell.as_deref().map(String::from_utf8_lossy);
                assert!(same && !beyond, "{native} {id}: {printed:.80?} became {shown:.80?}");
            }
            other => panic!("{native} {id}: {printed:.80?} is {other:.80?}"),
        }
    }
}

/// What MySQL makes of a cell of SQLite other than PostgreSQL does: it has no infinity and no dates
/// before our era, and it does have NUL in texts.
fn becomes(declared: &str, cell: &str, there: &Becomes) -> Result<String, String> {
    match (declared, cell, there) {
        ("DATE", _, Becomes::Text("infinity")) => Err("not_finite".into()),
        ("DATE", _, Becomes::Text("0044-03-15 BC")) => Err("out_of_range".into()),
        ("REAL" | "NUMERIC", _, Becomes::Text("Infinity" | "-Infinity")) => {
            Err("not_finite".into())
        }
        (_, _, Becomes::Refused("nul_in_text")) => Ok("a\0b".into()),
        (_, _, Becomes::Text(text)) => Ok((*text).to_owned()),
        (_, _, Becomes::Refused(reason)) => Err((*reason).to_owned()),
    }
}

/// Whether MySQL printed what was to arrive, by the declared type.
fn is_there(declared: &str, expected: &str, cell: &[u8]) -> bool {
    if declared == "BLOB" {
        let hex: String = cell.iter().map(|byte| format!("{byte:02x}")).collect();
        return expected.strip_prefix(r"\x") == Some(&hex);
    }
    let Ok(text) = std::str::from_utf8(cell) else { return false };
    match declared {
        "REAL" | "NUMERIC" | "NUMERIC(10,2)" | "MONEY" => {
            text.parse::<f64>().ok() == expected.parse::<f64>().ok()
        }
        "BOOLEAN" => (expected == "t") == (text == "1"),
        "DATETIME" | "TIMESTAMPTZ" | "TIME" => {
            let expected = expected.trim_end_matches("+00");
            let more = text.strip_prefix(expected);
            more.is_some_and(|more| more.trim_start_matches('.').bytes().all(|byte| byte == b'0'))
        }
        _ => text == expected,
    }
}

#[tokio::test]
async fn every_storage_class_goes_from_sqlite_to_mysql_or_is_refused_by_name() {
    let (folder, to) = (Folder::new(), Mysql::new().await);
    sqlite_source(&folder.path().join("from.db"), "");
    let (mut arriving, mut refused) = (BTreeMap::new(), BTreeMap::new());
    for (n, (declared, cells)) in DECLARED.iter().enumerate() {
        for (i, (cell, there)) in cells.iter().enumerate() {
            let id = (n * SPREAD + i) as i64;
            match becomes(declared, cell, there) {
                Ok(text) => drop(arriving.insert(id, text)),
                Err(reason) => drop(refused.insert(id, reason)),
            }
        }
    }
    carry(&folder, &folder.sqlite("from.db"), &to.url(), &refused);
    let mut found = 0;
    for (n, (declared, _)) in DECLARED.iter().enumerate() {
        let rows = to.cells(&format!("SELECT id, v FROM t{n} WHERE v IS NOT NULL")).await;
        for mut row in rows {
            let id = String::from_utf8(row.remove(0).unwrap()).unwrap().parse::<i64>().unwrap();
            let cell = row.remove(0).unwrap();
            let there = arriving.get(&id).is_some_and(|text| is_there(declared, text, &cell));
            let shown = String::from_utf8_lossy(&cell);
            assert!(there, "{declared} {id}: {:?} became {shown:.80?}", arriving.get(&id));
            found += 1;
        }
    }
    assert_eq!(found, arriving.len(), "cells that did not arrive");
}
