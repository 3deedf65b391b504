//! Tables of what is carried, how, and what is refused.

mod agreement;

use protocol::schema::Logical;

use super::*;

const PG: Engine = Engine::Postgres;
const LITE: Engine = Engine::Sqlite;

fn column(name: &str, logical: Logical) -> Column {
    Column {
        name: name.into(),
        native: String::new(),
        logical,
        nullable: true,
        raw: true,
        ..Column::default()
    }
}

#[test]
fn what_postgresql_prints_is_carried_to_sqlite() {
    let table = [
        ("(score >= 0)", "\"score\" >= 0"),
        (
            "((score >= (0)::numeric) AND (score <= (100)::numeric))",
            "(\"score\" >= 0) AND (\"score\" <= 100)",
        ),
        ("((status)::text = 'x'::text)", "\"status\" = 'x'"),
        ("(status <> 'it''s'::character varying)", "\"status\" <> 'it''s'"),
        ("(kind = ANY (ARRAY['a'::text, 'b'::text]))", "\"kind\" IN ('a', 'b')"),
        (
            "((kind)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[]))",
            "\"kind\" IN ('a', 'b')",
        ),
        ("(n <> ALL (ARRAY[1, 2]))", "\"n\" NOT IN (1, 2)"),
        ("(n > '-5'::integer)", "\"n\" > (-5)"),
        ("(ratio < (0.5)::double precision)", "\"ratio\" < 0.5"),
        ("(NOT hidden)", "NOT \"hidden\""),
        ("(active OR (parent IS NOT NULL))", "\"active\" OR (\"parent\" IS NOT NULL)"),
        ("(active IS TRUE)", "\"active\" IS TRUE"),
        ("(length((code)::text) = 3)", "length(\"code\") = 3"),
        ("(COALESCE(a, 0) > 1)", "coalesce(\"a\", 0) > 1"),
        ("(NULLIF(a, ''::text) IS NULL)", "nullif(\"a\", '') IS NULL"),
        ("(abs((a - 1)) <= 3)", "abs(\"a\" - 1) <= 3"),
        ("(((a)::text || '-'::text) <> '-'::text)", "(\"a\" || '-') <> '-'"),
        ("((n >= 1) AND (n <= 5))", "(\"n\" >= 1) AND (\"n\" <= 5)"),
        ("(n BETWEEN 1 AND 5)", "\"n\" BETWEEN 1 AND 5"),
        (
            "CASE WHEN (a = 1) THEN (b IS NULL) ELSE true END",
            "CASE WHEN (\"a\" = 1) THEN (\"b\" IS NULL) ELSE TRUE END",
        ),
        ("(\"Odd \"\"Name\" = 1)", "\"Odd \"\"Name\" = 1"),
        ("(taken = '2024-02-29'::date)", "\"taken\" = '2024-02-29'"),
        ("now()", "CURRENT_TIMESTAMP"),
        ("CURRENT_DATE", "CURRENT_DATE"),
    ];
    for (from, to) in table {
        assert_eq!(translate(from, PG, LITE).as_deref(), Some(to), "{from}");
    }
}

#[test]
fn what_people_write_in_sqlite_is_carried_to_postgresql() {
    let table = [
        ("score >= 0 AND score <= 100", "(\"score\" >= 0) AND (\"score\" <= 100)"),
        ("status IN ('a','b')", "\"status\" IN ('a', 'b')"),
        ("status NOT IN ('a')", "\"status\" NOT IN ('a')"),
        ("n == 1", "\"n\" = 1"),
        ("[my col] != 2", "\"my col\" <> 2"),
        ("`n` BETWEEN -1 AND 5", "\"n\" BETWEEN (-1) AND 5"),
        ("NOT (a IS NULL OR b IS NULL)", "NOT ((\"a\" IS NULL) OR (\"b\" IS NULL))"),
        ("length(name) > 0", "length(\"name\") > 0"),
        ("a * 2 + 1 = 7", "((\"a\" * 2) + 1) = 7"),
        (
            "CASE kind WHEN 'x' THEN 1 ELSE 0 END = 1",
            "CASE \"kind\" WHEN 'x' THEN 1 ELSE 0 END = 1",
        ),
        ("(datetime('now'))", "CURRENT_TIMESTAMP"),
        ("(date('now'))", "CURRENT_DATE"),
    ];
    for (from, to) in table {
        assert_eq!(translate(from, LITE, PG).as_deref(), Some(to), "{from}");
    }
}

#[test]
fn what_does_not_mean_the_same_is_refused() {
    let postgres = [
        "(name ~~ 'a%'::text)",
        "(name ~ '^a'::text)",
        "(lower(name) = name)",
        "(a / 2)",
        "(a % 2)",
        "((name)::text > 'm'::text)",
        "(a < b)",
        "(code = 'AB'::bpchar)",
        "((a)::integer = 1)",
        "(x = 1.5 + y)",
        "(at > now())",
        "(a = 1e400)",
        "(n = 99999999999999999999)",
        "(tags @> '{}'::text[])",
        "nextval('s'::regclass)",
        "(a = 1) garbage",
        "",
        "(a).b = 1",
        "t.a = 1",
        "EXISTS (SELECT 1)",
        "(n = ANY (ARRAY[]::integer[]))",
        "(x = 'a'::varchar(3))",
        "((j ->> 'a'::text) = 'b'::text)",
        "(ts > '2024-01-01'::date)",
        "E'a\\n' = a",
        "coalesce(a)",
        "(a COLLATE \"C\") = 'x'",
        "count(DISTINCT a)",
        "(a - b) = 3",
        "(a = 'x'::citext)",
    ];
    for text in postgres {
        assert_eq!(translate(text, PG, LITE), None, "{text}");
    }
    let sqlite = [
        "name LIKE 'a%'",
        "name GLOB 'a*'",
        "name > 'm'",
        "upper(name) = name",
        "CAST(a AS INTEGER) = 1",
        "active AND n > 1",
        "a = b < c",
        "a = b IS NULL",
        "n / 2 = 1",
        "typeof(a) = 'text'",
        "n = 0x10",
        "a BETWEEN 'x' AND 'y'",
        "a < b",
        "'a' || 1 = 'a1'",
        "x'00' = a",
        "name REGEXP 'x'",
        "(a, b) = (1, 2)",
        "strftime('%s','now')",
        "NOT n",
        "n & 1 = 1",
        "json_valid(a)",
    ];
    for text in sqlite {
        assert_eq!(translate(text, LITE, PG), None, "{text}");
    }
}

#[test]
fn the_same_engine_keeps_its_words() {
    for engine in [PG, LITE, Engine::Memory] {
        assert_eq!(translate("name LIKE 'a%'", engine, engine).as_deref(), Some("name LIKE 'a%'"));
    }
    assert_eq!(translate("a = 1", PG, Engine::Memory), None);
    assert_eq!(translate("a = 1", Engine::Memory, PG), None);
}

#[test]
fn known_columns_settle_what_the_words_leave_open() {
    let columns = [
        column("Active", Logical::Boolean),
        column("n", Logical::Integer { bits: 32 }),
        column("m", Logical::Decimal { precision: Some(15), scale: Some(2) }),
        column("wide", Logical::Decimal { precision: Some(16), scale: Some(2) }),
        column("endless", Logical::Decimal { precision: None, scale: None }),
        column("name", Logical::Text { length: None }),
        column("fixed", Logical::Char { length: 3 }),
        column("day", Logical::Date),
        column("doc", Logical::JsonBinary),
    ];
    let lite = |text: &str| translate_over(text, &columns, LITE, PG);
    let post = |text: &str| translate_over(text, &columns, PG, LITE);
    assert_eq!(lite("active IN (0, 1)").as_deref(), Some("\"Active\" IN (FALSE, TRUE)"));
    assert_eq!(
        lite("ACTIVE = 1 AND active").as_deref(),
        Some("(\"Active\" = TRUE) AND \"Active\"")
    );
    assert_eq!(lite("n <= m").as_deref(), Some("\"n\" <= \"m\""));
    for refused in [
        "\"text\" = 'x'",
        "name > n",
        "name = 1",
        "n = 'x'",
        "fixed = 'ab'",
        "day > '2024-1-1'",
        "active = 2",
        "m + 1 = 2",
        "doc = '{}'",
        "name || n = 'x'",
        "rowid > 0",
        "length(n) = 1",
    ] {
        assert_eq!(lite(refused), None, "{refused}");
    }
    assert_eq!(lite("day = '2024-01-01'").as_deref(), Some("\"day\" = '2024-01-01'"));
    assert_eq!(post("(\"Active\" = true)").as_deref(), Some("\"Active\" = TRUE"));
    assert_eq!(post("(m >= (0)::numeric)").as_deref(), Some("\"m\" >= 0"));
    for text in ["(wide >= (0)::numeric)", "(endless = (1)::numeric)", "(endless < wide)"] {
        assert_eq!(post(text), None, "{text}: text in SQLite");
    }
    assert_eq!(lite("endless >= 0").as_deref(), Some("\"endless\" >= 0"), "a number in SQLite");
    let kept = Column { native: "DECIMAL_TEXT".into(), ..columns[4].clone() };
    assert_eq!(translate_over("endless >= 0", &[kept], LITE, PG), None);
    assert_eq!(post("(active = true)"), None, "PostgreSQL does not fold a catalogue's name");
    assert_eq!(post("((\"Active\")::text = 'true'::text)"), None);
    assert_eq!(post("((n)::numeric < m)").as_deref(), Some("\"n\" < \"m\""));
    assert_eq!(post("(doc IS NOT NULL)").as_deref(), Some("\"doc\" IS NOT NULL"));
}

#[test]
fn what_was_printed_reads_again_and_prints_the_same() {
    for text in ["a * 2 + 1 = 7", "NOT (a IS NULL OR b = 'x')", "n BETWEEN -1 AND 5"] {
        let once = translate(text, LITE, PG).unwrap();
        let again = translate(&once, PG, LITE).unwrap();
        assert_eq!(once, again);
    }
}

#[test]
fn defaults_are_read_as_their_column_reads_them() {
    let text = Logical::Text { length: Some(5) };
    let int = Logical::Integer { bits: 16 };
    let dec = Logical::Decimal { precision: Some(5), scale: Some(2) };
    let mood = Logical::Enum { labels: vec!["ok".into()] };
    let table: Vec<(&str, Logical, Engine, Option<&str>)> = vec![
        ("'abc'::character varying", text.clone(), PG, Some("'abc'")),
        ("'abcdef'::text", text.clone(), PG, None),
        ("'abc'::character varying(2)", text.clone(), PG, None),
        ("NULL::character varying", text.clone(), PG, Some("NULL")),
        ("'-1'::integer", int.clone(), PG, Some("-1")),
        ("(-1)", int.clone(), PG, Some("-1")),
        ("40000", int.clone(), PG, None),
        ("(2.7)::integer", dec.clone(), PG, None),
        ("1.25", dec.clone(), PG, Some("1.25")),
        ("1.255", dec.clone(), PG, None),
        ("(0)::numeric", dec, PG, Some("0")),
        ("true", Logical::Boolean, PG, Some("TRUE")),
        ("'ok'::mood", mood.clone(), PG, Some("'ok'")),
        ("'bad'::mood", mood, PG, None),
        ("'{}'::jsonb", Logical::JsonBinary, PG, Some("'{}'")),
        ("'{'::json", Logical::Json, PG, None),
        ("'{}'::text[]", Logical::Array { of: Box::new(text.clone()) }, PG, None),
        ("now()", Logical::TimestampWithZone, PG, Some("CURRENT_TIMESTAMP || '+00'")),
        ("(now())::timestamp without time zone", Logical::Timestamp, PG, Some("CURRENT_TIMESTAMP")),
        ("(now())::date", Logical::Date, PG, Some("CURRENT_DATE")),
        ("CURRENT_DATE", Logical::Date, PG, Some("CURRENT_DATE")),
        ("now()", Logical::Date, PG, None),
        ("'2024-01-01'::date", Logical::Date, PG, Some("'2024-01-01'")),
        ("gen_random_uuid()", Logical::Uuid, PG, None),
        ("nextval('s'::regclass)", int.clone(), PG, None),
        ("(1 + 1)", int.clone(), PG, None),
        ("1", Logical::Boolean, LITE, Some("TRUE")),
        ("0", Logical::Boolean, LITE, Some("FALSE")),
        ("2", Logical::Boolean, LITE, None),
        ("TRUE", Logical::Boolean, LITE, Some("TRUE")),
        ("0", text.clone(), LITE, Some("'0'")),
        ("'x'", text.clone(), LITE, Some("'x'")),
        ("'it''s'", text.clone(), LITE, Some("'it''s'")),
        ("\"x\"", text.clone(), LITE, None),
        ("+5", int.clone(), LITE, Some("5")),
        ("(datetime('now'))", Logical::Timestamp, LITE, Some("CURRENT_TIMESTAMP")),
        ("CURRENT_TIMESTAMP", Logical::TimestampWithZone, LITE, Some("CURRENT_TIMESTAMP")),
        ("CURRENT_TIMESTAMP", text, LITE, None),
        ("'x'", Logical::Any, LITE, None),
        ("NULL", int, LITE, Some("NULL")),
    ];
    for (given, logical, from, wanted) in table {
        let to = if from == PG { LITE } else { PG };
        let got = translate_default(given, &logical, from, to);
        assert_eq!(got.as_deref(), wanted, "{given} as {logical:?}");
    }
    assert_eq!(translate_default("f(x)", &Logical::Any, PG, PG).as_deref(), Some("f(x)"));
}

#[test]
fn defaults_of_bytes_bits_and_many_digits_are_carried() {
    let bit = Logical::Bits { length: Some(4), varying: false };
    let wide = Logical::Decimal { precision: Some(65), scale: Some(30) };
    let others = [
        ("'ab  '::bpchar", Logical::Text { length: Some(4) }, PG, Some("'ab'")),
        ("'\\x00ff'::bytea", Logical::Binary, PG, Some("x'00ff'")),
        ("x'00ff'", Logical::Binary, LITE, Some("'\\x00ff'")),
        ("'101'::\"bit\"", bit.clone(), PG, Some("'0101'")),
        ("0.0000000000000000000000000000001", wide.clone(), PG, None),
        ("12345678901234567890.01", wide.clone(), PG, Some("'12345678901234567890.01'")),
    ];
    for (given, logical, from, wanted) in others {
        let to = if from == PG { LITE } else { PG };
        let got = translate_default(given, &logical, from, to);
        assert_eq!(got.as_deref(), wanted, "{given} as {logical:?}");
    }
    let of_mysql = [
        ("0.000000000000000000000000000000", wide, PG, Some("0.000000000000000000000000000000")),
        ("b'101'", bit.clone(), PG, Some("B'0101'")),
        ("b'11111'", bit.clone(), PG, None),
        ("b'101'", bit, LITE, Some("'0101'")),
        ("x'27'", Logical::Binary, PG, Some("'\\x27'")),
        ("'-838:59:59'", Logical::Interval, PG, Some("'-838:59:59'")),
        ("'1 day'", Logical::Interval, PG, None),
    ];
    for (given, logical, to, wanted) in of_mysql {
        let got = translate_default(given, &logical, Engine::MySql, to);
        assert_eq!(got.as_deref(), wanted, "{given} as {logical:?}");
    }
}

#[test]
fn an_instant_that_mysql_can_hold_comes_without_its_zone() {
    let instant = Logical::TimestampWithZone;
    for (given, wanted) in [
        ("'2024-01-01 00:00:00+00'::timestamp with time zone", Some("'2024-01-01 00:00:00'")),
        ("'2099-01-01 00:00:00+00'::timestamp with time zone", None),
    ] {
        let got = translate_default(given, &instant, PG, Engine::MySql);
        assert_eq!(got.as_deref(), wanted, "{given}");
    }
}

#[test]
fn dates_and_numbers_of_many_digits_are_ordered_alike() {
    const MY: Engine = Engine::MySql;
    let columns = [
        column("d", Logical::Date),
        column("t", Logical::Timestamp),
        column("n", Logical::Decimal { precision: None, scale: None }),
        column("wide", Logical::Decimal { precision: Some(30), scale: Some(10) }),
        column("s", Logical::Text { length: None }),
    ];
    let carried = |expression: &str, from, to| translate_over(expression, &columns, from, to);
    for (expression, from, to, there) in [
        ("d > '2000-01-01'", MY, PG, "\"d\" > '2000-01-01'"),
        ("(d > '2000-01-01'::date)", PG, LITE, "\"d\" > '2000-01-01'"),
        (
            "((d >= '2000-01-01'::date) AND (d <= '2100-12-31'::date))",
            PG,
            MY,
            "(`d` >= '2000-01-01') AND (`d` <= '2100-12-31')",
        ),
        (
            "d BETWEEN '2000-01-01' AND '2010-01-01'",
            LITE,
            PG,
            "\"d\" BETWEEN '2000-01-01' AND '2010-01-01'",
        ),
        (
            "(t < '2030-01-01 00:00:00'::timestamp without time zone)",
            PG,
            MY,
            "`t` < '2030-01-01 00:00:00'",
        ),
        ("(n >= (0)::numeric)", PG, MY, "`n` >= 0"),
        ("wide < 100.5", MY, PG, "\"wide\" < 100.5"),
    ] {
        assert_eq!(carried(expression, from, to).as_deref(), Some(there), "{expression}");
    }
    for (expression, from, to) in [
        ("d > '2000-02-30'", MY, PG),
        ("d > '2000-1-1'", MY, PG),
        ("t > '2000-01-01'", MY, LITE),
        ("t > '2000-01-01 00:00:00.500'", MY, LITE),
        ("s > '2000-01-01'", MY, PG),
        ("d > s", MY, PG),
        ("(n >= (0)::numeric)", PG, LITE),
        ("wide < 100.5", MY, LITE),
    ] {
        assert_eq!(carried(expression, from, to), None, "{expression}");
    }
}
