//! The table of fault codes: one row each, and everything that is known about it.

use std::fmt;
use std::str::FromStr;

use super::Class;

macro_rules! codes {
    ($($variant:ident $slug:literal $class:ident exit $exit:literal
        title $title:literal
        advice $advice:literal
        about $about:literal)*) => {
        /// What went wrong, by a stable name. `longhaul explain CODE` tells more about each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $title] $variant,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The stable name.
            pub fn slug(self) -> &'static str {
                match self { $(Self::$variant => $slug,)* }
            }

            /// What kind of trouble it is.
            pub fn class(self) -> Class {
                match self { $(Self::$variant => Class::$class,)* }
            }

            /// The exit code of a command that ends with it.
            pub fn exit(self) -> u8 {
                match self { $(Self::$variant => $exit,)* }
            }

            /// What happened, in a lower-case fragment.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// What to do next, in a sentence.
            pub fn advice(self) -> &'static str {
                match self { $(Self::$variant => $advice,)* }
            }

            /// Why it happens and what was left untouched: the page of `longhaul explain`.
            pub fn about(self) -> &'static str {
                match self { $(Self::$variant => $about,)* }
            }
        }
    };
}

codes! {
    Usage "usage" Fatal exit 2
        title "invalid arguments"
        advice "Run the command with `--help`."
        about "An argument is missing, or two exclude each other. Nothing was opened or written."
    ConfigUnreadable "config-unreadable" Fatal exit 2
        title "a file cannot be read"
        advice "Check the path and its permissions."
        about "The migration file, plan or secret file cannot be opened. Nothing was written."
    ConfigMalformed "config-malformed" Fatal exit 2
        title "the migration file is invalid"
        advice "Correct the marked place; `longhaul schema` prints the JSON Schema for your editor."
        about "The file is not valid YAML, has an unknown key, or a value of the wrong kind. The message points at line and column. Unknown keys are errors on purpose: nobody should find out at three in the morning that a misspelt limit was ignored. Nothing was opened or written."
    EnvironmentUnknown "environment-unknown" Fatal exit 2
        title "no environment has that name"
        advice "Use one that `longhaul environments` lists, or add yours to the migration file."
        about "Plans and runs name environments; their addresses come from the migration file or from --from and --to. The name is in neither. Nothing was opened or written."
    SecretMissing "secret-missing" Fatal exit 2
        title "a secret cannot be found"
        advice "Set the variable, or create the file, that the reference names."
        about "The migration file holds secrets by reference only: `env:NAME` or `file:PATH`. The variable is not set, or the file does not exist. Nothing was opened or written."
    UrlMalformed "url-malformed" Fatal exit 2
        title "the URL is not that of a database"
        advice "Write `postgres://user@host:5432/database`, `mysql://user@host:3306/database` or `sqlite:path/to/file.db`."
        about "The scheme decides the engine; the rest must be well formed for it. A password in a URL must be percent-encoded, and is better given by reference. Nothing was opened or written."
    PlanFormat "plan-format" Fatal exit 2
        title "the plan cannot be read"
        advice "Draw it again: `longhaul plan -o PLAN`."
        about "The file is not a saved plan, is damaged, or was written by a newer version. Nothing was opened or written."
    PlanEdited "plan-edited" Fatal exit 2
        title "the plan was edited"
        advice "Change the migration file instead, and plan again."
        about "A saved plan carries a fingerprint of its content, and the two no longer match. A plan is reviewed and then carried out as it is. Nothing was opened or written."
    PlanStale "plan-stale" Fatal exit 2
        title "the plan is out of date"
        advice "Draw it again with `longhaul plan -o PLAN`, look at what changed, and carry that out with `longhaul run PLAN`."
        about "Since the plan was made, the migration file or the catalogue of source or target has changed. A run would not do what was reviewed, so it does not start. Nothing was written."
    RunUnknown "run-unknown" Fatal exit 2
        title "no such run"
        advice "List the runs that were started from here with `longhaul runs`, or those in a target with `longhaul status --to URL`."
        about "Neither the local ledger nor the target knows the run. Its bookkeeping may have been removed with `longhaul forget`."
    RunAmbiguous "run-ambiguous" Fatal exit 2
        title "more than one run could be meant"
        advice "Name one of them: `longhaul runs` lists all."
        about "Without a run id, a command means the only unfinished run, or the latest. Here several are unfinished."
    RunBusy "run-busy" Fatal exit 2
        title "the run cannot do that now"
        advice "See what it is doing, and what it can do next, with `longhaul status`."
        about "The state of the run does not allow it: a run that is not over cannot be forgotten, and a complete one cannot be resumed."
    NotAgreed "not-agreed" Fatal exit 2
        title "nobody confirmed what would be deleted"
        advice "Look at the list; to go ahead, run the command again with `--yes`."
        about "The command would delete what is in the target now: rows of a table in mode replace, or tables. In a terminal it asks first; elsewhere it goes on only with `--yes`. Nothing was written or removed."
    OutputUnwritable "output-unwritable" Fatal exit 2
        title "a file cannot be written"
        advice "Check that the folder exists, is writable, and has room."
        about "A plan, report or ledger file could not be created. The data in the target is not affected."
    TargetNotEmpty "target-not-empty" Fatal exit 6
        title "target tables already hold rows"
        advice "Use `--mode upsert` to overwrite rows by key, `--mode append` to add to them, `--mode replace` to delete them first, or another target."
        about "In mode create the target tables must be empty, so that every row found afterwards is known to be of this run. Nothing was written, and the rows that are there were not touched."
    TypeUnsupported "type-unsupported" Fatal exit 6
        title "a column has a type that the target cannot hold"
        advice "Exclude the column, or map it to a type that both sides have."
        about "Only one side knows the type, and there is no form in which both agree on its values. Longhaul refuses it by name instead of moving something similar. Nothing was written."
    ReplaceReferenced "replace-referenced" Fatal exit 6
        title "a table to be replaced is referenced by one that is not"
        advice "Replace that table too, drop its foreign key for the time of the run, or use `mode: upsert`."
        about "Mode replace empties the target table first. Rows of another table refer to it by a foreign key, and would refer to nothing, or be deleted with it. Nothing was written."
    ModeUnable "mode-unable" Fatal exit 6
        title "the target cannot be written to in this mode"
        advice "Choose another mode, or another target."
        about "Mode update writes to existing rows, so the target table must exist; mode replace must be able to empty it within a transaction. Nothing was written."
    TriggersUnable "triggers-unable" Fatal exit 6
        title "the target cannot switch its triggers off"
        advice "Leave out `triggers: off`, or drop the triggers for the time of the run."
        about "The migration says `triggers: off` for a table whose target has triggers. Only PostgreSQL can switch them off within a transaction, so that nobody else notices and nothing is left off when a run dies. Nothing was written."
    RowMissing "row-missing" Data exit 1
        title "a row to be updated does not exist"
        advice "Look at the rejects, or use `mode: upsert`."
        about "In mode update only existing rows are written. Any other is kept as a reject, with the reason `no_such_row`."
    PolicyUnfit "policy-unfit" Fatal exit 6
        title "a value policy is not possible for a column"
        advice "Give the column another policy, or leave it to `reject`."
        about "The policy would put NULL into a column that forbids it, its replacement does not fit the column's type, or the column is part of the key that identifies rows. A policy for all columns, or for a reason, applies only where it is possible; one that names a column must be possible. Nothing was written."
    CycleUnsolvable "cycle-unsolvable" Fatal exit 6
        title "foreign keys form a cycle that cannot be loaded"
        advice "Make one foreign-key column of the cycle nullable, drop the constraint for the time of the run, or let Longhaul create the tables."
        about "An existing target enforces its foreign keys, so parents must be loaded before children. Where they form a cycle, one foreign key is left NULL and filled in a second pass; here every column is NOT NULL. The message names the cycle. Nothing was written."
    IdentifierUnfit "identifier-unfit" Fatal exit 6
        title "a name does not fit the target"
        advice "Give it another name with `rename` or `to`."
        about "The name holds a character that the target cannot have, is kept there for other things, or would collide with another name. A name that is only too long is cut, with a hash at its end, and the plan says so; one that the migration file gives is not. Nothing was written."
    DesignRefused "design-refused" Fatal exit 6
        title "the target refuses a table that the plan would make"
        advice "Leave the table or column out with `exclude` or `exclude_columns`, create the table by hand in a form that the target takes, or give the target what it lacks."
        about "While planning, all statements of the plan were tried on empty tables, in a transaction that was rolled back, in a database that was dropped, or in memory. The target refused a table even without its defaults, checks, computed columns and keys; its own words are in the message. What it refuses beside a table (an index, a foreign key) is left behind by name instead. Nothing was written."
    EntityUnknown "entity-unknown" Fatal exit 6
        title "no such table"
        advice "Correct the name; schema and database come from the URL."
        about "A name or pattern matches no table of the source, or a named target table does not exist. Nothing was written."
    ColumnUnknown "column-unknown" Fatal exit 6
        title "no such column"
        advice "Correct the name of the column."
        about "A rename, exclusion or conflict target names a column that the table does not have. Nothing was written."
    ColumnUnfilled "column-unfilled" Fatal exit 6
        title "a target column would get no value"
        advice "Give the column a default in the target, or map a source column to it."
        about "The existing target table has a NOT NULL column without a default, and the migration has no value for it. Every row would be refused. Nothing was written."
    KeyMissing "key-missing" Fatal exit 6
        title "the table has no key to identify rows"
        advice "Name the columns of a unique constraint under `conflict`."
        about "An upsert must know which row is meant. The target table has no unique constraint on the columns that `conflict` names, or no primary key where none is named. Nothing was written."
    DatabaseUnopened "database-unopened" Fatal exit 6
        title "the database file cannot be opened"
        advice "Check the path, that the file is a SQLite database, and that this user may open it."
        about "The source's file does not exist, the folder of the target's file does not exist, this user may not open it, or it is not a SQLite database. A source file is never created; a target file is created when something is first written. Nothing was written."
    RightsMissing "rights-missing" Fatal exit 6
        title "the user lacks a right"
        advice "Grant it, or connect as another user."
        about "The server says that the user lacks a right. On the source, Longhaul needs to connect and to read; on the target, to create its schema `longhaul` and the tables, and to write. With row-level security on the source, the user must be allowed to see all rows."
    LoginRefused "login-refused" Fatal exit 6
        title "the server refused the login"
        advice "Check user, password and database name."
        about "The server answered and refused: unknown user, wrong password, unknown database, or a rule in its access list. Nothing was read or written."
    TlsRefused "tls-refused" Fatal exit 6
        title "no encrypted connection is possible"
        advice "Name the authority that signed the server's certificate under `tls: { ca: … }`; if the server asks for a client certificate, name it under `cert` and `key`."
        about "The server answers, but the two sides do not trust each other: its certificate is for another host, has expired, or was signed by an unknown authority; it asks for a client certificate; or it does not encrypt at all. Longhaul never falls back to an unencrypted connection: only `tls: off` in the migration file allows that. Nothing was read or written."
    FilterInvalid "filter-invalid" Fatal exit 6
        title "the source does not understand a condition"
        advice "Correct the `where`: it is passed on as written, in the source's own SQL."
        about "Every `where` is tried on the source while planning. Nothing was written."
    ExpressionInvalid "expression-invalid" Fatal exit 6
        title "an expression of the migration file is wrong"
        advice "Correct the expression; `docs/expressions.md` lists what can stand in one."
        about "`when`, `check` and `compute` hold SQL expressions over a row, with PostgreSQL's meaning. They are read and typed while the plan is drawn. Nothing was written."
    TargetOwned "target-owned" Fatal exit 6
        title "another run is writing to the target table"
        advice "Go on with that run (`longhaul resume RUN`), or give it up and drop what it made (`longhaul clean RUN`)."
        about "Two runs never write to one target table at a time: neither could prove what is there. The target itself records the owner. Nothing was written."
    SnapshotUnshared "snapshot-unshared" Fatal exit 6
        title "the source cannot share a snapshot with other processes"
        advice "Write `consistency: quiesced` into the migration file and keep writers out meanwhile, or run it in one process with `longhaul run`."
        about "Workers of a fleet are many processes, and with `consistency: snapshot` all of them must see the source as of one moment. This engine shows such a moment only to the connection that holds it. Nothing was written."
    SameDatabase "same-database" Fatal exit 6
        title "source and target are the same database"
        advice "Name another target."
        about "The run would read what it writes. Nothing was written."
    Unreachable "unreachable" Transient exit 75
        title "the server cannot be reached"
        advice "Check host, port and network, and that the server runs; then run the command again."
        about "The server did not answer, or the connection broke. A run retries with growing pauses; what was committed stays committed, and the rest is done again."
    Busy "busy" Transient exit 75
        title "the database is busy"
        advice "Run the command again; if it persists, look for a session that holds a lock."
        about "A lock was not granted in time, a deadlock was resolved, or all connections are taken. A run retries with growing pauses."
    NoConnection "no-connection" Transient exit 75
        title "the server takes no more connections"
        advice "Wait, end what else is connected, give the user more, or use fewer: `limits: { slots: … }`, `longhaul limit RUN slots=…`, or `max_connections` of the environment."
        about "All connections of the server, of the user or of the database are taken. A slot that gets none waits and asks again, while those that have one go on; no try is counted. A plan says beforehand when there is less room than slots."
    Full "full" Resource exit 7
        title "the target has no room"
        advice "Make room, then `longhaul resume`."
        about "Disk, quota or a configured limit is full. The run pauses at once instead of retrying, which would only make it worse; no row is at fault. Finished chunks stay finished."
    Slow "slow" Slow exit 1
        title "a statement took too long"
        advice "Resume; if it persists, make chunks smaller."
        about "A time limit ended the statement. The chunk was rolled back and is tried again."
    ValueRefused "value-refused" Data exit 1
        title "the target refused a value"
        advice "See `longhaul report`; change the row, the mapping or the target's constraint, then `longhaul resume`."
        about "A value does not fit its column, or a constraint forbids the row. Such rows are isolated and kept as rejects with their reason, up to the limit; all other rows are written."
    RejectLimit "reject-limit" Fatal exit 1
        title "too many rows were rejected"
        advice "Look at the rows in `longhaul report`. Say in the file what becomes of such values (`policies`), and type `longhaul revise RUN -f FILE`; or allow the loss with `longhaul limit RUN rejects=NUMBER`. Then `longhaul resume RUN`, or `longhaul retry RUN` for a run of a fleet."
        about "A table has more rejected rows than its limit allows. Finished chunks stay; the chunk that went over the limit was rolled back and parked with a sample of the rows."
    LinkRefused "link-refused" Fatal exit 1
        title "a foreign-key value cannot be filled in"
        advice "Find the orphaned rows in the source, correct them, then `longhaul resume`."
        about "In the second pass, the target's foreign key refused a value, or the row it belongs to does not exist. The rows were written with NULL in that column; they do not count as done."
    LinkBroken "link-broken" Fatal exit 1
        title "a foreign key cannot be created"
        advice "The rows that are missing may be among the rejects (`longhaul rejects list`). Correct them in the source, or say in the file what becomes of their values; `longhaul rejects retry RUN -f FILE` writes them, and then makes the key. Where the rows that link are wrong, correct those, then `longhaul resume RUN`, or `longhaul retry RUN` for a run of a fleet."
        about "Some of the rows refer to rows that the target does not have, mostly because they were rejected. The message counts them. All rows stay, and are verified all the same; only the foreign key is missing, and the run is not complete until it is created."
    Refused "refused" Fatal exit 1
        title "the server refused the statement"
        advice "Look at the server's code in the message; correct the cause, then `longhaul resume`."
        about "A table or column is gone, a right was revoked, or the server does not understand the statement. Retrying would not help, so the chunk is parked; everything that does not depend on it goes on."
    Imbalance "imbalance" Unknown exit 1
        title "rows read and rows written do not add up"
        advice "Resume; if it happens again, report it as a bug with the plan."
        about "Before each commit the rows read must equal those written, filtered and rejected, by the target's own count. They did not, so the chunk was rolled back. A trigger or rule in the target that swallows rows does this."
    NotMine "not-mine" Unknown exit 1
        title "the server rolled back the transaction without an error"
        advice "Nothing to do: the chunk is tried again."
        about "The receipt could not be completed, because the server rolled the transaction back silently. The chunk's rows are not there, and it is done again."
    SnapshotLost "snapshot-lost" Fatal exit 1
        title "the snapshot is gone and the source has changed"
        advice "Go on with `longhaul resume --on-snapshot-lost drift`; or drop what the run made with `longhaul clean RUN`, and start anew."
        about "All chunks read the source as of one moment. The process that held that moment ended, and the source's change counters say that the source was written to since. Finished chunks were not touched."
    PromiseBroken "promise-broken" Fatal exit 1
        title "the source was written to during the run"
        advice "Stop the writers, or use `consistency: snapshot`; drop what the run made with `longhaul clean RUN`, and start anew."
        about "The migration promises a quiesced source. The change counters before and after the copy differ, so the copy may not be of one moment."
    SourceChanged "source-changed" Fatal exit 1
        title "the source's structure changed during the run"
        advice "Look at what changed. Drop what the run made with `longhaul clean RUN`, and start anew."
        about "A table or column of the plan is gone or different. Finished chunks were not touched."
    Unknown "unknown" Unknown exit 1
        title "an error that Longhaul does not know"
        advice "Look at the server's code in the message; `longhaul resume` tries again."
        about "Longhaul does not know the server's code. It tries a few times, then parks the chunk."
    Panicked "panicked" Unknown exit 1
        title "Longhaul or one of its drivers gave up on something that it did not expect"
        advice "Look for `gave up` in the log: it names the place in the code. `longhaul resume` tries again (`longhaul retry` for a run of a fleet); if it comes back, report it as a bug with that line."
        about "The code contradicted itself, or a server sent what no server of its kind sends and its driver did not think of. It was caught at the edge of what met it: the chunk, the run or the connection. Everything else goes on, the chunk was rolled back, and nothing is lost. It is tried a few times; then the chunk is parked, or the run is paused."
    Absurd "absurd" Unknown exit 1
        title "a server sent what cannot be true"
        advice "Find out who answers at that address: a server that is broken, another kind of server, or somebody in between. Then `longhaul resume`, or `longhaul retry` for a run of a fleet."
        about "A length or a count in an answer is beyond anything that a server of its kind sends: a message of two gigabytes, columns by the billion, notices without end. The connection was closed before memory was set aside for it, and the chunk was rolled back. It is tried a few times; then the chunk is parked, or the run is paused."
    Parked "parked" Fatal exit 1
        title "some steps failed"
        advice "See why in `longhaul report`. Correct the cause, or change the file and type `longhaul revise RUN -f FILE`; then `longhaul resume RUN`. To give up: `longhaul clean RUN` drops what the run made."
        about "Chunks that failed for good are parked, with the reason. Finished chunks stay finished. `longhaul resume` tries the parked chunks again, and only those."
    Cancelled "cancelled" Fatal exit 1
        title "the run was cancelled"
        advice "Drop what it made with `longhaul clean RUN`, and start a new run."
        about "A cancelled run does no further chunk. What it wrote stays in the target."
    Deposed "deposed" Fatal exit 1
        title "another process leads this run now"
        advice "Nothing to do here; watch the other one with `longhaul status`."
        about "Somebody resumed the run elsewhere, so this process stops. No data is at risk: receipts in the target decide what is done."
    Differs "differs" Fatal exit 5
        title "the target does not hold what was written"
        advice "Type `longhaul report`: it names the tables, and the keys of rows that differ. Find out who wrote to the target; `longhaul verify` looks again."
        about "The target does not hold the rows that the receipts record. Rows were changed, added or removed after they were written, or the target altered values on the way in."
    LedgerUnusable "ledger-unusable" Fatal exit 2
        title "the local ledger cannot be used"
        advice "Delete the file, or name another folder with `--state`; the run continues from the target."
        about "The ledger is working memory: checkpoints, claims and events. It can be deleted at any time: the target records what was written."
}

impl Code {
    /// What was left untouched: the sentence of [`Code::about`] that says it.
    pub fn untouched(self) -> Option<&'static str> {
        const WORDS: [&str; 5] = [
            "Nothing was ",
            "Finished chunks ",
            "All rows stay",
            "The data in the target",
            "No data is at risk",
        ];
        let mut rest = self.about();
        loop {
            let (sentence, more) = rest.split_once(". ").unwrap_or((rest, ""));
            if WORDS.iter().any(|words| sentence.starts_with(words)) {
                return Some(sentence.trim_end_matches('.'));
            }
            if more.is_empty() {
                return None;
            }
            rest = more;
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}

impl FromStr for Code {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().copied().find(|code| code.slug() == text);
        found.ok_or_else(|| format!("`{text}` is not a code"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_a_name_of_its_own_and_says_what_to_do() {
        let mut slugs: Vec<_> = Code::ALL.iter().map(|code| code.slug()).collect();
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), Code::ALL.len());
        for code in Code::ALL {
            assert_eq!(code.slug().parse(), Ok(*code));
            assert!(code.advice().ends_with('.'), "{code}: advice is a sentence");
            assert!(code.about().ends_with('.'), "{code}: about is prose");
            assert!(!code.title().ends_with('.'), "{code}: title is a fragment");
        }
    }
}
