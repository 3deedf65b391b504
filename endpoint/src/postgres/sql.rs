//! The bookkeeping's view of a PostgreSQL connection.

use async_trait::async_trait;
use bytes::BytesMut;
use protocol::fault::Fault;
use protocol::id::RunId;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use super::connect::Link;
use crate::sql::control::{Dialect, PLAIN, Param, Sql};

/// Where PostgreSQL differs: a schema of our own, and gates that are advisory locks.
pub(super) const DIALECT: Dialect = Dialect {
    prefix: "longhaul.",
    // Asked first, because `IF NOT EXISTS` wants the right to create even where nothing is missing.
    schema: Some(
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'longhaul') \
         THEN CREATE SCHEMA longhaul; END IF; END $$",
    ),
    lacks_characters: Some(
        "SELECT 1::bigint WHERE current_setting('server_encoding') NOT IN ('UTF8', 'SQL_ASCII')",
    ),
    installed: "SELECT to_regclass('longhaul.meta')::text",
    tables: "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = 'longhaul' AND c.relkind = 'r'",
    install_lock: Some("SELECT pg_advisory_xact_lock(7811889142345236992)"),
    begin: "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
    now: "(extract(epoch FROM clock_timestamp()) * 1000)::bigint",
    durable: Some("SET LOCAL synchronous_commit = on"),
    gate_shared: Some(gate_shared),
    gate_exclusive: Some(gate_exclusive),
    lock_row: " FOR UPDATE",
    integer: "bigint",
    folds_case: false,
    made_of: PLAIN,
};

pub(super) fn gate_shared(run: RunId) -> String {
    format!("SELECT pg_advisory_xact_lock_shared({})", lock_key(run, Purpose::Gate))
}

fn gate_exclusive(run: RunId) -> String {
    format!("SELECT pg_advisory_xact_lock({})", lock_key(run, Purpose::Gate))
}

/// What an advisory lock is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// The gate of a run.
    Gate,
    /// The step of a chunk.
    Step(u32),
}

/// The number of a lock: the random part of the run's id, so that two runs hardly ever share one,
/// and if they do, they only wait for each other.
pub(super) fn lock_key(run: RunId, purpose: Purpose) -> i64 {
    let (high, low) = run.0.as_u64_pair();
    let key = high.rotate_left(32) ^ low;
    let salt = match purpose {
        Purpose::Gate => 0,
        // Spread over all bits, by the golden ratio.
        Purpose::Step(chunk) => (u64::from(chunk) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15),
    };
    (key ^ salt).cast_signed()
}

/// A connection that speaks to the bookkeeping tables, and asks most things once.
pub(super) struct Bookkeeping(pub(super) Link);

/// The same view of a connection that has another owner.
#[derive(Clone, Copy)]
pub(super) struct Once<'a>(pub(super) &'a Link);

#[async_trait]
impl Sql for Bookkeeping {
    async fn execute(&mut self, sql: &str, params: &[Param]) -> Result<u64, Fault> {
        Once(&self.0).execute(sql, params).await
    }

    async fn query(
        &mut self,
        sql: &str,
        params: &[Param],
    ) -> Result<Vec<Vec<Option<String>>>, Fault> {
        Once(&self.0).query(sql, params).await
    }

    async fn batch(&mut self, sql: &str) -> Result<(), Fault> {
        self.0.batch(sql).await
    }
}

#[async_trait]
impl Sql for Once<'_> {
    async fn execute(&mut self, sql: &str, params: &[Param]) -> Result<u64, Fault> {
        let bound: Vec<_> = params.iter().map(bound).collect();
        self.0.client.execute_typed(sql, &bound).await.map_err(|error| self.0.fault(&error))
    }

    async fn query(
        &mut self,
        sql: &str,
        params: &[Param],
    ) -> Result<Vec<Vec<Option<String>>>, Fault> {
        let bound: Vec<_> = params.iter().map(bound).collect();
        let rows = self.0.client.query_typed(sql, &bound).await;
        Ok(rows.map_err(|error| self.0.fault(&error))?.iter().map(texts).collect())
    }

    async fn batch(&mut self, sql: &str) -> Result<(), Fault> {
        self.0.batch(sql).await
    }
}

/// The same view of a connection that asks the same things chunk after chunk: the server keeps what
/// it understood of each statement, so that asking again costs it neither parsing nor planning.
///
/// Two of these over one connection send side by side: what is polled first is done first.
#[derive(Clone, Copy)]
pub(super) struct Often<'a>(pub(super) &'a Link);

#[async_trait]
impl Sql for Often<'_> {
    async fn execute(&mut self, sql: &str, params: &[Param]) -> Result<u64, Fault> {
        let (values, types): (Vec<_>, Vec<_>) = params.iter().map(bound).unzip();
        let statement = self.0.prepared(sql, &types).await?;
        self.0.client.execute(&*statement, &values).await.map_err(|error| self.0.fault(&error))
    }

    async fn query(
        &mut self,
        sql: &str,
        params: &[Param],
    ) -> Result<Vec<Vec<Option<String>>>, Fault> {
        let (values, types): (Vec<_>, Vec<_>) = params.iter().map(bound).unzip();
        let statement = self.0.prepared(sql, &types).await?;
        let rows = self.0.client.query(&*statement, &values).await;
        Ok(rows.map_err(|error| self.0.fault(&error))?.iter().map(texts).collect())
    }

    async fn batch(&mut self, sql: &str) -> Result<(), Fault> {
        self.0.batch(sql).await
    }
}

/// NULL, whatever the column.
#[derive(Debug)]
struct Nothing;

impl ToSql for Nothing {
    fn to_sql(
        &self,
        _: &Type,
        _: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        Ok(IsNull::Yes)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// A parameter as the driver wants it. NULL is sent without a type for the server to infer.
fn bound(param: &Param) -> (&(dyn ToSql + Sync), Type) {
    match param {
        Param::Text(text) => (text, Type::TEXT),
        Param::Int(number) => (number, Type::INT8),
        Param::Null => (&Nothing, Type::UNKNOWN),
    }
}

fn texts(row: &tokio_postgres::Row) -> Vec<Option<String>> {
    (0..row.len()).map(|at| text(row, at)).collect()
}

/// A cell as text; the tables hold text and 64-bit integers only.
fn text(row: &tokio_postgres::Row, at: usize) -> Option<String> {
    match *row.columns()[at].type_() {
        Type::INT8 => row.get::<_, Option<i64>>(at).map(|number| number.to_string()),
        _ => row.get(at),
    }
}
