//! Values that do not fit: where from, where to, why not, and what may stand in their place.

use tests::moving::Engine;

/// A value that its column cannot hold.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) reason: &'static str,
    /// The source column's type, and the value as a literal of the source.
    pub(super) from: &'static str,
    pub(super) bad: &'static str,
    /// The target column's type, where the table is there before.
    pub(super) to: Option<&'static str>,
    /// A replacement as a file says it, and as the target prints it.
    pub(super) replace: (&'static str, &'static str),
    /// The nearest value as the target prints it; none where there is none.
    pub(super) clamp: Option<&'static str>,
}

/// Two engines, and the values that the second cannot hold.
pub(super) struct Pair {
    pub(super) from: Engine,
    pub(super) to: Engine,
    /// What stands in the target before.
    pub(super) ground: &'static str,
    pub(super) cases: &'static [Case],
}

pub(super) const ALL: [&Pair; 7] = [
    &SQLITE_TO_POSTGRES,
    &MYSQL_TO_POSTGRES,
    &POSTGRES_TO_MYSQL,
    &SQLITE_TO_MYSQL,
    &MYSQL_TO_MYSQL,
    &POSTGRES_TO_SQLITE,
    &SQLITE_TO_SQLITE,
];

/// A value for a column that the plan makes.
const fn new(
    reason: &'static str,
    (from, bad): (&'static str, &'static str),
    replace: (&'static str, &'static str),
    clamp: Option<&'static str>,
) -> Case {
    Case { reason, from, bad, to: None, replace, clamp }
}

/// A value for a column of a table that is there.
const fn into(
    reason: &'static str,
    (from, bad): (&'static str, &'static str),
    to: &'static str,
    replace: (&'static str, &'static str),
    clamp: Option<&'static str>,
) -> Case {
    Case { reason, from, bad, to: Some(to), replace, clamp }
}

const DAY: (&str, &str) = ("1970-01-01", "1970-01-01");
const MOMENT: (&str, &str) = ("1970-01-02", "1970-01-02 00:00:00");
const SEVEN: (&str, &str) = ("7", "7");
const MARK: (&str, &str) = ("?", "?");

pub(super) const SQLITE_TO_POSTGRES: Pair = Pair {
    from: Engine::Sqlite,
    to: Engine::Postgres,
    ground: "CREATE TYPE mood AS ENUM ('sad', 'ok');",
    cases: &[
        new("wrong_type", ("INTEGER", "'abc'"), SEVEN, None),
        new("wrong_type", ("DATE", "'yesterday'"), DAY, None),
        new("wrong_type", ("BOOLEAN", "'maybe'"), ("yes", "t"), None),
        new("wrong_type", ("UUID", "'x'"), (UUID, UUID), None),
        into("wrong_type", ("TEXT", "'{'"), "jsonb", ("[1,2]", "[1, 2]"), None),
        new("out_of_range", ("INT2", "40000"), SEVEN, Some("32767")),
        into("out_of_range", ("INTEGER", "-3000000000"), "integer", SEVEN, Some("-2147483648")),
        new("out_of_range", ("NUMERIC(5,2)", "-12345"), ("1.5", "1.50"), Some("-999.99")),
        new("out_of_range", ("DATE", "'5874898-01-01'"), DAY, Some("5874897-12-31")),
        new("out_of_range", ("DATE", "'4714-11-23 BC'"), DAY, Some("4714-11-24 BC")),
        new(
            "out_of_range",
            ("DATETIME", "'294277-01-01 00:00:00'"),
            MOMENT,
            Some("294276-12-31 23:59:59.999999"),
        ),
        new("out_of_range", ("TIME", "'25:00:00'"), ("12:00", "12:00:00"), Some("24:00:00")),
        new("out_of_range", ("TIME", "'-00:00:01'"), ("12:00", "12:00:00"), Some("00:00:00")),
        new("too_precise", ("NUMERIC(5,2)", "1.256"), ("1.5", "1.50"), Some("1.26")),
        new(
            "too_precise",
            ("DATETIME", "'2024-01-01 00:00:00.1234567'"),
            MOMENT,
            Some("2024-01-01 00:00:00.123456"),
        ),
        into(
            "too_precise",
            ("DATETIME", "'2024-01-01 00:00:00.5'"),
            "timestamp(0)",
            MOMENT,
            Some("2024-01-01 00:00:00"),
        ),
        new("too_long", ("VARCHAR(3)", "'Zoë!'"), MARK, Some("Zoë")),
        into("too_long", ("TEXT", "'abcd'"), "varchar(3)", MARK, Some("abc")),
        new("invalid_encoding", ("TEXT", "CAST(x'41ff' AS TEXT)"), MARK, Some("A\u{fffd}")),
        new("nul_in_text", ("TEXT", "'a' || char(0) || 'b'"), MARK, Some("ab")),
        into("nul_in_text", ("TEXT", r#"'{"a":"\u0000"}'"#), "jsonb", ("{}", "{}"), None),
        new("not_finite", ("NUMERIC(5,2)", "9e999"), ("1.5", "1.50"), Some("999.99")),
        new("no_such_date", ("DATE", "'2024-02-31'"), DAY, Some("2024-02-29")),
        new("no_such_date", ("DATE", "'0000-00-00'"), DAY, None),
        new("no_such_date", ("DATETIME", "'2024-00-15 00:00:00'"), MOMENT, None),
        new("no_such_date", ("DATETIME", "'2024-01-01 25:00:00'"), MOMENT, None),
        into(
            "no_such_date",
            ("TEXT", "'2024-01-01 12:00:00+17'"),
            "timestamptz",
            ("1970-01-02 00:00:00Z", "1970-01-02 00:00:00+00"),
            None,
        ),
        into("no_such_label", ("TEXT", "'happy'"), "mood", ("sad", "sad"), None),
    ],
};

const UUID: &str = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";

pub(super) const MYSQL_TO_POSTGRES: Pair = Pair {
    from: Engine::MySql,
    to: Engine::Postgres,
    ground: "CREATE TYPE mood AS ENUM ('sad', 'ok');",
    cases: &[
        new("nul_in_text", ("varchar(9)", "'a\\0b'"), MARK, Some("ab")),
        into("nul_in_text", ("longtext", r#"'{"a":"\\u0000"}'"#), "jsonb", ("{}", "{}"), None),
        new("no_such_date", ("date", "'0000-00-00'"), DAY, None),
        new("no_such_date", ("date", "'2024-00-15'"), DAY, None),
        new("no_such_date", ("date", "'2023-02-30'"), DAY, Some("2023-02-28")),
        new("no_such_date", ("datetime", "'0000-00-00 00:00:00'"), MOMENT, None),
        new(
            "no_such_date",
            ("timestamp", "'0000-00-00 00:00:00'"),
            ("1970-01-02 00:00:00Z", "1970-01-02 00:00:00+00"),
            None,
        ),
        into(
            "out_of_range",
            ("bigint unsigned", "18446744073709551615"),
            "bigint",
            SEVEN,
            Some("9223372036854775807"),
        ),
        into(
            "out_of_range",
            ("time", "'25:00:00'"),
            "time",
            ("12:00", "12:00:00"),
            Some("24:00:00"),
        ),
        into(
            "out_of_range",
            ("time", "'-838:59:59'"),
            "time",
            ("12:00", "12:00:00"),
            Some("00:00:00"),
        ),
        into("too_precise", ("decimal(9,4)", "1.2350"), "numeric(9,2)", SEVEN_00, Some("1.24")),
        into("too_long", ("varchar(9)", "'abcd'"), "varchar(3)", MARK, Some("abc")),
        into("no_such_label", ("enum('sad','happy')", "'happy'"), "mood", ("ok", "ok"), None),
        into("no_such_label", ("enum('sad','happy')", "0"), "mood", ("ok", "ok"), None),
        into("wrong_type", ("varchar(9)", "'yesterday'"), "date", DAY, None),
    ],
};

const SEVEN_00: (&str, &str) = ("7", "7.00");

/// The greatest number that MySQL's widest decimal holds.
const WIDEST: &str = "99999999999999999999999999999999999.999999999999999999999999999999";
const ONE_OF_WIDEST: (&str, &str) = ("1", "1.000000000000000000000000000000");

pub(super) const POSTGRES_TO_MYSQL: Pair = Pair {
    from: Engine::Postgres,
    to: Engine::MySql,
    ground: "",
    cases: &[
        new("not_finite", ("double precision", "'NaN'"), SEVEN, None),
        new(
            "not_finite",
            ("double precision", "'Infinity'"),
            SEVEN,
            Some("1.7976931348623157e308"),
        ),
        new("not_finite", ("numeric", "'NaN'"), ONE_OF_WIDEST, None),
        new("not_finite", ("numeric(5,2)", "'NaN'"), ("1.5", "1.50"), None),
        new("not_finite", ("numeric", "'Infinity'"), ONE_OF_WIDEST, Some(WIDEST)),
        new("not_finite", ("date", "'infinity'"), DAY, Some("9999-12-31")),
        new("not_finite", ("date", "'-infinity'"), DAY, Some("0001-01-01")),
        new(
            "not_finite",
            ("timestamptz", "'-infinity'"),
            ("1970-01-02 00:00:00Z", "1970-01-02 00:00:00.000000"),
            Some("1970-01-01 00:00:01.000000"),
        ),
        new("negative_zero", ("double precision", "'-0'"), SEVEN, Some("0")),
        new("out_of_range", ("numeric", "1e40"), ONE_OF_WIDEST, Some(WIDEST)),
        new("out_of_range", ("date", "'0044-03-15 BC'"), DAY, Some("0001-01-01")),
        new("out_of_range", ("date", "'12024-02-29'"), DAY, Some("9999-12-31")),
        new(
            "out_of_range",
            ("timestamp", "'12024-02-29 12:00'"),
            ("1970-01-02", "1970-01-02 00:00:00.000000"),
            Some("9999-12-31 23:59:59.999999"),
        ),
        new(
            "out_of_range",
            ("timestamptz", "'2038-01-19 03:14:08+00'"),
            ("1970-01-02 00:00:00Z", "1970-01-02 00:00:00.000000"),
            Some("2038-01-19 03:14:07.999999"),
        ),
        into(
            "out_of_range",
            ("timestamptz", "'1969-12-31 00:00:00+00'"),
            "timestamp",
            ("1970-01-02 00:00:00Z", "1970-01-02 00:00:00"),
            Some("1970-01-01 00:00:01"),
        ),
        into("out_of_range", ("smallint", "300"), "tinyint", SEVEN, Some("127")),
        into("out_of_range", ("integer", "-1"), "int unsigned", SEVEN, Some("0")),
        into("out_of_range", ("integer", "1850"), "year", ("1970", "1970"), Some("1901")),
        into(
            "out_of_range",
            ("numeric(5,2)", "-0.01"),
            "decimal(5,2) unsigned",
            SEVEN_00,
            Some("0.00"),
        ),
        new(
            "too_precise",
            ("numeric", "0.00000000000000000000000000000049"),
            ONE_OF_WIDEST,
            Some("0.000000000000000000000000000000"),
        ),
        into(
            "too_precise",
            ("timestamp", "'2024-01-01 00:00:00.5'"),
            "datetime",
            MOMENT,
            Some("2024-01-01 00:00:00"),
        ),
        into("too_long", ("text", "'abcd'"), "varchar(3)", MARK, Some("abc")),
        into(
            "too_long",
            ("text", "repeat('ab', 128)"),
            "tinytext",
            MARK,
            Some(concat!(
                "abababababababababababababababababababababababababababababababababababababababab",
                "abababababababababababababababababababababababababababababababababababababababab",
                "abababababababababababababababababababababababababababababababababababababababab",
                "abababababababa",
            )),
        ),
        into(
            "no_such_character",
            ("text", "'Zoë 学😀 €'"),
            "varchar(9) CHARACTER SET latin1",
            MARK,
            Some("Zoë ?? €"),
        ),
        into(
            "no_such_character",
            ("varchar(9)", "'学 €😀'"),
            "tinytext CHARACTER SET utf8mb3",
            ("学", "学"),
            Some("学 €?"),
        ),
        into(
            "no_such_character",
            ("text", "'漢 한'"),
            "text CHARACTER SET gbk",
            ("漢", "漢"),
            Some("漢 ?"),
        ),
        into("no_such_character", ("char(3)", "'Zoë'"), ASCII, MARK, Some("Zo?")),
        into("no_such_label", ("text", "'c'"), "enum('a','b')", ("a", "a"), None),
        into("wrong_type", ("text", "'yesterday'"), "date", DAY, None),
    ],
};

const ASCII: &str = "char(3) CHARACTER SET ascii";

pub(super) const SQLITE_TO_MYSQL: Pair = Pair {
    from: Engine::Sqlite,
    to: Engine::MySql,
    ground: "",
    cases: &[
        new("wrong_type", ("INTEGER", "'abc'"), SEVEN, None),
        new("out_of_range", ("INT2", "40000"), SEVEN, Some("32767")),
        new("too_precise", ("NUMERIC(5,2)", "1.256"), ("1.5", "1.50"), Some("1.26")),
        new("too_long", ("VARCHAR(3)", "'Zoë!'"), MARK, Some("Zoë")),
        new("invalid_encoding", ("TEXT", "CAST(x'41ff' AS TEXT)"), MARK, Some("A\u{fffd}")),
        into(
            "invalid_encoding",
            ("TEXT", "CAST(x'41ff' AS TEXT)"),
            "varchar(9) CHARACTER SET latin1",
            MARK,
            Some("A?"),
        ),
        into(
            "no_such_character",
            ("TEXT", "'Zoë 😀'"),
            "longtext CHARACTER SET latin1",
            MARK,
            Some("Zoë ?"),
        ),
        new("not_finite", ("NUMERIC(5,2)", "-9e999"), ("1.5", "1.50"), Some("-999.99")),
        new("no_such_date", ("DATE", "'2024-02-31'"), DAY, Some("2024-02-29")),
        new("no_such_date", ("DATE", "'0000-00-00'"), DAY, None),
        new(
            "out_of_range",
            ("TIME", "'25:00:00'"),
            ("12:00", "12:00:00.000000"),
            Some("24:00:00.000000"),
        ),
    ],
};

pub(super) const MYSQL_TO_MYSQL: Pair = Pair {
    from: Engine::MySql,
    to: Engine::MySql,
    ground: "",
    cases: &[
        into("out_of_range", ("smallint", "-300"), "tinyint", SEVEN, Some("-128")),
        into("out_of_range", ("smallint", "-1"), "tinyint unsigned", SEVEN, Some("0")),
        into("out_of_range", ("bigint", "-1"), "bigint unsigned", SEVEN, Some("0")),
        into("too_long", ("longtext", "repeat('a', 256)"), "varchar(3)", MARK, Some("aaa")),
        into(
            "too_precise",
            ("time(1)", "'-838:59:58.5'"),
            "time",
            ("01:00:00", "01:00:00"),
            Some("-838:59:58"),
        ),
        into(
            "no_such_character",
            ("varchar(9) CHARACTER SET utf8mb3", "'Zoë 学'"),
            "varchar(9) CHARACTER SET latin1",
            MARK,
            Some("Zoë ?"),
        ),
        into(
            "no_such_character",
            ("char(3) CHARACTER SET latin1", "'Zoë'"),
            ASCII,
            MARK,
            Some("Zo?"),
        ),
        into("no_such_label", ("enum('a','b')", "'b'"), "enum('a')", ("a", "a"), None),
        // The error value: no text makes one, as long as the server is strict.
        new("no_such_label", ("enum('a','b')", "0"), ("b", "b"), None),
    ],
};

pub(super) const POSTGRES_TO_SQLITE: Pair = Pair {
    from: Engine::Postgres,
    to: Engine::Sqlite,
    ground: "",
    cases: &[
        new("not_finite", ("double precision", "'NaN'"), SEVEN, None),
        new("not_finite", ("numeric(5,2)", "'NaN'"), SEVEN, None),
        new("negative_zero", ("double precision", "'-0'"), SEVEN, Some("0")),
        into("out_of_range", ("bigint", "40000"), "INT2", SEVEN, Some("32767")),
        into(
            "out_of_range",
            ("double precision", "1e300"),
            "FLOAT4",
            SEVEN,
            Some("340282346638528860000000000000000000000"),
        ),
        into(
            "too_precise",
            ("double precision", "0.30000000000000004"),
            "FLOAT4",
            SEVEN,
            Some("0.30000001192092896"),
        ),
    ],
};

pub(super) const SQLITE_TO_SQLITE: Pair = Pair {
    from: Engine::Sqlite,
    to: Engine::Sqlite,
    ground: "",
    cases: &[
        into("wrong_type", ("INTEGER", "'abc'"), "BIGINT", SEVEN, None),
        into(
            "invalid_encoding",
            ("TEXT", "CAST(x'41ff' AS TEXT)"),
            "CLOB",
            MARK,
            Some("A\u{fffd}"),
        ),
        into(
            "no_such_date",
            ("DATETIME", "'2023-02-29 12:00:00'"),
            "TIMESTAMP",
            MOMENT,
            Some("2023-02-28 12:00:00"),
        ),
        into(
            "too_precise",
            ("DATETIME", "'2024-01-01 00:00:00.1234567'"),
            "TIMESTAMP",
            MOMENT,
            Some("2024-01-01 00:00:00.123456"),
        ),
    ],
};
