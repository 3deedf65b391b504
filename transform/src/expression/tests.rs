//! What expressions give, and what is said of those that are wrong. That they mean what PostgreSQL
//! means is asked of a server, in the tests of whole runs.

use super::*;

const TEXT: Logical = Logical::Text { length: None };
const DECIMAL: Logical = Logical::Decimal { precision: None, scale: None };

fn columns() -> Vec<(&'static str, Logical, Option<&'static str>)> {
    vec![
        ("id", Logical::Integer { bits: 64 }, Some("7")),
        ("first", TEXT, Some(" Ada")),
        ("last", TEXT, Some("Lovelace ")),
        ("email", TEXT, None),
        ("price", DECIMAL, Some("19.99")),
        ("ordered_on", Logical::Date, Some("2021-03-04")),
        ("at", Logical::Timestamp, Some("2021-03-04 05:06:07.89")),
        ("seen", Logical::TimestampWithZone, Some("2021-03-04 03:06:07+00")),
        ("ratio", Logical::Float { bits: 64 }, Some("0.1")),
        ("flag", Logical::Boolean, Some("t")),
        ("Odd Name", TEXT, Some("odd")),
    ]
}

/// The value of an expression as text, `NULL`, or what is wrong with it or with the row.
fn ask(text: &str) -> String {
    let columns = columns();
    let named: Vec<_> = columns.iter().map(|(name, of, _)| (*name, of)).collect();
    let expression = match Expression::compile(text, &named) {
        Ok(expression) => expression,
        Err(mistake) => return mistake.to_string(),
    };
    let value = |(_, of, cell): &(_, Logical, Option<&'static str>)| match cell {
        None => Value::Null,
        Some(cell) => Value::read(Type::of(of), cell.as_bytes()).unwrap(),
    };
    let row: Vec<_> = columns.iter().map(value).collect();
    match expression.evaluate(&row) {
        Ok(Value::Null) => "NULL".into(),
        Ok(value) => value.to_text(),
        Err(failure) => format!("failure: {}", failure.said()),
    }
}

#[track_caller]
fn gives(pairs: &[(&str, &str)]) {
    for (text, expected) in pairs {
        assert_eq!(ask(text), *expected, "{text}");
    }
}

#[test]
fn texts_are_cut_joined_and_cased() {
    gives(&[
        ("upper(trim(first) || ' ' || trim(last))", "ADA LOVELACE"),
        ("first || email", "NULL"),
        ("concat(first, email, id)", " Ada7"),
        ("concat_ws('-', 'a', email, 'b')", "a-b"),
        ("initcap('hello wORLD-x')", "Hello World-X"),
        ("substring(last from 2 for 3)", "ove"),
        ("substr(last, -1, 4)", "Lo"),
        ("left(last, -2)", "Lovelac"),
        ("right('äöü', 2)", "öü"),
        ("lpad('7', 3, '0')", "007"),
        ("split_part('a,b,c', ',', -1)", "c"),
        ("regexp_replace('+49 30 1', '[^0-9]+', '', 'g')", "49301"),
        ("regexp_replace('abc', '(b)', '<\\1>')", "a<b>c"),
        ("'100%' like '100\\%'", "true"),
        ("'Ab' ilike 'a_'", "true"),
        ("\"Odd Name\" || '!'", "odd!"),
    ]);
}

#[test]
fn numbers_are_exact() {
    gives(&[
        ("0.1 + 0.2", "0.3"),
        ("price * (1 - 0.15)", "16.9915"),
        ("round(price / 3, 2)", "6.66"),
        ("price / 3", "6.6633333333333333"),
        ("1 / 3", "0"),
        ("7 % -3", "1"),
        ("round(-2.345, 2)", "-2.35"),
        ("round(1234.5, -2)", "1200"),
        ("trunc(-1.9)", "-1"),
        ("ceil(-1.5)", "-1"),
        ("cast('1e3' as numeric(10,2))", "1000.00"),
        (
            "12345678901234567890123456789012345678.5 * 10",
            "123456789012345678901234567890123456785.0",
        ),
        ("cast(ratio as numeric)", "0.1"),
        ("cast(2.5 as bigint)", "3"),
        ("cast(cast('2.5' as double precision) as bigint)", "2"),
        ("greatest(1, 2.5, null)", "2.5"),
    ]);
}

#[test]
fn nulls_and_truths_follow_the_standard() {
    gives(&[
        ("email is null", "true"),
        ("email = 'x'", "NULL"),
        ("not (email = 'x')", "NULL"),
        ("email = 'x' and false", "false"),
        ("email = 'x' or flag", "true"),
        ("email is distinct from 'x'", "true"),
        ("id in (1, null)", "NULL"),
        ("id not in (1, 2)", "true"),
        ("coalesce(email, 'none')", "none"),
        ("nullif(id, 7)", "NULL"),
        ("case when id > 5 then 'big' end", "big"),
        ("case id when 1 then 'one' else 'many' end", "many"),
        ("id <> 7 and 10 / (id - 7) > 0", "false"),
    ]);
}

#[test]
fn dates_and_times_are_counted_in_the_calendar() {
    gives(&[
        ("ordered_on + 30", "2021-04-03"),
        ("ordered_on - date '2020-03-04'", "365"),
        ("ordered_on < at", "true"),
        ("extract(year from ordered_on)", "2021"),
        ("extract(second from at)", "7.890000"),
        ("extract(dow from date '2024-02-29')", "4"),
        ("date_trunc('month', at)", "2021-03-01 00:00:00"),
        ("date_trunc('week', at)", "2021-03-01 00:00:00"),
        ("make_date(2024, 2, 29)", "2024-02-29"),
        ("cast(at as date)", "2021-03-04"),
        ("cast('2024-02-29T12:30:00+02:00' as timestamptz)", "2024-02-29 10:30:00+00"),
        ("seen > timestamptz '2020-01-01 00:00:00+00'", "true"),
    ]);
}

#[test]
fn a_row_without_a_value_says_why_and_never_what() {
    gives(&[
        ("10 / (id - 7)", "failure: division by zero"),
        ("cast(first as numeric)", "failure: it is not a value of that type"),
        ("id + 9223372036854775807", "failure: it is out of range"),
        ("cast(id * 10000 as smallint)", "failure: it is out of range"),
        ("cast(price as numeric(3,2))", "failure: it is out of range"),
        ("try_cast(first as numeric)", "NULL"),
        ("repeat(first, 100000000)", "failure: it is too long"),
        ("make_date(2023, 2, cast(id as bigint) + 22)", "failure: there is no such date"),
    ]);
}

#[test]
fn a_mistake_shows_its_place_and_the_nearest_name() {
    gives(&[
        (
            "pricee * 2",
            "there is no column `pricee` (did you mean `price`?)\n  pricee * 2\n  ^^^^^^",
        ),
        (
            "upper(price)",
            "`upper` needs text as its argument 1, this is numeric (write `cast(… as text)`)\n  \
             upper(price)\n        ^^^^^",
        ),
        (
            "uper(first)",
            "there is no function `uper` (did you mean `upper`?)\n  uper(first)\n  ^^^^",
        ),
        (
            "date '2023-02-29'",
            "this has no value: there is no such date\n  date '2023-02-29'\n       ^^^^^^^^^^^^",
        ),
    ]);
    for (text, part) in [
        ("now()", "another value on every run"),
        ("current_date", "another value on every run"),
        ("(select 1)", "subqueries are not possible"),
        ("sum(id) over ()", "windows and aggregates are not possible"),
        ("first > 5", "text cannot be compared with bigint"),
        ("price + first", "`+` does not apply to numeric and text"),
        ("price * ratio", "have no type in common"),
        ("case when 1 then", "xpected"),
        ("id id", "expected the end of the expression"),
        ("regexp_replace(first, last, '')", "must be a text literal"),
        ("regexp_replace(first, '(', '')", "this pattern is not understood"),
        (
            "lpad(first)",
            "takes (text, bigint, text), the last of which may be left out; 1 were given",
        ),
    ] {
        assert!(ask(text).contains(part), "{text}: {}", ask(text));
    }
}

#[test]
fn an_expression_without_end_is_refused_before_it_is_walked() {
    let sum = vec!["1"; 3_000].join("+");
    assert!(ask(&sum).contains("more than 1000 words"), "{}", ask(&sum));
    let nested = format!("{}1{}", "(".repeat(400), ")".repeat(400));
    assert!(ask(&nested).contains("ecursion"), "{}", ask(&nested));
    assert!(ask(&"x".repeat(20_000)).contains("longer than"));
}

#[test]
fn it_says_which_columns_it_reads() {
    let columns = columns();
    let named: Vec<_> = columns.iter().map(|(name, of, _)| (*name, of)).collect();
    let expression = Expression::compile("price + id - price", &named).unwrap();
    assert_eq!(expression.reads(), [0, 4]);
    assert_eq!(expression.result(), Type::Decimal);
}

proptest::proptest! {
    /// Damaged texts and odd ones: an answer of some kind, and no panic.
    #[test]
    fn no_text_panics(text in "[a-z0-9'(),.+*/|<>= -]{0,60}") {
        let _ = ask(&text);
    }

    #[test]
    fn no_words_panic(words in proptest::collection::vec(proptest::sample::select(vec![
        "first", "id", "price", "at", "flag", "email", "ratio", "+", "-", "*", "/", "%", "||", "(", ")", ",",
        "'a'", "''", "1", "0", "2.5", "null", "and", "or", "not", "is", "case", "when", "then", "end", "else",
        "cast(", "as", "numeric", "date", "like", "in", "between", "substr(", "lpad(", "round(", "coalesce(",
        "left(", "split_part(", "repeat(", "extract(year from", "date_trunc('month',", "interval", "array[",
    ]), 0..14)) {
        let _ = ask(&words.join(" "));
    }
}
