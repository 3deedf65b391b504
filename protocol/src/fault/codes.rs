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
        title "the command line does not fit together"
        advice "Run the command with `--help`."
        about "An option is missing, or two exclude each other. Nothing was opened."
    ConfigUnreadable "config-unreadable" Fatal exit 2
        title "a file cannot be read"
        advice "Check the path and its permissions."
        about "The migration file, plan or secret file that was named cannot be opened. Nothing was opened or written."
    ConfigMalformed "config-malformed" Fatal exit 2
        title "the migration file is not well formed"
        advice "Correct the marked place; `longhaul schema` prints what is allowed, for your editor."
        about "The file is not valid YAML, has a key nobody knows, or a value of the wrong kind. The message points at line and column. Unknown keys are errors on purpose: a misspelt limit that is ignored would be found at three in the morning. Nothing was opened or written."
    EnvironmentUnknown "environment-unknown" Fatal exit 2
        title "no environment has that name"
        advice "Use one that `longhaul environments` lists, or add it to the migration file."
        about "Plans and runs name environments; their addresses come from the migration file or from --from and --to. The name that was asked for is in neither."
    SecretMissing "secret-missing" Fatal exit 2
        title "a secret cannot be found"
        advice "Set the variable, or create the file, that the reference names."
        about "Secrets stand in the migration file by reference only: `env:NAME` or `file:PATH`. The reference leads nowhere. Nothing was opened."
    UrlMalformed "url-malformed" Fatal exit 2
        title "the URL is not one of an endpoint"
        advice "Write `postgres://user@host:5432/database`, `mysql://user@host:3306/database` or `sqlite:path/to/file.db`."
        about "The scheme decides the engine; the rest must be well formed for it. A password in a URL must be percent-encoded, and is better given by reference."
    PlanFormat "plan-format" Fatal exit 2
        title "the plan cannot be read"
        advice "Draw it again with `longhaul plan`."
        about "The file is not a saved plan, is damaged, or was written by a newer build. Nothing was opened."
    PlanEdited "plan-edited" Fatal exit 2
        title "the plan was changed after it was drawn"
        advice "Change the migration file instead, and draw the plan again."
        about "A saved plan carries a fingerprint of its content, and the two no longer fit. A plan is reviewed and then carried out as it is; it is not a place for edits."
    PlanStale "plan-stale" Fatal exit 2
        title "the plan no longer fits"
        advice "Draw the plan again, and look at what changed."
        about "Since the plan was drawn, the migration file or the catalogue of source or target has changed. A run would do something else than what was reviewed, so it does not start. Nothing was written."
    RunUnknown "run-unknown" Fatal exit 2
        title "no such run"
        advice "List what is there with `longhaul status --to URL`."
        about "The run id is in neither the local ledger nor the target. If the target was named, its bookkeeping may have been removed with `longhaul forget`."
    RunAmbiguous "run-ambiguous" Fatal exit 2
        title "more than one run could be meant"
        advice "Name the run."
        about "Without a run id, commands mean the only unfinished run, or the latest. Here several qualify."
    RunBusy "run-busy" Fatal exit 2
        title "the run cannot do that now"
        advice "See `longhaul status`."
        about "The state of the run does not allow what was asked: a run that is not over cannot be forgotten, a complete one cannot be resumed."
    NotAgreed "not-agreed" Fatal exit 2
        title "nobody agreed to what would be lost"
        advice "Look at the list; to go on, run the command again with `--yes`."
        about "The command would remove what stands in the target now: rows of a table in mode replace, or tables. In a terminal it asks first; elsewhere it goes on only with `--yes`. Nothing was written or removed."
    OutputUnwritable "output-unwritable" Fatal exit 2
        title "a file cannot be written"
        advice "Check that the folder exists and may be written."
        about "A plan, report or ledger file could not be created. The data in the target is not affected."
    TargetNotEmpty "target-not-empty" Fatal exit 6
        title "the target entity already holds rows"
        advice "Empty it, choose another target, or use `mode: upsert`."
        about "In mode create no row may exist before, so that every row found afterwards is proven to be of this run. Nothing was written, and the rows that are there were not touched."
    TypeUnsupported "type-unsupported" Fatal exit 6
        title "a column's type cannot be carried"
        advice "Exclude the column, or map it to a type that both sides have."
        about "The type is known to one side only, and there is no form in which both agree on its values. Longhaul refuses it by name instead of carrying something close. Nothing was written."
    ReplaceReferenced "replace-referenced" Fatal exit 6
        title "a table that is to be replaced is referenced by one that is not"
        advice "Replace that one too, drop its foreign key for the night, or use `mode: upsert`."
        about "Mode replace empties the target entity first. Rows of another table point to it by a foreign key, and would be left pointing nowhere, or be deleted with it. Nothing was written."
    ModeUnable "mode-unable" Fatal exit 6
        title "the target cannot be written to in this mode"
        advice "Choose another mode, or another target."
        about "Mode update writes to rows that are there, so the target entity must exist; mode replace must be able to empty it within a transaction. Nothing was written."
    TriggersUnable "triggers-unable" Fatal exit 6
        title "the target cannot switch its triggers off"
        advice "Leave out `triggers: off`, or drop the triggers for the time of the migration."
        about "The migration says `triggers: off` for an entity whose target has triggers. Only PostgreSQL can switch them off within a transaction, so that nobody else notices and nothing is left off when a run dies. Nothing was written."
    RowMissing "row-missing" Data exit 1
        title "a row that was to be updated is not there"
        advice "Look at the rejects, or use `mode: upsert`."
        about "In mode update only rows that exist are written. One that does not is set aside as a reject, with the reason `no_such_row`."
    PolicyUnfit "policy-unfit" Fatal exit 6
        title "a value policy is not possible for a column"
        advice "Give the column another policy, or leave it to `reject`."
        about "NULL was to stand in a column that forbids it, a replacement does not fit the column's type, or the column is part of the key that rows are known by. Policies that are said of all columns, or of a reason, hold only where they are possible; one that names a column must be possible. Nothing was written."
    CycleUnsolvable "cycle-unsolvable" Fatal exit 6
        title "foreign keys form a cycle that cannot be loaded"
        advice "Make one foreign-key column of the cycle nullable, drop the constraint for the night, or let Longhaul create the tables."
        about "An existing target enforces its foreign keys, so parents must be loaded before children. Where they form a cycle, one link is left NULL and filled in a second pass; here every link is NOT NULL. The cycle is spelled out in the message. Nothing was written."
    IdentifierUnfit "identifier-unfit" Fatal exit 6
        title "a name does not fit the target"
        advice "Give it another name with `rename` or `to`."
        about "The name is too long for the target, holds a character it cannot have, or would collide there with another name. Longhaul never shortens or folds names by itself. Nothing was written."
    EntityUnknown "entity-unknown" Fatal exit 6
        title "an entity is not there"
        advice "Check the pattern against `longhaul plan`, and the schema and database of the URL."
        about "A pattern in the migration file matches nothing in the source, or a named target does not exist. Nothing was written."
    ColumnUnknown "column-unknown" Fatal exit 6
        title "a column is not there"
        advice "Check the spelling against the source's catalogue."
        about "A rename, exclusion or conflict target names a column that the entity does not have. Nothing was written."
    ColumnUnfilled "column-unfilled" Fatal exit 6
        title "a target column would stay without a value"
        advice "Give the column a default in the target, or map a source column to it."
        about "The existing target has a NOT NULL column without default for which the migration brings nothing. Every row would be refused. Nothing was written."
    KeyMissing "key-missing" Fatal exit 6
        title "there is no key to tell rows apart"
        advice "Name the columns of a unique constraint under `conflict`."
        about "An upsert must say which row is meant, and the target has no unique constraint on the columns named, or no primary key where none is named. Nothing was written."
    DatabaseUnopened "database-unopened" Fatal exit 6
        title "the database file cannot be opened"
        advice "Check the path, that the file is a SQLite database, and that this user may open it."
        about "The source's file is not there, the folder of the target's file is not there, this user may not open it, or it is no SQLite database. A source is never made; a target's file is made when something is first written. Nothing was written."
    RightsMissing "rights-missing" Fatal exit 6
        title "the user may not do that"
        advice "Grant the right, or connect as another user."
        about "The server answered that the user lacks a right. On the source, Longhaul needs to connect and to read; on the target, to create its schema `longhaul` and the tables, and to write. With row-level security on the source, the user must be allowed to see all rows."
    LoginRefused "login-refused" Fatal exit 6
        title "the server refused the login"
        advice "Check user, password and database name."
        about "The server is there and answered no: unknown user, wrong password, unknown database, or a rule in its access list. Nothing was written."
    TlsRefused "tls-refused" Fatal exit 6
        title "no encrypted connection can be made"
        advice "Name the authority that signed the server's certificate under `tls: { ca: … }`, and our own under `cert` and `key` where the server asks for one."
        about "The server is there, but the two sides do not trust each other: its certificate is for another host, has expired, or was signed by somebody unknown; it wants a certificate of ours; or it does not encrypt at all. Longhaul never falls back to sending in the open: only `tls: off` in the migration file says so. Nothing was written."
    FilterInvalid "filter-invalid" Fatal exit 6
        title "the source does not understand a condition"
        advice "Correct the `where`; it is passed on as written, in the source's own SQL."
        about "A `where` is tried on the source while the plan is drawn. Nothing was written."
    ExpressionInvalid "expression-invalid" Fatal exit 6
        title "an expression of the migration file is wrong"
        advice "Correct the expression; `docs/expressions.md` lists what can stand in one."
        about "`when`, `check` and `compute` hold SQL expressions over a row, with PostgreSQL's meaning. They are read and typed while the plan is drawn. Nothing was written."
    TargetOwned "target-owned" Fatal exit 6
        title "another run owns the target entity"
        advice "Resume or cancel that run first; `longhaul status --to URL` shows it."
        about "Two runs never write one target entity at a time: neither could prove what is there. The owner stands in the target itself. Nothing was written."
    SnapshotUnshared "snapshot-unshared" Fatal exit 6
        title "the source cannot share a snapshot with other processes"
        advice "Say `consistency: quiesced` in the migration file and keep writers out meanwhile, or run it in one process with `longhaul run`."
        about "Workers of a fleet are many processes, and with `consistency: snapshot` all of them must see the source as it stood at one moment. This engine shows such a moment only to the connection that holds it. Nothing was written."
    SameDatabase "same-database" Fatal exit 6
        title "source and target are the same"
        advice "Name another target."
        about "The run would read what it writes. Nothing was written."
    Unreachable "unreachable" Transient exit 75
        title "the server cannot be reached"
        advice "Check host, port and network, and that the server runs; then run the command again."
        about "No answer, or the connection broke. During a run this is retried with growing pauses; what was committed stays committed, and what was not is done again."
    Busy "busy" Transient exit 75
        title "the database is busy"
        advice "Run the command again; if it persists, look for a session that holds a lock."
        about "A lock was not granted in time, a deadlock was broken, or all connections are taken. It is retried with growing pauses."
    NoConnection "no-connection" Transient exit 75
        title "the server takes no more connections"
        advice "Wait, end what else is connected, give the user more, or use fewer: `limits: { slots: … }`, `longhaul limit RUN slots=…`, or `max_connections` of the environment."
        about "All connections of the server, of the user or of the database are taken. A slot that gets none waits and asks again, while those that have one go on; no try is counted. A plan says beforehand when there is less room than slots."
    Full "full" Resource exit 7
        title "the target has no room"
        advice "Make room, then `longhaul resume`."
        about "Disk, quota or a configured limit is full. The run pauses at once instead of trying on: more tries would only make it worse, and no row is at fault. Finished chunks stay finished."
    Slow "slow" Slow exit 1
        title "a statement took too long"
        advice "Resume; if it persists, make chunks smaller."
        about "A time limit of ours ended the statement. The chunk was rolled back and is tried again."
    ValueRefused "value-refused" Data exit 1
        title "the target refused a value"
        advice "See `longhaul report`; change the row, the mapping or the target's constraint, then `longhaul resume`."
        about "A value does not fit its column, or a constraint forbids the row. In the careful gear bad rows are found one by one and kept as rejects with their reason, up to the limit; good rows are written."
    RejectLimit "reject-limit" Fatal exit 1
        title "too many rows were rejected"
        advice "Look at the sample in `longhaul report`. Correct the cause, or allow more with `longhaul limit RUN rejects=NUMBER`; then `longhaul resume`, or `longhaul retry` for a run of a fleet."
        about "The limit of rejected rows of the entity was passed. Its finished chunks stay; the chunk that passed the limit was rolled back and parked with a sample of the evidence."
    LinkRefused "link-refused" Fatal exit 1
        title "a link to another row cannot be filled"
        advice "Find the orphaned rows in the source, correct them, then `longhaul resume`."
        about "In the second pass, the target's foreign key refused a link, or the row it belongs to is not there. The rows were written with the link empty; they are not counted as done."
    LinkBroken "link-broken" Fatal exit 1
        title "a foreign key cannot be made"
        advice "The rows that are missing may be among the rejects (`longhaul rejects list`). Bring them in by hand, or correct what links to them; then `longhaul resume`, or `longhaul retry` for a run of a fleet."
        about "After the rows were written, some of them link to rows that the target does not have: mostly rows that were rejected. The message counts them. All rows stay, and are read back and verified all the same; the foreign key alone is missing, and the run is not complete before it is made."
    Refused "refused" Fatal exit 1
        title "the server refused the statement"
        advice "Look at the server's code in the message; correct the cause, then `longhaul resume`."
        about "A table or column is gone, a right was taken away, or the statement is not understood. Trying again would not help, so the chunk is parked; whatever does not depend on it goes on."
    Imbalance "imbalance" Unknown exit 1
        title "rows read and rows written do not add up"
        advice "Resume; if it happens again, report it as a bug with the plan."
        about "Before each commit the rows read must equal those written, filtered and rejected, by the target's own count. They did not, so the chunk was rolled back. A trigger or rule in the target that swallows rows does this."
    NotMine "not-mine" Unknown exit 1
        title "the transaction was lost without an error"
        advice "Nothing to do: the chunk is tried again."
        about "The receipt could not be completed, because the server rolled the transaction back without saying so. The chunk's rows are not there, and it is done again."
    SnapshotLost "snapshot-lost" Fatal exit 1
        title "the snapshot is gone and the source has changed"
        advice "Start anew into an empty target, or go on with `longhaul resume --on-snapshot-lost drift`."
        about "All chunks were to see the source as it stood at one moment. The process that held that moment ended, and the source's change counters say that it was written to since. Longhaul does not pretend otherwise. Finished chunks were not touched."
    PromiseBroken "promise-broken" Fatal exit 1
        title "the source was written to during the run"
        advice "Stop the writers and run into an empty target, or use `consistency: snapshot`."
        about "The migration promises a quiesced source. The change counters before and after the copy differ, so the copy may not be of one moment."
    SourceChanged "source-changed" Fatal exit 1
        title "the source's structure changed during the run"
        advice "Look at what changed; start anew into an empty target."
        about "A table or column of the plan is gone or different. Finished chunks were not touched."
    Unknown "unknown" Unknown exit 1
        title "an error that Longhaul does not know"
        advice "Look at the server's code in the message; `longhaul resume` tries again."
        about "The server's code is in none of our tables. It is tried a few times, then the chunk is parked."
    Panicked "panicked" Unknown exit 1
        title "Longhaul or one of its drivers gave up on something that it did not expect"
        advice "Look for `gave up` in the log: it names the place in the code. `longhaul resume` tries again (`longhaul retry` for a run of a fleet); if it comes back, report it as a bug with that line."
        about "The code contradicted itself, or a server sent what no server of its kind sends and its driver did not think of. It was caught at the edge of what met it: the chunk, the run or the connection. Everything else goes on, the chunk was rolled back, and nothing is lost. It is tried a few times; then the chunk is parked, or the run is paused."
    Absurd "absurd" Unknown exit 1
        title "a server sent what cannot be true"
        advice "Find out who answers at that address: a server that is broken, another kind of server, or somebody in between. Then `longhaul resume`, or `longhaul retry` for a run of a fleet."
        about "A length or a count in an answer is beyond anything that a server of its kind sends: a message of two gigabytes, columns by the billion, notices without end. The connection was closed before memory was set aside for it, and the chunk was rolled back. It is tried a few times; then the chunk is parked, or the run is paused."
    Parked "parked" Fatal exit 1
        title "some chunks need a person"
        advice "See `longhaul report`; correct the cause, then `longhaul resume`."
        about "Chunks that failed for good are parked, with the reason. All others are done. Resume opens the parked chunks again and does only those."
    Cancelled "cancelled" Fatal exit 1
        title "the run was cancelled"
        advice "Start a new run."
        about "A cancelled run takes no further chunk. What it wrote stays in the target."
    Deposed "deposed" Fatal exit 1
        title "another process leads this run now"
        advice "Nothing to do here; watch the other one with `longhaul status`."
        about "Somebody resumed the run elsewhere. Whoever sees a newer epoch stops. No data is at risk: receipts decide."
    Differs "differs" Fatal exit 5
        title "the target does not hold what was written"
        advice "Type `longhaul report`: it names the tables, and the keys of rows that differ. Find who wrote to the target; `longhaul verify` looks again."
        about "Reading the target back gave other rows than the receipts say. Rows were changed, added or removed after they were written, or the target altered values on the way in."
    LedgerUnusable "ledger-unusable" Fatal exit 2
        title "the local ledger cannot be used"
        advice "Delete the file, or name another folder with `--state`; the run continues from the target."
        about "The ledger is working memory: checkpoints, claims and events. It can be deleted at any time; the truth about written data stands in the target."
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
