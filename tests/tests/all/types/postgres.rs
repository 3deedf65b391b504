//! Values that PostgreSQL has and others trip over: type by type, as SQL text.

/// A type and values of it. A value is the text that its input function reads, or an expression
/// where it begins with `=`. NULL is added to each.
pub(super) type Sort = (&'static str, &'static [&'static str]);

/// What must be there before the tables.
pub(super) const GROUND: &str = "
    CREATE TYPE mood AS ENUM ('sad', 'it''s', 'a \"b\"', 'c,d', '', 'ä 😀', 'NULL');
    CREATE DOMAIN positive AS numeric(10,2) CHECK (VALUE > 0);
";

/// A type that only a target with the same type can hold, made by hand on both sides.
pub(super) const OWN: &str = "
    CREATE TYPE pair AS (a int, b text, c numeric(5,2));
    CREATE TYPE span AS RANGE (subtype = float8);
";

/// Types of [`OWN`].
pub(super) const OWN_SORTS: &[Sort] = &[
    ("pair", &["(1,\"x \"\"y\"\", z\",1.50)", "(,,)", "(1,\"\",)"]),
    ("span", &["[1.5,2.5)", "empty", "(,)"]),
    ("pair[]", &["{}", r#"{"(1,a,2.00)",NULL}"#]),
    ("mood[]", &["{}", r#"{sad,NULL,"NULL","it's","c,d",""}"#]),
];

/// All the types that the type table knows, and the builtin ones that it does not.
pub(super) const SORTS: &[Sort] = &[
    ("boolean", &["t", "f"]),
    ("smallint", &["0", "-32768", "32767"]),
    ("integer", &["0", "-2147483648", "2147483647"]),
    ("bigint", &["0", "-9223372036854775808", "9223372036854775807"]),
    (
        "numeric",
        &[
            "0",
            "0.000",
            "-0.0",
            "1.50",
            "NaN",
            "=('1' || repeat('0', 130000))::numeric",
            "=('0.' || repeat('0', 16000) || '1')::numeric",
            "=(repeat('9', 1000))::numeric",
            "-123456789012345678901234567890.123456789012345678901234567890",
            "1e-20",
            "1e+20",
        ],
    ),
    ("numeric(10,2)", &["0", "1.50", "-99999999.99", "99999999.99", "NaN"]),
    ("numeric(15,15)", &["0.000000000000001", "-0.999999999999999"]),
    ("numeric(16,1)", &["999999999999999.9", "-0.1", "NaN"]),
    ("numeric(1000,500)", &["=(repeat('9', 500) || '.' || repeat('9', 500))::numeric", "1"]),
    ("numeric(4,0)", &["9999", "-1"]),
    (
        "real",
        &[
            "0",
            "-0",
            "1e-45",
            "3.4028235e+38",
            "-3.4028235e38",
            "0.1",
            "NaN",
            "Infinity",
            "-Infinity",
            "16777217",
            "1.17549435e-38",
        ],
    ),
    (
        "double precision",
        &[
            "0",
            "-0",
            "5e-324",
            "1.7976931348623157e+308",
            "2.2250738585072014e-308",
            "0.1",
            "0.30000000000000004",
            "NaN",
            "Infinity",
            "-Infinity",
            "9007199254740993",
            "1e15",
            "1e16",
            "123456789012345680",
        ],
    ),
    ("money", &["0", "-92233720368547758.08", "92233720368547758.07", "1.50"]),
    (
        "text",
        &[
            "",
            " ",
            "NULL",
            r"\N",
            r"\.",
            "\\",
            "a\tb\nc\rd",
            "'\"`;--",
            "e\u{301} \u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467} \u{FFFD} \u{10FFFF}",
            "\u{FEFF}bom",
            "\u{1}\u{7f}\u{8}\u{b}\u{c}",
            "=repeat('ä😀', 300000)",
            "0012",
            "1e5",
            " 7 ",
        ],
    ),
    ("character varying(5)", &["", "abcde", "äöü😀 ", "12"]),
    ("character varying", &["", "x "]),
    ("character(5)", &["", "a", "abcde", " a", "äöü😀"]),
    ("\"char\"", &["", "a", "="]),
    ("name", &["", "a", "=repeat('n', 63)::name"]),
    (
        "bytea",
        &[r"\x", r"\x00", r"\x00ff005c6e0a", r"\x5c7830", "=decode(repeat('00ff', 500000), 'hex')"],
    ),
    (
        "date",
        &[
            "2024-02-29",
            "infinity",
            "-infinity",
            "0001-01-01",
            "0044-03-15 BC",
            "4713-01-01 BC",
            "5874897-12-31",
        ],
    ),
    ("time", &["00:00:00", "24:00:00", "23:59:59.999999", "12:30:00.25"]),
    ("time(0)", &["12:30:00", "24:00:00"]),
    (
        "timetz",
        &[
            "00:00:00+15:59",
            "24:00:00-15:59",
            "12:30:00.000001+05:30",
            "12:00:00+00",
            "12:00:00-03:30:15",
        ],
    ),
    (
        "timestamp",
        &[
            "infinity",
            "-infinity",
            "294276-12-31 23:59:59.999999",
            "4713-01-01 00:00:00 BC",
            "1999-12-31 23:59:60",
            "2024-02-29 12:30:00.25",
            "0001-01-01 00:00:00",
        ],
    ),
    ("timestamp(3)", &["2024-02-29 12:30:00.125", "infinity"]),
    (
        "timestamptz",
        &[
            "infinity",
            "-infinity",
            "294276-12-31 23:59:59.999999+00",
            "4713-01-01 00:00:00+00 BC",
            "2024-03-31 02:30:00+02",
            "1890-01-01 00:00:00+00:19:32",
        ],
    ),
    (
        "interval",
        &[
            "0",
            "178000000 years",
            "-178000000 years",
            "1 mon -1 day 00:00:00.000001",
            "-1 year -2 mons +3 days -04:05:06.789",
            "2147483647 days",
            "-2562047788:00:54.775807",
        ],
    ),
    ("interval day to second(0)", &["1 day 02:03:04"]),
    (
        "uuid",
        &[
            "00000000-0000-0000-0000-000000000000",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
            "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
        ],
    ),
    (
        "json",
        &[
            r#"{"a": 1,   "a":2, "b" : [1.0, 1e5, null]}"#,
            "  null ",
            "\"\"",
            "1.50",
            "12345678901234567890123",
            r#""\u0000""#,
            r#""\ud83d\ude00""#,
        ],
    ),
    (
        "jsonb",
        &[r#"{"b": 1, "aa": [1.0, null], "b": 2, "": {}}"#, "null", "1.50", "1e5", "\"😀\"", "[]"],
    ),
    ("xml", &["<a b=\"c\">d</a>", "", "text <!-- c --> ä"]),
    ("bit(4)", &["0101", "0000"]),
    ("bit varying(8)", &["", "00", "11111111"]),
    ("bit varying", &["", "=repeat('10', 500)::varbit"]),
    ("bit", &["1"]),
    (
        "integer[]",
        &[
            "{}",
            "{1,NULL,-2147483648}",
            "{{1,2},{3,4}}",
            "[0:2]={1,2,3}",
            "[-1:0][5:6]={{1,2},{3,4}}",
        ],
    ),
    (
        "text[]",
        &[
            "{}",
            "{\"\"}",
            "{NULL,\"NULL\"}",
            r#"{"a,b","{}","\"q\"","\\\\","x y",é😀}"#,
            "{{a,b},{c,NULL}}",
        ],
    ),
    ("varchar(3)[]", &["{abc,\"\"}"]),
    ("numeric(5,2)[]", &["{1.50,NULL,NaN}"]),
    ("double precision[]", &["{NaN,Infinity,-0,5e-324}"]),
    ("timestamptz[]", &["{infinity,\"2024-01-01 00:00:00+00\"}"]),
    ("bytea[]", &[r#"{"\\x00ff","\\x"}"#]),
    ("boolean[]", &["{t,f,NULL}"]),
    ("jsonb[]", &[r#"{"{\"a\": [1, null]}",NULL}"#]),
    ("int4range", &["empty", "[1,5)", "(,)", "[2147483647,)"]),
    ("numrange", &["[1.50,2.500]", "empty", "(,NaN]"]),
    ("tstzrange", &["[\"2024-01-01 00:00:00+00\",infinity]", "empty"]),
    ("daterange", &["[2024-01-01,infinity)", "(,)"]),
    ("int8multirange", &["{}", "{[1,3),[5,9)}"]),
    ("mood", &["sad", "it's", "a \"b\"", "c,d", "", "ä 😀", "NULL"]),
    ("positive", &["0.01", "99999999.99"]),
    ("inet", &["0.0.0.0/0", "192.168.1.5/24", "::1", "2001:db8::/32"]),
    ("cidr", &["10.0.0.0/8", "::/0"]),
    ("macaddr", &["08:00:2b:01:02:03"]),
    ("macaddr8", &["08:00:2b:01:02:03:04:05"]),
    ("tsvector", &["", "'a':1A,3 'it''s':2", "'a b'"]),
    ("tsquery", &["'a' & !'b' <-> 'c':*A", ""]),
    ("point", &["(0,-0)", "(1.5,NaN)", "(Infinity,-Infinity)"]),
    ("line", &["{1,-1,0}"]),
    ("lseg", &["[(0,0),(1,1)]"]),
    ("box", &["(1,1),(0,0)"]),
    ("path", &["((0,0),(1,1))", "[(0,0),(1,1)]"]),
    ("polygon", &["((0,0),(1,1),(1,0))"]),
    ("circle", &["<(0,0),1.5>"]),
    ("oid", &["0", "4294967295"]),
    ("pg_lsn", &["0/0", "FFFFFFFF/FFFFFFFF"]),
    ("xid8", &["18446744073709551615"]),
    ("tid", &["(0,1)"]),
    ("regtype", &["integer"]),
    ("jsonpath", &["$.\"a\"[*]?(@ > 1)"]),
];

/// Those that are younger than PostgreSQL 13.
pub(super) const YOUNG: &[Sort] = &[("numeric", &["Infinity", "-Infinity"])];
