//! MySQL's own types with the values at their borders, and what becomes of each.

/// What becomes of a value in PostgreSQL.
#[derive(Debug, Clone, Copy)]
pub(super) enum Becomes {
    /// It arrives, and PostgreSQL prints this.
    Text(&'static str),
    /// It arrives as the bytes that MySQL holds.
    Bytes,
    /// It is refused for this reason.
    Refused(&'static str),
}

use Becomes::{Bytes, Refused, Text};

/// A type, and values of it in MySQL's words with what becomes of each. NULL is added.
pub(super) type Sort = (&'static str, &'static [(&'static str, Becomes)]);

pub(super) const SORTS: &[Sort] = &[
    ("tinyint(1)", &[("127", Text("127")), ("-128", Text("-128")), ("0", Text("0"))]),
    ("tinyint unsigned", &[("255", Text("255")), ("0", Text("0"))]),
    ("smallint", &[("-32768", Text("-32768")), ("32767", Text("32767"))]),
    ("smallint unsigned", &[("65535", Text("65535"))]),
    ("mediumint", &[("-8388608", Text("-8388608"))]),
    ("mediumint unsigned", &[("16777215", Text("16777215"))]),
    ("int", &[("-2147483648", Text("-2147483648")), ("2147483647", Text("2147483647"))]),
    ("int unsigned", &[("4294967295", Text("4294967295"))]),
    ("int(8) unsigned zerofill", &[("42", Text("42")), ("0", Text("0"))]),
    (
        "bigint",
        &[
            ("-9223372036854775808", Text("-9223372036854775808")),
            ("9223372036854775807", Text("9223372036854775807")),
        ],
    ),
    (
        "bigint unsigned",
        &[("18446744073709551615", Text("18446744073709551615")), ("0", Text("0"))],
    ),
    (
        "decimal(65,30)",
        &[
            (
                "99999999999999999999999999999999999.999999999999999999999999999999",
                Text("99999999999999999999999999999999999.999999999999999999999999999999"),
            ),
            ("-0.000000000000000000000000000001", Text("-0.000000000000000000000000000001")),
            ("0", Text("0.000000000000000000000000000000")),
        ],
    ),
    (
        "decimal(10,2) unsigned zerofill",
        &[("1.5", Text("1.50")), ("99999999.99", Text("99999999.99"))],
    ),
    (
        "float",
        &[
            ("0.1", Text("0.1")),
            ("3.4028235e38", Text("3.4028235e+38")),
            ("16777216", Text("1.6777216e+07")),
            ("-1.1754944e-38", Text("-1.1754944e-38")),
        ],
    ),
    ("float(8,2)", &[("123456.78", Text("123456.78"))]),
    (
        "double",
        &[
            ("0.1", Text("0.1")),
            ("1.7976931348623157e308", Text("1.7976931348623157e+308")),
            ("2.2250738585072014e-308", Text("2.2250738585072014e-308")),
            ("0.30000000000000004", Text("0.30000000000000004")),
        ],
    ),
    ("double(10,3)", &[("1234567.891", Text("1234567.891"))]),
    ("bit(1)", &[("b'1'", Text("1")), ("b'0'", Text("0"))]),
    ("bit(12)", &[("b'101'", Text("000000000101"))]),
    (
        "bit(64)",
        &[
            (
                "18446744073709551615",
                Text("1111111111111111111111111111111111111111111111111111111111111111"),
            ),
            ("1", Text("0000000000000000000000000000000000000000000000000000000000000001")),
        ],
    ),
    (
        "year",
        &[("1901", Text("1901")), ("2155", Text("2155")), ("0", Text("0")), ("'0000'", Text("0"))],
    ),
    (
        "date",
        &[
            ("'0001-01-01'", Text("0001-01-01")),
            ("'9999-12-31'", Text("9999-12-31")),
            ("'2024-02-29'", Text("2024-02-29")),
            ("'0000-00-00'", Refused("no_such_date")),
            ("'2024-00-15'", Refused("no_such_date")),
            ("'2024-05-00'", Refused("no_such_date")),
        ],
    ),
    (
        "datetime(6)",
        &[
            ("'2024-02-29 12:30:00.25'", Text("2024-02-29 12:30:00.25")),
            ("'9999-12-31 23:59:59.999999'", Text("9999-12-31 23:59:59.999999")),
            ("'1000-01-01 00:00:00'", Text("1000-01-01 00:00:00")),
            ("'0000-00-00 00:00:00'", Refused("no_such_date")),
        ],
    ),
    ("datetime", &[("'2024-02-29 12:30:59'", Text("2024-02-29 12:30:59"))]),
    (
        "timestamp(6)",
        &[
            ("'1970-01-01 00:00:01'", Text("1970-01-01 00:00:01+00")),
            ("'2038-01-19 03:14:07.999999'", Text("2038-01-19 03:14:07.999999+00")),
            ("'0000-00-00 00:00:00'", Refused("no_such_date")),
        ],
    ),
    ("timestamp", &[("'2024-03-31 01:30:00'", Text("2024-03-31 01:30:00+00"))]),
    (
        "time(6)",
        &[
            ("'838:59:59'", Text("838:59:59")),
            ("'-838:59:59'", Text("-838:59:59")),
            ("'00:00:00.000001'", Text("00:00:00.000001")),
            ("'24:00:00'", Text("24:00:00")),
            ("'-00:00:01.5'", Text("-00:00:01.5")),
        ],
    ),
    ("time", &[("'12:30:00'", Text("12:30:00"))]),
    ("char(5)", &[("'ab'", Text("ab")), ("''", Text("")), ("'äöü日'", Text("äöü日"))]),
    (
        "varchar(20)",
        &[
            ("'a  '", Text("a  ")),
            ("''", Text("")),
            ("'NULL'", Text("NULL")),
            (r"'\\N'", Text(r"\N")),
            (r"'\\.'", Text(r"\.")),
            (r"'a\tb\nc\rd'", Text("a\tb\nc\rd")),
            ("'é😀日本'", Text("é😀日本")),
            ("'it''s \"x\"'", Text("it's \"x\"")),
            (r"'a\0b'", Refused("nul_in_text")),
        ],
    ),
    ("varchar(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci", &[("'äöüß€'", Text("äöüß€"))]),
    ("varchar(20) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci", &[("'日本'", Text("日本"))]),
    ("varchar(20) CHARACTER SET cp1251 COLLATE cp1251_general_ci", &[("'Привет'", Text("Привет"))]),
    ("tinytext", &[("'x'", Text("x"))]),
    ("text", &[("'x'", Text("x")), ("''", Text(""))]),
    ("mediumtext", &[("'x'", Text("x"))]),
    ("longtext", &[("repeat('ä', 300000)", Bytes)]),
    ("binary(4)", &[("x'0001'", Text(r"\x00010000"))]),
    ("varbinary(10)", &[("x''", Text(r"\x")), ("x'00ff27'", Text(r"\x00ff27"))]),
    ("tinyblob", &[("x'5c'", Text(r"\x5c"))]),
    ("blob", &[("x'00ff5c0a09'", Text(r"\x00ff5c0a09"))]),
    ("longblob", &[("repeat(x'00ff', 300000)", Bytes)]),
    ("enum('a','it''s','')", &[("'a'", Text("a")), ("'it''s'", Text("it's")), ("''", Text(""))]),
    ("set('a','b','c')", &[("'a,c'", Text("a,c")), ("''", Text(""))]),
    ("json", &[("'{\"b\":1,  \"a\":[1.0,null]}'", Text("{\"b\":1,  \"a\":[1.0,null]}"))]),
    ("geometry", &[("ST_GeomFromText('POINT(1 2)')", Bytes)]),
    ("polygon", &[("ST_GeomFromText('POLYGON((0 0,0 1,1 1,0 0))', 4326)", Bytes)]),
];

/// Types of MariaDB alone.
pub(super) const OF_MARIADB: &[Sort] = &[
    (
        "uuid",
        &[("'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", Text("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"))],
    ),
    ("inet6", &[("'::1'", Text("::1"))]),
];
