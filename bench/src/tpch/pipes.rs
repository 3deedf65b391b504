//! The baseline: raw COPY pipes, as a person who knows both servers would lay them.
//!
//! Tables go as binary COPY from one server session into another; nothing is looked at, counted
//! or proven. Keys are added as soon as their table is there, so that no core waits for the last
//! table. There are two lanes, and the biggest piece of work that may begin goes first.

use std::pin::pin;
use std::process::Stdio;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use clap::ValueEnum;
use futures_util::stream::FuturesUnordered;
use futures_util::{SinkExt as _, StreamExt as _, TryStreamExt as _};
use tokio::process::Command;
use tokio_postgres::Client;

use super::schema::{TABLES, Table};
use super::source::Source;
use crate::Result;
use crate::server::Server;

/// Pieces of work at a time.
const LANES: usize = 2;

/// The relay hands rows on in pieces of about so many bytes.
const PIECE_BYTES: usize = 64 * 1024;

/// Ways to lay the pipes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shape {
    /// In this process; one pipe per table.
    Relay,
    /// In this process; lineitem, two thirds of the bytes, in two halves.
    RelayHalved,
    /// `psql … | psql …`; one pipe per table.
    Psql,
    /// `psql … | psql …`; lineitem in two halves.
    PsqlHalved,
}

impl Shape {
    /// The word for it, as on the command line.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::RelayHalved => "relay-halved",
            Self::Psql => "psql",
            Self::PsqlHalved => "psql-halved",
        }
    }

    fn halved(self) -> bool {
        match self {
            Self::RelayHalved | Self::PsqlHalved => true,
            Self::Relay | Self::Psql => false,
        }
    }

    fn by_psql(self) -> bool {
        match self {
            Self::Psql | Self::PsqlHalved => true,
            Self::Relay | Self::RelayHalved => false,
        }
    }
}

/// Moves the source into an empty database, and returns how long it took.
///
/// # Errors
/// What either server says.
pub(crate) async fn lay(
    shape: Shape,
    server: &Server,
    source: &Source,
    target: &str,
    foreign_keys: bool,
) -> Result<Duration> {
    let begun = Instant::now();
    let pipes = Pipes { shape, from: server.url_of(&source.database), to: server.url_of(target) };
    let mut lanes = Vec::with_capacity(LANES);
    for _ in 0..LANES {
        let from = server.connect(&source.database).await?;
        lanes.push(Lane { from, to: server.connect(target).await? });
    }
    let bare: Vec<_> = TABLES.iter().map(Table::create).collect();
    lanes[0].to.batch_execute(&bare.join(";")).await?;
    pipes.drain(&lanes, pieces(shape, source)).await?;
    if foreign_keys {
        pipes.drain(&lanes, foreign_key_pieces(source)).await?;
    }
    Ok(begun.elapsed())
}

/// One piece of work.
struct Piece {
    work: Work,
    table: &'static str,
    /// About how long it takes, in pages of a table copied.
    weight: u64,
}

enum Work {
    /// What is read; it goes into the table.
    Copy(String),
    /// A statement in the target, once the table's rows are there.
    Key(String),
}

/// Every copy and every primary key.
fn pieces(shape: Shape, source: &Source) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (table, &pages) in TABLES.iter().zip(&source.pages) {
        let name = table.name;
        if shape.halved() && name == "lineitem" {
            // By address, and not by key: each half is then read straight through.
            for side in ["<", ">="] {
                let half = format!("(SELECT * FROM {name} WHERE ctid {side} '({},0)')", pages / 2);
                pieces.push(Piece { work: Work::Copy(half), table: name, weight: pages / 2 });
            }
        } else {
            pieces.push(Piece { work: Work::Copy(name.into()), table: name, weight: pages });
        }
        let work = Work::Key(table.add_key());
        pieces.push(Piece { work, table: name, weight: pages / 4 });
    }
    pieces
}

/// Every foreign key. They come last, since each needs two whole tables.
fn foreign_key_pieces(source: &Source) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (table, &weight) in TABLES.iter().zip(&source.pages) {
        for add in table.add_foreign_keys() {
            pieces.push(Piece { work: Work::Key(add), table: table.name, weight });
        }
    }
    pieces
}

/// The heaviest piece that may begin: a key waits for the copies of its table, those that wait
/// and those under way.
fn next(waiting: &mut Vec<Piece>, copying: &[&'static str]) -> Option<Piece> {
    let copies = |piece: &Piece, table| matches!(piece.work, Work::Copy(_)) && piece.table == table;
    let may_begin = |piece: &Piece| match &piece.work {
        Work::Copy(_) => true,
        Work::Key(_) => {
            !copying.contains(&piece.table) && !waiting.iter().any(|p| copies(p, piece.table))
        }
    };
    let (at, _) = waiting
        .iter()
        .enumerate()
        .filter(|(_, piece)| may_begin(piece))
        .max_by_key(|(_, piece)| piece.weight)?;
    Some(waiting.swap_remove(at))
}

/// Two sessions that work on one piece at a time.
struct Lane {
    from: Client,
    to: Client,
}

struct Pipes {
    shape: Shape,
    from: String,
    to: String,
}

impl Pipes {
    /// Carries out all pieces on the lanes.
    async fn drain(&self, lanes: &[Lane], mut waiting: Vec<Piece>) -> Result<()> {
        let mut idle: Vec<_> = lanes.iter().collect();
        let mut copying = Vec::new();
        let mut running = FuturesUnordered::new();
        loop {
            while let Some(lane) = idle.pop() {
                let Some(piece) = next(&mut waiting, &copying) else {
                    idle.push(lane);
                    break;
                };
                if matches!(piece.work, Work::Copy(_)) {
                    copying.push(piece.table);
                }
                running.push(self.carry(lane, piece));
            }
            let Some(done) = running.next().await else { break };
            let (lane, copied) = done?;
            idle.push(lane);
            if let Some(at) = copying.iter().position(|table| Some(*table) == copied) {
                copying.swap_remove(at);
            }
        }
        Ok(())
    }

    /// Does one piece, and returns its lane, and the table where rows were copied.
    async fn carry<'a>(
        &self,
        lane: &'a Lane,
        piece: Piece,
    ) -> Result<(&'a Lane, Option<&'static str>)> {
        let what = match piece.work {
            Work::Key(statement) => {
                lane.to.batch_execute(&statement).await?;
                return Ok((lane, None));
            }
            Work::Copy(what) => what,
        };
        let read = format!("COPY {what} TO STDOUT (FORMAT binary)");
        let write = format!("COPY {} FROM STDIN (FORMAT binary)", piece.table);
        if self.shape.by_psql() {
            self.psql(&read, &write).await?;
        } else {
            relay(lane, &read, &write).await?;
        }
        Ok((lane, Some(piece.table)))
    }

    async fn psql(&self, read: &str, write: &str) -> Result<()> {
        let psql = |url: &str, statement: &str| {
            let mut command = Command::new("psql");
            command.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", statement]);
            command.kill_on_drop(true);
            command
        };
        let mut reader = psql(&self.from, read).stdout(Stdio::piped()).spawn()?;
        let rows = reader.stdout.take().expect("it was asked for");
        let rows: Stdio = rows.try_into()?;
        let mut writer = psql(&self.to, write).stdin(rows).spawn()?;
        if reader.wait().await?.success() && writer.wait().await?.success() {
            return Ok(());
        }
        Err("a pipe of psql broke".into())
    }
}

async fn relay(lane: &Lane, read: &str, write: &str) -> Result<()> {
    let mut rows = pin!(lane.from.copy_out(read).await?);
    let mut sink = pin!(lane.to.copy_in::<_, Bytes>(write).await?);
    let mut piece = BytesMut::with_capacity(2 * PIECE_BYTES);
    // The server sends a message per row; fewer and longer ones are cheaper to take.
    while let Some(row) = rows.try_next().await? {
        piece.extend_from_slice(&row);
        if piece.len() >= PIECE_BYTES {
            sink.feed(piece.split().freeze()).await?;
            piece.reserve(2 * PIECE_BYTES);
        }
    }
    sink.feed(piece.freeze()).await?;
    sink.finish().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(work: Work, weight: u64) -> Piece {
        Piece { work, table: "orders", weight }
    }

    #[test]
    fn a_key_waits_for_every_copy_of_its_table() {
        let mut waiting = vec![
            piece(Work::Key("key".into()), 9),
            piece(Work::Copy("one half".into()), 1),
            piece(Work::Copy("the other".into()), 2),
        ];
        let first = next(&mut waiting, &[]).expect("a copy may begin");
        assert_eq!(first.weight, 2, "the heavier copy first");
        let second = next(&mut waiting, &["orders"]).expect("a copy may begin");
        assert_eq!(second.weight, 1);
        assert!(next(&mut waiting, &["orders", "orders"]).is_none());
        assert!(next(&mut waiting, &["orders"]).is_none());
        assert!(next(&mut waiting, &[]).is_some());
    }
}
