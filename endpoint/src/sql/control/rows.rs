//! Bookkeeping rows, from and to our own types.

use std::str::FromStr;

use protocol::clock::Instant;
use protocol::fault::{Code, Fault};
use protocol::id::{ChunkId, Environment, RunId, WorkerId};
use protocol::receipt::{Receipt, Reject};
use protocol::run::{Record, Steering};
use serde::de::DeserializeOwned;

use super::{Param, spell};

/// Columns of `run` in the order of [`record_params`], and but for `led` of [`record`].
pub(super) const RECORD: &str = "run, state, epoch, fingerprint, migration, from_environment, \
     to_environment, created, ended, drifted, counters, fleet, steering, held";

/// Columns of `receipt` in the order of [`receipt`].
pub(super) const RECEIPT: &str = "chunk, attempt, worker, tries, read_digest, written_digest, \
     filtered, rejected, bytes, policies, spent, started, finished";

/// Columns of `reject` and `sample` in the order of [`reject`] and [`reject_params`].
pub(super) const REJECT: &str = "chunk, row_key, column_name, reason, constraint_name";

/// One row as it came back. Cells are taken from the left.
pub(super) struct Cells(std::vec::IntoIter<Option<String>>);

impl Cells {
    pub(super) fn of(row: Vec<Option<String>>) -> Self {
        Self(row.into_iter())
    }

    fn maybe(&mut self) -> Option<String> {
        self.0.next().flatten()
    }

    pub(super) fn parse<T: FromStr>(&mut self) -> Result<T, Fault> {
        self.maybe().and_then(|text| text.parse().ok()).ok_or_else(damaged)
    }

    fn parse_maybe<T: FromStr>(&mut self) -> Result<Option<T>, Fault> {
        self.maybe().map(|text| text.parse().map_err(|_| damaged())).transpose()
    }

    pub(super) fn json<T: DeserializeOwned>(&mut self) -> Result<T, Fault> {
        let text = self.maybe().ok_or_else(damaged)?;
        serde_json::from_str(&text).map_err(|error| damaged().because(error))
    }
}

/// A cell of ours that does not read back: another hand, or another build, wrote it.
fn damaged() -> Fault {
    Fault::new(Code::PlanFormat, "Longhaul's own tables in the target")
}

pub(super) fn record(row: Vec<Option<String>>) -> Result<Record, Fault> {
    let mut cells = Cells::of(row);
    Ok(Record {
        run: cells.parse()?,
        state: cells.parse()?,
        epoch: cells.parse()?,
        fingerprint: cells.parse()?,
        migration: spell::read(cells.parse()?),
        from: Environment(cells.parse()?),
        to: Environment(cells.parse()?),
        created: Instant(cells.parse()?),
        ended: cells.parse_maybe()?.map(Instant),
        drifted: cells.parse::<i64>()? != 0,
        counters: cells.maybe().map(spell::read),
        fleet: cells.parse::<i64>()? != 0,
        steering: cells.json()?,
        held: cells.maybe(),
        // A clock that was set back has not seen the leader for no time at all.
        led_ms_ago: cells.parse_maybe::<i64>()?.map(|ago| u64::try_from(ago).unwrap_or(0)),
    })
}

/// `has_all` is whether the database has every character of it.
pub(super) fn record_params(record: &Record, has_all: bool) -> Vec<Param> {
    let keep = |text: &str| Param::Text(spell::keep(text, has_all));
    vec![
        Param::text(record.run),
        Param::text(record.state),
        Param::count(record.epoch),
        Param::text(&record.fingerprint),
        keep(&record.migration),
        Param::text(&record.from),
        Param::text(&record.to),
        Param::Int(record.created.0),
        record.ended.map_or(Param::Null, |ended| Param::Int(ended.0)),
        Param::Int(i64::from(record.drifted)),
        record.counters.as_deref().map_or(Param::Null, keep),
        Param::Int(i64::from(record.fleet)),
        Param::Text(steering(&record.steering)),
        Param::text_or_null(record.held.as_deref()),
    ]
}

/// As it is kept.
pub(super) fn steering(steering: &Steering) -> String {
    spell::json(steering)
}

pub(super) fn receipt(row: Vec<Option<String>>) -> Result<Receipt, Fault> {
    let mut cells = Cells::of(row);
    Ok(Receipt {
        chunk: ChunkId(cells.parse()?),
        attempt: cells.parse()?,
        worker: WorkerId(cells.parse()?),
        tries: cells.parse()?,
        read: cells.parse()?,
        written: cells.parse()?,
        filtered: cells.parse()?,
        rejected: cells.parse()?,
        bytes: cells.parse()?,
        policies: cells.json()?,
        spent: cells.json()?,
        started: Instant(cells.parse()?),
        finished: Instant(cells.parse()?),
    })
}

/// What completion writes: all but `chunk` and `attempt`, which say which receipt it is.
pub(super) fn receipt_params(receipt: &Receipt) -> Vec<Param> {
    vec![
        Param::text(&receipt.worker),
        Param::Int(i64::from(receipt.tries)),
        Param::text(receipt.read),
        Param::text(receipt.written),
        Param::count(receipt.filtered),
        Param::count(receipt.rejected),
        Param::count(receipt.bytes),
        Param::Text(spell::json(&receipt.policies)),
        Param::Text(spell::json(&receipt.spent)),
        Param::Int(receipt.started.0),
        Param::Int(receipt.finished.0),
    ]
}

pub(super) fn reject(row: Vec<Option<String>>) -> Result<Reject, Fault> {
    let mut cells = Cells::of(row);
    Ok(Reject {
        chunk: ChunkId(cells.parse()?),
        key: spell::read(cells.parse()?),
        column: cells.maybe(),
        reason: cells.parse()?,
        constraint: cells.maybe(),
    })
}

/// The run, then the columns of [`REJECT`]. `has_all` is whether the database has every character of it.
pub(super) fn reject_params(run: RunId, reject: &Reject, has_all: bool) -> Vec<Param> {
    vec![
        Param::text(run),
        Param::Int(i64::from(reject.chunk.0)),
        Param::Text(spell::keep(&reject.key, has_all)),
        Param::text_or_null(reject.column.as_deref()),
        Param::text(&reject.reason),
        Param::text_or_null(reject.constraint.as_deref()),
    ]
}

/// `($1, $2), ($3, $4)`: placeholders for so many rows of so many columns.
pub(super) fn placeholders(rows: usize, columns: usize) -> String {
    let row = |index: usize| {
        let cells: Vec<_> =
            (1..=columns).map(|column| format!("${}", index * columns + column)).collect();
        format!("({})", cells.join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}
