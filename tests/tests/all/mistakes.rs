//! The commonest mistakes, and every word that answers them.
//!
//! The answers stand in `mistakes.txt`, to be read as people read them. After a change that is meant,
//! `LONGHAUL_BLESS=1` writes them anew.

use tests::command::Said;
use tests::mysql;
use tests::scratch::{self, Database};
use tests::servers::free_port;
use tests::setting::Setting;

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

/// Files that a mistake may need beside `shop.db`.
const FILES: &[(&str, &str)] = &[
    ("data.csv", "id,name\n"),
    ("half.json", "{\"format\": 1, "),
    (
        "key.yaml",
        "environments:\n  a: { url: \"sqlite:shop.db\" }\n  b: { url: \"sqlite:new.db\" }\nfrom: a\nto: b\nlimits:\n  slot: 4\n",
    ),
    ("tab.yaml", "environments:\n\ta: { url: \"sqlite:shop.db\" }\n"),
    (
        "kind.yaml",
        "environments:\n  a: { url: \"sqlite:shop.db\" }\n  b: { url: \"sqlite:new.db\" }\nfrom: a\nto: b\nlimits: { slots: many }\n",
    ),
    (
        "name.yaml",
        "environments:\n  prod: { url: \"sqlite:shop.db\" }\n  dev: { url: \"sqlite:new.db\" }\nfrom: prd\nto: dev\n",
    ),
    (
        "secret.yaml",
        "environments:\n  a: { url: \"postgres://u@h/d\", password: env:NO_SUCH_VARIABLE_HERE }\n  b: { url: \"sqlite:new.db\" }\nfrom: a\nto: b\n",
    ),
    (
        "word.yaml",
        "environments:\n  a: { url: \"postgres://u:hush@h/d\" }\n  b: { url: \"sqlite:new.db\" }\nfrom: a\nto: b\n",
    ),
    ("empty.yaml", ""),
];

/// Command lines that go wrong; `PG`, `MY` and `NOBODY` stand for addresses.
const MISTAKES: &[&str] = &[
    "run",
    "run --dry-run",
    "run --tables customer --from sqlite:shop.db --to sqlite:new.db",
    "run --parallel 4",
    "migrate shop.db",
    "key.yaml",
    "runn key.yaml",
    "run --from sqlite:shop.db",
    "run --from prod --to dev",
    "run none.yaml",
    "run key.yaml",
    "run tab.yaml",
    "run kind.yaml",
    "run name.yaml",
    "run secret.yaml",
    "run word.yaml",
    "run empty.yaml",
    "run half.json",
    "run --from mssql://sa@db/shop --to sqlite:new.db",
    "run --from oracle://scott@db/shop --to sqlite:new.db",
    "run --from mongodb://db/shop --to sqlite:new.db",
    "run --from s3://bucket/shop --to sqlite:new.db",
    "run --from jdbc:mysql://db/shop --to sqlite:new.db",
    "run --from data.csv --to sqlite:new.db",
    "run --from ./shop.db --to sqlite:new.db",
    "run --from postgress://app@db/shop --to sqlite:new.db",
    "run --from sqlite:none.db --to sqlite:new.db",
    "run --from sqlite:data.csv --to sqlite:new.db",
    "run --from sqlite:shop.db --to sqlite:shop.db",
    "run --from sqlite:shop.db --to sqlite:full.db",
    "run --from sqlite:shop.db --to sqlite:new.db --table custmer",
    "run --from sqlite:shop.db --to sqlite:new.db --table order --where 'totl > 1'",
    "run --from sqlite:shop.db --to sqlite:new.db --top 0",
    "run --from sqlite:shop.db --to sqlite:new.db --mode insert",
    "run --from postgres://no_such_user_here@PG/postgres --to sqlite:new.db",
    "run --from PGURL/no_such_database_here --to sqlite:new.db",
    "run --from mysql://no_such_user_here@MY/test --to sqlite:new.db",
    "run --from MYURL/no_such_database_here --to sqlite:new.db",
    "run --from mysql://root@PG/shop --to sqlite:new.db",
    "run --from postgres://root@MY/shop --to sqlite:new.db",
    "run --from postgres://app@NOBODY/shop --to sqlite:new.db",
    "run --from postgres://app@no-such-host.invalid/shop --to sqlite:new.db",
    "status",
    "status shop",
    "status 00000000",
    "resume none.yaml",
    "limit 00000000",
    "explain target-not-emty",
    "init sqlite:shop.db",
];

/// Addresses of servers, and what stands for them.
struct Addresses(Vec<(String, &'static str)>);

impl Addresses {
    fn new() -> Self {
        let postgres = scratch::server();
        let mysql = mysql::server();
        let nobody = format!("127.0.0.1:{}", free_port());
        let host = |url: &str| {
            let rest = url.split_once("://").unwrap().1;
            let rest = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
            rest.split(['/', '?']).next().unwrap().to_owned()
        };
        let bare = |url: &str| {
            let end = url.split_once("://").unwrap().0.len() + 3;
            let path = url[end..].find('/').map_or(url.len(), |at| end + at);
            url[..path].to_owned()
        };
        Self(vec![
            (bare(&postgres), "PGURL"),
            (bare(&mysql), "MYURL"),
            (host(&postgres), "PG"),
            (host(&mysql), "MY"),
            (nobody, "NOBODY"),
        ])
    }

    fn real(&self, line: &str) -> String {
        self.0.iter().fold(line.to_owned(), |line, (real, name)| line.replace(name, real))
    }

    fn named(&self, text: &str) -> String {
        let named =
            self.0.iter().fold(text.to_owned(), |text, (real, name)| text.replace(real, name));
        // From which host a server saw us come is its own affair.
        let parts: Vec<_> = named.split("'@'").collect();
        let after = |part: &str| part.split_once('\'').map_or("", |(_, rest)| rest).to_owned();
        let rest: String =
            parts[1..].iter().map(|part| format!("'@'HOST'{}", after(part))).collect();
        parts[0].to_owned() + &rest
    }
}

/// The words of a command line; what stands in quotes is one.
fn words(line: &str) -> Vec<String> {
    let quoted = line.split('\'').enumerate();
    quoted
        .flat_map(|(at, part)| match at % 2 {
            1 => vec![part.to_owned()],
            _ => part.split_whitespace().map(str::to_owned).collect(),
        })
        .collect()
}

fn setting() -> Setting {
    let setting = Setting::new(LONGHAUL);
    let tables = "CREATE TABLE customer (id BIGINT NOT NULL PRIMARY KEY, name TEXT);
         CREATE TABLE \"order\" (id BIGINT NOT NULL PRIMARY KEY, customer BIGINT, total BIGINT);
         INSERT INTO customer VALUES (1, 'a'), (2, 'b');
         INSERT INTO \"order\" VALUES (1, 1, 10);";
    setting.sqlite("shop.db", tables);
    setting.sqlite("full.db", tables);
    FILES.iter().for_each(|(name, text)| setting.write(name, text));
    setting
}

#[test]
fn each_mistake_is_answered_in_words_that_help() {
    let (setting, addresses) = (setting(), Addresses::new());
    let mut answers = String::new();
    for line in MISTAKES {
        let arguments = words(&addresses.real(line));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut command = setting.command(&arguments);
        let said: Said = setting.run(command.env("LONGHAUL_LOG", "off").env("COLUMNS", "100"));
        assert!(!setting.path("new.db").exists() || said.code != Some(0), "{line}: {said}");
        let code = said.code.map_or_else(|| "a signal".into(), |code| code.to_string());
        let text = addresses.named(&format!("{}{}", said.stdout, said.stderr));
        let text: String = text.lines().map(|line| format!("{}\n", line.trim_end())).collect();
        answers += &format!("$ longhaul {line}\n{text}(exit {code})\n\n");
    }
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/all/mistakes.txt");
    if std::env::var_os("LONGHAUL_BLESS").is_some() {
        std::fs::write(golden, &answers).unwrap();
    }
    let wanted = std::fs::read_to_string(golden).unwrap_or_default();
    for (one, other) in answers.split("\n\n$ ").zip(wanted.split("\n\n$ ")) {
        assert_eq!(one, other, "LONGHAUL_BLESS=1 writes the answers anew");
    }
    assert_eq!(answers, wanted);
}

#[tokio::test]
async fn tables_that_hold_rows_are_all_named_at_once() {
    let (setting, to) = (setting(), Database::new().await);
    let sides = ["--from", "sqlite:shop.db", "--to", &to.url()];
    let _ = setting.longhaul(&[&["run"][..], &sides].concat()).exits(0);
    let again = setting.longhaul(&[&["run"][..], &sides].concat());
    let words = [
        "2 tables do",
        "customer",
        "order",
        "mode=replace",
        "longhaul clean",
        "Nothing was written",
    ];
    let _ = again.fault("target-not-empty", 6, &words);
}
