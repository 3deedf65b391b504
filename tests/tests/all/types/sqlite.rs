//! Cells that SQLite holds, by declared type and storage class, and what PostgreSQL makes of them.

/// What becomes of a cell.
pub(super) enum Becomes {
    /// It arrives, and PostgreSQL prints this.
    Text(&'static str),
    /// It is refused for this reason.
    Refused(&'static str),
}

use Becomes::{Refused, Text};

/// A declared type, and cells of it in SQLite's words with what becomes of each. NULL is added.
pub(super) type Declared = (&'static str, &'static [(&'static str, Becomes)]);

const EMOJI: &str = "e\u{301} \u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}";

pub(super) const DECLARED: &[Declared] = &[
    (
        "INTEGER",
        &[
            ("0", Text("0")),
            ("9223372036854775807", Text("9223372036854775807")),
            ("-9223372036854775808", Text("-9223372036854775808")),
            ("' 12 '", Text("12")),
            ("1.0", Text("1")),
            ("1.5", Refused("too_precise")),
            ("9e999", Refused("wrong_type")),
            ("'abc'", Refused("wrong_type")),
            ("''", Refused("wrong_type")),
            ("x'00'", Refused("wrong_type")),
        ],
    ),
    (
        "REAL",
        &[
            ("0.1", Text("0.1")),
            ("5e-324", Text("5e-324")),
            ("1.7976931348623157e308", Text("1.7976931348623157e+308")),
            ("2.2250738585072014e-308", Text("2.2250738585072014e-308")),
            ("9e999", Text("Infinity")),
            ("-9e999", Text("-Infinity")),
            ("-0.0", Text("0")),
            ("9007199254740993", Text("9.007199254740992e+15")),
            ("1e20", Text("1e+20")),
            ("'1.5'", Text("1.5")),
            ("'abc'", Refused("wrong_type")),
            ("x'3132'", Refused("wrong_type")),
        ],
    ),
    (
        "NUMERIC",
        &[
            ("1", Text("1")),
            ("1.5", Text("1.5")),
            ("'1.50'", Text("1.5")),
            ("0.1", Text("0.1")),
            ("9e999", Text("Infinity")),
            ("'abc'", Refused("wrong_type")),
            ("x'31'", Refused("wrong_type")),
        ],
    ),
    (
        "NUMERIC(10,2)",
        &[
            ("1", Text("1.00")),
            ("0.99", Text("0.99")),
            ("99999999.99", Text("99999999.99")),
            ("0.1 + 0.2", Refused("too_precise")),
            ("1.005", Refused("too_precise")),
            ("100000000", Refused("out_of_range")),
            ("9e999", Refused("not_finite")),
            ("'abc'", Refused("wrong_type")),
        ],
    ),
    (
        "TEXT",
        &[
            ("''", Text("")),
            ("'NULL'", Text("NULL")),
            (r"'\N'", Text(r"\N")),
            (r"'\.'", Text(r"\.")),
            ("'a' || char(9) || 'b' || char(10) || char(13)", Text("a\tb\n\r")),
            ("'0012'", Text("0012")),
            ("12", Text("12")),
            ("1.5", Text("1.5")),
            ("'é😀'", Text("é😀")),
            ("'a' || char(0) || 'b'", Refused("nul_in_text")),
            ("CAST(x'ff' AS TEXT)", Refused("invalid_encoding")),
            ("CAST(x'eda080' AS TEXT)", Refused("invalid_encoding")),
            ("x'61'", Text("a")),
            ("x'ff'", Refused("wrong_type")),
        ],
    ),
    (
        "VARCHAR(3)",
        &[
            ("'äöü'", Text("äöü")),
            ("''", Text("")),
            ("'abcd'", Refused("too_long")),
            ("'abc '", Refused("too_long")),
            ("1234", Refused("too_long")),
        ],
    ),
    ("NVARCHAR(40)", &[("'a'", Text("a")), ("'1e5'", Text("1e5"))]),
    (
        "BLOB",
        &[
            ("x''", Text(r"\x")),
            ("x'00ff005c'", Text(r"\x00ff005c")),
            ("'abc'", Text(r"\x616263")),
            ("12", Refused("wrong_type")),
            ("1.5", Refused("wrong_type")),
        ],
    ),
    (
        "",
        &[
            ("12", Text("12")),
            ("1.5", Text("1.5")),
            ("-0.0", Text("-0")),
            ("'12'", Text("12")),
            ("''", Text("")),
            ("9e999", Text("Infinity")),
            ("x'00'", Refused("wrong_type")),
        ],
    ),
    (
        "BOOLEAN",
        &[
            ("0", Text("f")),
            ("1", Text("t")),
            ("TRUE", Text("t")),
            ("'true'", Text("t")),
            ("'no'", Text("f")),
            ("2", Refused("wrong_type")),
            ("0.5", Refused("wrong_type")),
            ("'maybe'", Refused("wrong_type")),
        ],
    ),
    (
        "DATE",
        &[
            ("'2024-02-29'", Text("2024-02-29")),
            ("'0044-03-15 BC'", Text("0044-03-15 BC")),
            ("'infinity'", Text("infinity")),
            ("'2023-02-29'", Refused("no_such_date")),
            ("'2024-02-29 12:00:00'", Refused("wrong_type")),
            ("20240229", Refused("wrong_type")),
            ("'29.02.2024'", Refused("wrong_type")),
            ("2460370.5", Refused("wrong_type")),
            ("''", Refused("wrong_type")),
        ],
    ),
    (
        "DATETIME",
        &[
            ("'2024-02-29 12:30:00'", Text("2024-02-29 12:30:00")),
            ("'2024-02-29T12:30'", Text("2024-02-29 12:30:00")),
            ("'2024-02-29 12:30:00.250000'", Text("2024-02-29 12:30:00.25")),
            ("'2024-02-29'", Text("2024-02-29 00:00:00")),
            ("'2024-02-29 12:30:00Z'", Refused("wrong_type")),
            ("'2024-02-29 12:30:00.1234567'", Refused("too_precise")),
            ("1709209800", Refused("wrong_type")),
        ],
    ),
    (
        "TIMESTAMPTZ",
        &[
            ("'2024-02-29T14:30:00+02:00'", Text("2024-02-29 12:30:00+00")),
            ("'2024-02-29 12:30:00Z'", Text("2024-02-29 12:30:00+00")),
            ("'2024-02-29 12:30:00'", Refused("wrong_type")),
        ],
    ),
    (
        "TIME",
        &[
            ("'12:30'", Text("12:30:00")),
            ("'24:00:00'", Text("24:00:00")),
            ("'25:00:00'", Refused("out_of_range")),
        ],
    ),
    (
        "UUID",
        &[
            (
                "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'",
                Text("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
            ),
            ("'a0eebc999c0b4ef8bb6d6bb9bd380a11'", Text("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")),
            ("'no'", Refused("wrong_type")),
        ],
    ),
    (
        "JSON",
        &[
            (r#"'{"a": 1,  "a":2}'"#, Text(r#"{"a": 1,  "a":2}"#)),
            ("'[]'", Text("[]")),
            ("1", Text("1")),
            ("'{'", Refused("wrong_type")),
            ("''", Refused("wrong_type")),
        ],
    ),
    ("SMALLINT", &[("40000", Text("40000")), ("'x'", Refused("wrong_type"))]),
    ("INT2", &[("32767", Text("32767")), ("40000", Refused("out_of_range"))]),
    ("CLOB", &[("'x'", Text("x")), (EMOJI_LITERAL, Text(EMOJI))]),
    ("MONEY", &[("1.5", Text("1.5"))]),
];

const EMOJI_LITERAL: &str = "'e\u{301} \u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}'";
