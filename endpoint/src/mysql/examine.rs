//! A look at a server before work begins.

use std::collections::BTreeMap;

use protocol::fault::Fault;
use protocol::finding::Finding;

use super::MySql;
use super::connect::Duty;
use super::rights;

/// What a database is looked at for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It is read.
    Source,
    /// It is written.
    Target,
}

/// Settings of the server, whatever our sessions change for themselves.
const SETTINGS: &str = "\
    SHOW GLOBAL VARIABLES WHERE variable_name IN ('version', 'read_only', 'local_infile', \
     'max_allowed_packet', 'innodb_flush_log_at_trx_commit', 'max_connections')";

/// What of a session's own says how it is encrypted, and how many there are.
const STATUS: &str = "\
    SHOW STATUS WHERE variable_name IN ('Ssl_cipher', 'Threads_connected')";

/// Packets below this make large rows a matter of luck.
const PACKET_BYTES: u64 = 16 << 20;

/// Connections that should be left.
const FREE_CONNECTIONS: u64 = 10;

/// Whether the user may read all of the database: a fact of ours among those of the server.
const READS_ALL: &str = "reads all";

type Facts = BTreeMap<String, String>;

impl MySql {
    /// What there is to say of this database in that role. That it cannot be looked at is a finding,
    /// too.
    pub(super) async fn look(&self, role: Role) -> Vec<Finding> {
        match self.facts().await {
            Ok(facts) => findings(&facts, self.door.is_local(), role),
            Err(fault) => vec![Finding::fail("answer", fault.to_string(), fault.advice())],
        }
    }

    async fn facts(&self) -> Result<Facts, Fault> {
        let mut link = self.door.open("longhaul:examine", Duty::Read).await?;
        let mut facts = Facts::new();
        for query in [SETTINGS, STATUS] {
            for row in link.query(query).await? {
                let mut cells = row.into_iter().map(Option::unwrap_or_default);
                let name = cells.next().unwrap_or_default().to_lowercase();
                facts.insert(name, cells.next().unwrap_or_default());
            }
        }
        let database = link.one("SELECT DATABASE()").await?.unwrap_or_default();
        let grants = rights::grants(&mut link).await?;
        let reads = rights::reads_all(&grants, &database);
        facts.insert(READS_ALL.to_owned(), if reads { "yes" } else { "no" }.to_owned());
        Ok(facts)
    }
}

fn findings(facts: &Facts, local: bool, role: Role) -> Vec<Finding> {
    let fact = |name: &str| facts.get(name).map_or("", String::as_str);
    let number = |name: &str| fact(name).parse::<u64>().unwrap_or(0);
    let mut found = vec![Finding::ok("version", fact("version"))];
    found.push(match (fact("ssl_cipher"), local) {
        ("", true) => Finding::ok("encryption", "none, and no byte leaves this machine"),
        ("", false) => Finding::warn(
            "encryption",
            "none, and rows travel in the open",
            "Leave `tls` out, or give it `{ verify: full }`.",
        ),
        (cipher, _) => Finding::ok("encryption", cipher),
    });
    let free = number("max_connections").saturating_sub(number("threads_connected"));
    found.push(if free < FREE_CONNECTIONS {
        let said = format!("{free} are left");
        Finding::warn("max_connections", said, "Raise it, or lower the number of workers.")
    } else {
        Finding::ok("max_connections", format!("{free} are left"))
    });
    match role {
        Role::Target => found.extend(of_target(&fact, &number)),
        Role::Source if fact(READS_ALL) == "no" => found.push(Finding::warn(
            "rights",
            rights::HIDDEN,
            "Grant the user SELECT on the whole database, or name the entities in the migration file.",
        )),
        Role::Source => found.push(Finding::ok("rights", "all of the database may be read")),
    }
    found
}

fn of_target<'a>(fact: &dyn Fn(&str) -> &'a str, number: &dyn Fn(&str) -> u64) -> Vec<Finding> {
    let packet = number("max_allowed_packet");
    vec![
        match fact("read_only") {
            "OFF" | "0" => Finding::ok("read_only", "off"),
            _ => Finding::fail(
                "read_only",
                "on: the server only reads",
                "Connect to the primary server.",
            ),
        },
        match fact("local_infile") {
            "ON" | "1" => Finding::ok("local_infile", "on"),
            _ => Finding::warn(
                "local_infile",
                "off: rows are written by INSERT, which is slower",
                "Set local_infile = 1 for the time of the migration.",
            ),
        },
        if packet < PACKET_BYTES {
            let said = format!("{packet} bytes: a larger row is refused");
            Finding::warn("max_allowed_packet", said, "Raise it above the largest row.")
        } else {
            Finding::ok("max_allowed_packet", format!("{packet} bytes"))
        },
        match fact("innodb_flush_log_at_trx_commit") {
            "1" => Finding::ok("innodb_flush_log_at_trx_commit", "every commit is kept"),
            _ => Finding::warn(
                "innodb_flush_log_at_trx_commit",
                "a crash of the server may take the last commits, rows and receipts together",
                "Set it to 1, or resume the run after a crash.",
            ),
        },
    ]
}

#[cfg(test)]
mod tests {
    use protocol::finding::Level;

    use super::*;

    fn levels(changes: &[(&str, &str)], local: bool) -> BTreeMap<&'static str, Level> {
        let plain = [
            ("version", "8.0.36"),
            ("ssl_cipher", "TLS_AES_256_GCM_SHA384"),
            ("max_connections", "151"),
            ("threads_connected", "3"),
            ("read_only", "OFF"),
            ("local_infile", "ON"),
            ("max_allowed_packet", "67108864"),
            ("innodb_flush_log_at_trx_commit", "1"),
        ];
        let pairs = plain.iter().chain(changes);
        let facts = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let found = findings(&facts, local, Role::Target);
        found.into_iter().map(|finding| (finding.topic, finding.level)).collect()
    }

    #[test]
    fn a_server_that_is_as_it_should_be_is_said_to_be() {
        assert!(levels(&[], false).values().all(|level| *level == Level::Ok));
        assert!(levels(&[("ssl_cipher", "")], true).values().all(|level| *level == Level::Ok));
    }

    #[test]
    fn a_source_that_may_hide_tables_is_not_called_good() {
        let of = |reads: &str| {
            let facts = Facts::from([(READS_ALL.to_owned(), reads.to_owned())]);
            let found = findings(&facts, true, Role::Source);
            found.iter().find(|one| one.topic == "rights").map(|one| one.level)
        };
        assert_eq!(of("no"), Some(Level::Warn));
        assert_eq!(of("yes"), Some(Level::Ok));
    }

    #[test]
    fn what_is_not_good_is_named() {
        for (name, value, level) in [
            ("ssl_cipher", "", Level::Warn),
            ("threads_connected", "150", Level::Warn),
            ("read_only", "ON", Level::Fail),
            ("local_infile", "OFF", Level::Warn),
            ("max_allowed_packet", "1048576", Level::Warn),
            ("innodb_flush_log_at_trx_commit", "2", Level::Warn),
        ] {
            let topic = match name {
                "ssl_cipher" => "encryption",
                "threads_connected" => "max_connections",
                other => other,
            };
            assert_eq!(levels(&[(name, value)], false)[topic], level, "{name}");
        }
    }
}
