//! What is expected of a case in a direction, where that is not that everything arrives.

use std::fmt;

use tests::cases::Case;
use tests::moving::Engine::{self, MySql, Postgres, Sqlite};

use Expect::{Known, Refused, Rejects};

/// What is expected of a move.
pub(super) enum Expect {
    /// That it is refused with this code, because of this.
    Refused(&'static str, &'static str),
    /// That so many rows are rejects, because of this.
    Rejects(u64, &'static str),
    /// Nothing good yet: it is being mended, and this is seen.
    Known(&'static str),
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused(code, why) => write!(f, "refused with {code} ({why})"),
            Rejects(rows, why) => write!(f, "{rows} rows rejected ({why})"),
            Known(seen) => {
                write!(f, "the known fault {seen:?}; if it is mended, take it off the list")
            }
        }
    }
}

/// By the number of the case and the target's engine.
pub(super) const EXPECTED: &[(&str, Engine, Expect)] = &[
    ("09", Sqlite, Refused("identifier-unfit", NAMES_BY_CASE)),
    (
        "11",
        Postgres,
        Refused("identifier-unfit", "a table of PostgreSQL has columns of these names"),
    ),
    ("19", Postgres, Refused("type-unsupported", "the target lacks the extensions")),
    ("25", MySql, Rejects(3, UNFIT)),
    ("26", MySql, Rejects(2, UNFIT)),
    ("26", Postgres, Rejects(2, UNFIT)),
    ("29", MySql, Rejects(3, UNFIT)),
    ("29", Postgres, Rejects(3, UNFIT)),
    ("30", MySql, Rejects(4, UNFIT)),
    ("30", Postgres, Rejects(4, UNFIT)),
    ("31", MySql, Rejects(6, UNFIT)),
    ("31", Postgres, Known("the key is there already")),
    ("32", MySql, Rejects(3, UNFIT)),
    ("32", Postgres, Rejects(6, UNFIT)),
    ("33", MySql, Rejects(4, UNFIT)),
    ("33", Sqlite, Rejects(2, UNFIT)),
    ("34", MySql, Refused("type-unsupported", "a table without columns")),
    ("34", Sqlite, Refused("type-unsupported", "a table without columns")),
    ("41", MySql, Refused("type-unsupported", "more columns than a table of MySQL has")),
    ("42", Postgres, Rejects(5, "dates that are none, and numbers of no range")),
    ("48", MySql, Rejects(1, UNFIT)),
    ("48", Sqlite, Rejects(1, UNFIT)),
    ("56", Postgres, Refused("type-unsupported", "the target has the extensions elsewhere")),
    ("61", Postgres, Rejects(1, "a date that is none")),
    ("63", MySql, Known("18 rows were rejected")),
    ("63", Postgres, Known("18 rows were rejected")),
    ("67", Sqlite, Refused("identifier-unfit", NAMES_BY_CASE)),
    ("68", MySql, Refused("identifier-unfit", "MySQL takes no name that ends with a blank")),
    ("68", Sqlite, Refused("identifier-unfit", NAMES_BY_CASE)),
];

const NAMES_BY_CASE: &str = "names that differ by case only are one name to SQLite";
const UNFIT: &str = "values that no column of the target holds, each a reject by key and reason";

/// What stands around a case before it is moved.
pub(super) struct Scene {
    /// What is replaced in its statements.
    smaller: &'static [(&'static str, &'static str)],
    /// Statements for the target, where it is of the same engine.
    there: &'static str,
    /// Settings of both databases.
    hostile: bool,
}

/// Sessions of such a database read and print otherwise, or are ended, unless they say what they need.
const HOSTILE: [&str; 12] = [
    "DateStyle = 'SQL, DMY'",
    "IntervalStyle = 'sql_standard'",
    "bytea_output = 'escape'",
    "extra_float_digits = -15",
    "standard_conforming_strings = off",
    "TimeZone = 'Asia/Kathmandu'",
    "xmloption = 'document'",
    "search_path = ''",
    "statement_timeout = '2ms'",
    "lock_timeout = '2ms'",
    "default_transaction_isolation = 'serializable'",
    "row_security = off",
];

const FUNCTIONS: &str = "
    CREATE FUNCTION inner_f(t text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT upper(t) $$;
    CREATE FUNCTION slug(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE
        AS $$ BEGIN RETURN inner_f(t) || '!'; END $$;
    CREATE FUNCTION pos(i int) RETURNS bool LANGUAGE sql IMMUTABLE AS $$ SELECT i > 0 $$";

const TYPES: &str = "
    CREATE TYPE addr AS (street text, no int);
    CREATE DOMAIN posint AS int CHECK (VALUE > 0) NOT NULL DEFAULT 5;
    CREATE DOMAIN tags AS text[] CHECK (array_length(VALUE, 1) < 5)";

const ELSEWHERE: &str = "
    CREATE EXTENSION citext; CREATE EXTENSION hstore; CREATE EXTENSION ltree; CREATE EXTENSION pg_trgm";

const IN_PLACE: &str = "
    CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext; CREATE EXTENSION hstore SCHEMA ext;
    CREATE EXTENSION ltree SCHEMA ext; CREATE EXTENSION pg_trgm SCHEMA ext";

/// The scene of a case.
pub(super) fn scene(case: &Case) -> Scene {
    let plain = Scene { smaller: &[], there: "", hostile: false };
    match case.name.split_once('-').map(|(number, _)| number) {
        Some("48") => Scene { hostile: true, ..plain },
        // As many as are enough to see that no statement holds all their locks; all 3,000 take minutes.
        Some("49") => Scene { smaller: &[("1..3000", "1..120")], ..plain },
        // The same at a fiftieth of the size: whole rows of 200 MB are tried where memory is measured.
        Some("50") => {
            Scene { smaller: &[("200*65536", "4*65536"), ("40*1048576", "1048576")], ..plain }
        }
        Some("54") => Scene { there: FUNCTIONS, ..plain },
        Some("55") => Scene { there: TYPES, ..plain },
        Some("56") => Scene { there: ELSEWHERE, ..plain },
        Some("57") => Scene { there: IN_PLACE, ..plain },
        _ => plain,
    }
}

impl Scene {
    /// The statements of the case.
    pub(super) fn sql(&self, case: &Case) -> String {
        let mut sql = case.sql.clone();
        for (long, short) in self.smaller {
            assert!(sql.contains(long), "{} has no {long}", case.name);
            sql = sql.replace(long, short);
        }
        sql
    }

    /// What the target has before.
    pub(super) fn there(&self, to: Engine) -> &str {
        if to == Engine::Postgres { self.there } else { "" }
    }

    /// Statements that make a database hostile to those who come.
    pub(super) fn hostile(&self, engine: Engine, name: &str) -> String {
        match engine == Engine::Postgres && self.hostile {
            true => HOSTILE.map(|set| format!("ALTER DATABASE {name} SET {set};\n")).concat(),
            false => String::new(),
        }
    }

    /// What makes it as it was.
    pub(super) fn friendly(&self, engine: Engine, name: &str) -> String {
        match self.hostile(engine, name).is_empty() {
            true => String::new(),
            // The session that says so is one of those.
            false => format!("SET statement_timeout = 0; ALTER DATABASE {name} RESET ALL"),
        }
    }
}
