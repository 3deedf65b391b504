//! Where servers differ: MySQL 8 from MariaDB, older from newer. All in one place.

/// A server, as far as it matters which one it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Server {
    mariadb: bool,
    version: (u32, u32, u32),
}

impl Server {
    /// From what `VERSION()` says: `8.0.36`, `10.11.6-MariaDB-0+deb12u1`.
    pub(super) fn of(version: &str) -> Self {
        let digits = version.split(|c: char| !c.is_ascii_digit() && c != '.').next();
        let mut parts = digits.unwrap_or_default().split('.').map(|part| part.parse().unwrap_or(0));
        let mut next = || parts.next().unwrap_or(0);
        Self { mariadb: version.contains("MariaDB"), version: (next(), next(), next()) }
    }

    /// Compares byte by byte and takes blanks at the end for what they are, so that two keys are
    /// equal only when they are the same text: what other engines mean by unique.
    pub(super) fn collation(self) -> &'static str {
        if self.mariadb { "utf8mb4_nopad_bin" } else { "utf8mb4_0900_bin" }
    }

    /// Whether the diagnostics of a statement say which of its rows was refused.
    pub(super) fn counts_refused_rows(self) -> bool {
        self.mariadb && self.version >= (10, 7, 0)
    }

    /// Whether what a user was granted is listed with what the user's role was.
    pub(super) fn shows_rights_of_roles(self) -> bool {
        self.mariadb
    }

    /// Whether integers are listed with a width: `int(11)`.
    pub(super) fn lists_widths(self) -> bool {
        self.mariadb || self.version < (8, 0, 19)
    }

    /// Whether a column of type `json` keeps the text as it was written. MySQL keeps a tree.
    pub(super) fn json_keeps_text(self) -> bool {
        self.mariadb
    }

    /// Whether defaults are listed as SQL would spell them. MySQL lists a text without its quotes.
    pub(super) fn spells_defaults(self) -> bool {
        self.mariadb
    }

    /// Whether checks are listed with the name of their table.
    pub(super) fn names_tables_of_checks(self) -> bool {
        self.mariadb
    }

    /// Whether two tables cannot have checks of one name.
    pub(super) fn has_one_space_of_checks(self) -> bool {
        !self.mariadb
    }

    /// Whether a primary key can stand on a computed column, where that is stored.
    pub(super) fn has_computed_keys(self) -> bool {
        !self.mariadb
    }

    /// Ends statements of a session that take longer.
    pub(super) fn within(self, longest: std::time::Duration) -> String {
        match self.mariadb {
            true => format!("SET SESSION max_statement_time = {}", longest.as_secs()),
            false => format!("SET SESSION max_execution_time = {}", longest.as_millis()),
        }
    }

    /// Whether an index can stand on an expression.
    pub(super) fn has_index_expressions(self) -> bool {
        !self.mariadb && self.version >= (8, 0, 13)
    }

    /// Whether both are MySQL, or both MariaDB: what the one prints, the other reads.
    pub(super) fn is_alike(self, other: Self) -> bool {
        self.mariadb == other.mariadb
    }

    /// Whether it has sequences.
    pub(super) fn has_sequences(self) -> bool {
        self.mariadb
    }

    /// What is true of an index that the server keeps and does not use.
    pub(super) fn hides_indexes(self) -> &'static str {
        match self.mariadb {
            true if self.version >= (10, 6, 0) => "ignored = 'YES'",
            true => "0",
            false => "is_visible = 'NO'",
        }
    }

    /// Asks for the position in the log of changes; nothing where none is kept.
    pub(super) fn position(self) -> &'static str {
        if self.mariadb {
            "SELECT IF(@@log_bin, @@gtid_binlog_pos, '')"
        } else {
            "SELECT IF(@@log_bin, @@global.gtid_executed, '')"
        }
    }

    /// What only one of them can be told: no time limit for statements, statistics of now and not
    /// of yesterday, and an end for whoever falls silent inside a transaction after `idle` seconds.
    pub(super) fn settings(self, idle: Option<u32>) -> String {
        match (self.mariadb, idle) {
            (true, idle) => {
                let idle = idle.unwrap_or(0);
                format!(
                    "SET SESSION max_statement_time = 0, idle_transaction_timeout = {idle}, \
                     idle_write_transaction_timeout = {idle}"
                )
            }
            // Silence is all that MySQL can measure, inside a transaction or not.
            (false, Some(idle)) => format!(
                "SET SESSION max_execution_time = 0, information_schema_stats_expiry = 0, \
                 wait_timeout = {}",
                idle * 2
            ),
            (false, None) => "SET SESSION max_execution_time = 0, \
                 information_schema_stats_expiry = 0"
                .to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_known_by_its_version() {
        let maria = Server::of("10.11.6-MariaDB-0+deb12u1");
        assert_eq!((maria.mariadb, maria.version), (true, (10, 11, 6)));
        let mysql = Server::of("8.0.36-0ubuntu0.22.04.1");
        assert_eq!((mysql.mariadb, mysql.version), (false, (8, 0, 36)));
        assert!(mysql.has_index_expressions() && !maria.has_index_expressions());
        assert_eq!(Server::of("").version, (0, 0, 0));
    }
}
