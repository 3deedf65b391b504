//! The bookkeeping's view of a MySQL connection.

use async_trait::async_trait;
use mysql_async::{Params, Value};
use protocol::fault::Fault;
use protocol::id::RunId;

use super::connect::Link;
use super::faults;
use crate::sql::control::{Dialect, Made, Param, Sql};

/// What our own tables begin with: MySQL's schemas are databases, and ours is the one we were given.
pub(super) const OURS: &str = "longhaul_";

/// Where MySQL differs. The gate of a run is the first row of its plan: like every row of a plan it
/// is never changed, and nothing else locks it.
pub(super) const DIALECT: Dialect = Dialect {
    prefix: OURS,
    schema: None,
    lacks_characters: None,
    installed: "SELECT table_name FROM information_schema.tables \
         WHERE table_schema = DATABASE() AND table_name = 'longhaul_meta'",
    tables: "SELECT table_name FROM information_schema.tables \
         WHERE table_schema = DATABASE() AND table_name LIKE 'longhaul\\_%'",
    install_lock: None,
    begin: "START TRANSACTION",
    now: "CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)",
    durable: None,
    gate_shared: Some(gate_shared),
    gate_exclusive: Some(gate_exclusive),
    lock_row: " FOR UPDATE",
    integer: "signed",
    folds_case: true,
    made_of: Made {
        word: "varchar(300)",
        text: "longtext",
        tail: " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
        more: &[
            // Statements that change the catalogue commit by themselves, so what was begun is noted
            // before: what then stands there is known to be ours.
            (
                "step",
                "run varchar(300) NOT NULL, chunk bigint NOT NULL, statement bigint NOT NULL, \
                 PRIMARY KEY (run, chunk, statement)",
            ),
            // Sessions by their labels, which the server's own list does not know.
            (
                "session",
                "run varchar(300) NOT NULL, id bigint NOT NULL PRIMARY KEY, \
                 label varchar(300) NOT NULL, seen varchar(300) NOT NULL",
            ),
        ],
    },
};

fn gate_shared(run: RunId) -> String {
    format!("SELECT chunk FROM longhaul_plan WHERE run = '{run}' AND chunk = 0 LOCK IN SHARE MODE")
}

fn gate_exclusive(run: RunId) -> String {
    format!("SELECT chunk FROM longhaul_plan WHERE run = '{run}' AND chunk = 0 FOR UPDATE")
}

/// A connection that speaks to the bookkeeping tables.
pub(super) struct Bookkeeping(pub(super) Link);

#[async_trait]
impl Sql for Bookkeeping {
    async fn execute(&mut self, sql: &str, params: &[Param]) -> Result<u64, Fault> {
        let (sql, params) = bound(sql, params);
        self.0.execute(&sql, params).await
    }

    async fn query(
        &mut self,
        sql: &str,
        params: &[Param],
    ) -> Result<Vec<Vec<Option<String>>>, Fault> {
        let (sql, params) = bound(sql, params);
        self.0.select(&sql, params).await
    }

    async fn batch(&mut self, sql: &str) -> Result<(), Fault> {
        for statement in sql.split(";\n") {
            self.0.run(statement).await?;
        }
        Ok(())
    }

    /// A key that is there is an error of this statement alone; the transaction goes on.
    async fn insert_new(
        &mut self,
        insert: &str,
        _key: &str,
        params: &[Param],
    ) -> Result<bool, Fault> {
        match self.execute(insert, params).await {
            Ok(_) => Ok(true),
            Err(fault) if fault.named().is_some_and(|n| n.code == faults::DUPLICATE) => Ok(false),
            Err(fault) => Err(fault),
        }
    }
}

/// The statement with `?` for each `$n`, and the parameters in the order in which they stand.
fn bound(sql: &str, params: &[Param]) -> (String, Params) {
    let mut parts = sql.split('$');
    let mut statement = parts.next().unwrap_or_default().to_owned();
    let mut values = Vec::new();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let index = part[..digits].parse::<usize>().unwrap_or(0);
        values.push(index.checked_sub(1).and_then(|at| params.get(at)).map_or(Value::NULL, value));
        statement.push('?');
        statement.push_str(&part[digits..]);
    }
    let params = if values.is_empty() { Params::Empty } else { Params::Positional(values) };
    (statement, params)
}

fn value(param: &Param) -> Value {
    match param {
        Param::Text(text) => Value::Bytes(text.clone().into_bytes()),
        Param::Int(number) => Value::Int(*number),
        Param::Null => Value::NULL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_come_in_the_order_in_which_they_stand() {
        let params = [Param::Text("a".into()), Param::Int(2)];
        let (sql, bound) = bound("UPDATE t SET run = $2 WHERE entity = $1 AND run <> $2", &params);
        assert_eq!(sql, "UPDATE t SET run = ? WHERE entity = ? AND run <> ?");
        let two = || Value::Int(2);
        assert_eq!(bound, Params::Positional(vec![two(), Value::Bytes(b"a".to_vec()), two()]));
    }
}
