//! Expressions mean what PostgreSQL means: random ones are asked of both.
//!
//! `LONGHAUL_EXPRESSIONS` says how many, `LONGHAUL_EXPRESSIONS_SEED` which.

use protocol::schema::Logical;
use tests::scratch::Database;
use transform::expression::{Expression, Type, Value};

/// How many are asked when nothing is said.
const COUNT: usize = 3_000;

/// The longest that is asked, in bytes.
const BYTES_MAX: usize = 2_000;

/// The row that all expressions look at: name, type in SQL, meaning, canonical text.
const ROW: [(&str, &str, Logical, Option<&str>); 10] = [
    ("id", "bigint", Logical::Integer { bits: 64 }, Some("7")),
    ("first", "text", Logical::Text { length: None }, Some(" Ada")),
    ("last", "text", Logical::Text { length: None }, Some("Lovelace, ß")),
    ("email", "text", Logical::Text { length: None }, None),
    ("price", "numeric", Logical::Decimal { precision: None, scale: None }, Some("19.99")),
    ("discount", "numeric", Logical::Decimal { precision: None, scale: None }, Some("-0.155")),
    ("big", "numeric", Logical::Decimal { precision: None, scale: None }, Some(BIG)),
    ("ordered_on", "date", Logical::Date, Some("2021-03-04")),
    ("at", "timestamp", Logical::Timestamp, Some("1969-12-31 23:59:59.89")),
    ("flag", "boolean", Logical::Boolean, Some("t")),
];

const BIG: &str = "9999999999999999999999999999.9999999999";

/// A small generator of pseudo-random numbers (xorshift64*), so that a seed says it all.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % end
    }

    fn of<'t>(&mut self, all: &[&'t str]) -> &'t str {
        all[self.below(all.len())]
    }

    fn number(&mut self, depth: usize) -> String {
        if depth == 0 {
            let leaves = [
                "price",
                "discount",
                "big",
                "id",
                "0",
                "1",
                "2.50",
                "-0.005",
                "7",
                "100",
                "-3",
                "1234567890123456789.123456789",
                "0.000001",
                "cast(email as numeric)",
            ];
            return self.of(&leaves).to_owned();
        }
        let a = self.number(depth - 1);
        match self.below(12) {
            0..=4 => {
                format!("({a} {} {})", self.of(&["+", "-", "*", "/", "%"]), self.number(depth - 1))
            }
            5 => format!("round(cast({a} as numeric), {})", self.below(8) as i32 - 2),
            6 => format!("trunc(cast({a} as numeric), {})", self.below(8) as i32 - 2),
            7 => format!("{}(cast({a} as numeric))", self.of(&["ceil", "floor", "abs", "sign"])),
            8 => format!("cast({a} as numeric({}, {}))", 10 + self.below(20), self.below(8)),
            9 => format!(
                "case when {} then {a} else {} end",
                self.truth(depth - 1),
                self.number(depth - 1)
            ),
            10 => format!("length({})", self.text(depth - 1)),
            _ => {
                let field = self.of(&[
                    "year", "quarter", "month", "day", "hour", "second", "dow", "isodow", "doy",
                ]);
                format!("extract({field} from {})", self.moment(depth - 1))
            }
        }
    }

    fn text(&mut self, depth: usize) -> String {
        if depth == 0 {
            let leaves = ["first", "last", "email", "'äÖ ß,x'", "''", "'a,b,,c'", "' x '"];
            return self.of(&leaves).to_owned();
        }
        let a = self.text(depth - 1);
        match self.below(16) {
            0 => format!("{}({a})", self.of(&["upper", "lower", "reverse"])),
            1 => format!("({a} || {})", self.text(depth - 1)),
            2 => format!("{}({a})", self.of(&["trim", "ltrim", "rtrim"])),
            3 => format!("substr({a}, {}, {})", self.below(6) as i32 - 2, self.below(6)),
            4 => format!("{}({a}, {})", self.of(&["left", "right"]), self.below(9) as i32 - 4),
            5 => format!("replace({a}, {}, {})", self.text(0), self.text(0)),
            6 => {
                let fill = self.of(&["'x'", "'ab'", "''"]);
                format!(
                    "{}({a}, {}, {fill})",
                    self.of(&["lpad", "rpad"]),
                    self.below(12) as i32 - 1
                )
            }
            7 => format!("split_part({a}, ',', {})", self.of(&["1", "2", "-1"])),
            8 => format!("regexp_replace({a}, '[^a-z0-9]+', '<\\&>', 'g')"),
            9 => format!("coalesce({a}, {})", self.text(depth - 1)),
            10 => format!("nullif({a}, {})", self.text(0)),
            11 => format!("cast({} as text)", self.number(depth - 1)),
            12 => format!("translate({a}, 'abc', 'xy')"),
            13 => format!("concat_ws('-', {a}, {})", self.text(depth - 1)),
            14 => format!("cast({a} as varchar({}))", 1 + self.below(6)),
            _ => format!("initcap({a})"),
        }
    }

    fn date(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.of(&["ordered_on", "date '2020-02-29'", "date '1999-12-31'"]).to_owned();
        }
        match self.below(3) {
            0 => format!("({} + {})", self.date(depth - 1), self.below(9_000) as i32 - 4_500),
            1 => format!("cast({} as date)", self.moment(depth - 1)),
            _ => format!("greatest({}, {})", self.date(depth - 1), self.date(depth - 1)),
        }
    }

    fn moment(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.of(&["at", "timestamp '2024-02-29 23:59:59.5'"]).to_owned();
        }
        let unit = self.of(&["year", "month", "week", "day", "hour", "minute", "quarter"]);
        match self.below(2) {
            0 => format!("date_trunc('{unit}', {})", self.moment(depth - 1)),
            _ => format!("cast({} as timestamp)", self.date(depth - 1)),
        }
    }

    fn truth(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.of(&["flag", "true", "false", "cast(null as boolean)"]).to_owned();
        }
        let op = self.of(&["=", "<>", "<", "<=", ">", ">="]);
        match self.below(11) {
            0 => format!("({} {op} {})", self.number(depth - 1), self.number(depth - 1)),
            1 => format!("({} {op} {})", self.text(depth - 1), self.text(depth - 1)),
            2 => format!("({} {op} {})", self.date(depth - 1), self.moment(depth - 1)),
            3 => format!("({} and {})", self.truth(depth - 1), self.truth(depth - 1)),
            4 => format!("({} or {})", self.truth(depth - 1), self.truth(depth - 1)),
            5 => format!("(not {})", self.truth(depth - 1)),
            6 => format!("({} is null)", self.text(depth - 1)),
            7 => format!("({} in ({}, {}))", self.text(depth - 1), self.text(0), self.text(0)),
            8 => format!(
                "({} between {} and {})",
                self.number(depth - 1),
                self.number(0),
                self.number(depth - 1)
            ),
            9 => format!("({} like '%a_%')", self.text(depth - 1)),
            _ => {
                format!("({} is distinct from {})", self.number(depth - 1), self.number(depth - 1))
            }
        }
    }

    fn expression(&mut self) -> String {
        let depth = 1 + self.below(4);
        match self.below(7) {
            0..=1 => self.number(depth),
            2..=3 => self.text(depth),
            4 => self.date(depth),
            5 => self.moment(depth),
            _ => self.truth(depth),
        }
    }
}

/// What an expression comes to.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Text(String),
    Null,
    Failed,
    /// A part of it that is constant has no value, which we say as the plan is drawn, also where that
    /// part would not be reached.
    Hopeless,
}

fn ours(text: &str) -> Answer {
    let columns: Vec<_> = ROW.iter().map(|(name, _, of, _)| (*name, of)).collect();
    let expression = match Expression::compile(text, &columns) {
        Ok(expression) => expression,
        Err(mistake) if mistake.message.starts_with("this has no value") => {
            return Answer::Hopeless;
        }
        Err(mistake) => panic!("{text} is refused: {mistake}"),
    };
    let value = |cell: &Option<&'static str>, of| match cell {
        None => Value::Null,
        Some(cell) => Value::read(Type::of(of), cell.as_bytes()).unwrap(),
    };
    let row: Vec<_> = ROW.iter().map(|(_, _, of, cell)| value(cell, of)).collect();
    match expression.evaluate(&row) {
        Ok(Value::Null) => Answer::Null,
        Ok(value) => Answer::Text(value.to_text()),
        Err(_) => Answer::Failed,
    }
}

async fn theirs(database: &Database, all: &[String]) -> Vec<Answer> {
    let columns = ROW.iter().map(|(name, of, _, cell)| match cell {
        Some(cell) => format!("'{cell}'::{of} AS \"{name}\""),
        None => format!("NULL::{of} AS \"{name}\""),
    });
    let row = columns.collect::<Vec<_>>().join(", ");
    let ask = format!(
        "CREATE FUNCTION ask(question text) RETURNS text LANGUAGE plpgsql AS $f$
         DECLARE answer text;
         BEGIN
             EXECUTE 'SELECT (' || question || ')::text FROM (SELECT {row} OFFSET 0) AS r' INTO answer;
             RETURN coalesce('=' || answer, 'NULL');
         EXCEPTION WHEN OTHERS THEN RETURN 'FAILED';
         END $f$",
        row = row.replace('\'', "''")
    );
    let client = database.client().await;
    client.batch_execute(&ask).await.unwrap();
    let sql = "SELECT ask(q) FROM unnest($1::text[]) WITH ORDINALITY AS u (q, n) ORDER BY n";
    let rows = client.query(sql, &[&all]).await.unwrap();
    let answer = |row: &tokio_postgres::Row| match row.get::<_, String>(0) {
        said if said == "NULL" => Answer::Null,
        said if said == "FAILED" => Answer::Failed,
        said => Answer::Text(said[1..].to_owned()),
    };
    rows.iter().map(answer).collect()
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|said| said.parse().unwrap())
}

#[tokio::test]
async fn random_expressions_give_what_postgresql_gives() {
    let database = Database::in_unicode().await;
    let seed = variable("LONGHAUL_EXPRESSIONS_SEED").unwrap_or(20_261_201);
    let count = variable("LONGHAUL_EXPRESSIONS").map_or(COUNT, |count| count as usize);
    let mut chance = Chance(seed);
    let asked = std::iter::repeat_with(|| chance.expression());
    let asked: Vec<_> = asked.filter(|text| text.len() < BYTES_MAX).take(count).collect();
    let theirs = theirs(&database, &asked).await;
    let (mut wrong, mut hopeless) = (Vec::new(), 0);
    for (text, theirs) in asked.iter().zip(theirs) {
        let ours = ours(text);
        if ours != theirs && ours != Answer::Hopeless {
            wrong.push(format!("{text}\n    ours   {ours:?}\n    theirs {theirs:?}"));
        }
        hopeless += usize::from(ours == Answer::Hopeless);
    }
    assert!(hopeless < count / 4, "{hopeless} of {count} say little");
    assert!(wrong.is_empty(), "{} of {count}, seed {seed}:\n{}", wrong.len(), wrong.join("\n"));
}
