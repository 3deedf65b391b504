//! What the loader makes of files, variables and `--set`.

mod fleet;
mod messages;
mod pictures;
mod schema;

use std::path::PathBuf;

use ::tls::{Encryption, Verify};
use protocol::mapping::{
    Consistency, EntityRule, Include, Limits, Mode, OnSnapshotLost, Policy, Triggers,
};
use protocol::schema::Engine;

use super::*;

/// A small file that is right; tests add to it or change a part.
const GOOD: &str = r#"environments:
  legacy: { url: "sqlite:school.db" }
  prod:
    url: postgres://app@db.example:5432/school
    password: env:PW
from: legacy
to: prod
"#;

fn read_with(body: &str, sets: &[&str], variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
    let look_up = |name: &str| {
        variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
    };
    from_bytes("school.yaml", "school", body.as_bytes().to_vec(), &sets, &look_up)
}

/// Reads bytes as if they stood in a file.
fn from_bytes(
    name: &str,
    stem: &str,
    bytes: Vec<u8>,
    overrides: &[String],
    variables: Variables<'_>,
) -> Result<Config, ConfigError> {
    let mut tree = parsed(name, bytes)?;
    apply(&mut tree, &[], Over { set: overrides, asked: &Asked::default() }, variables)?;
    meant(&tree, stem)
}

fn read(body: &str) -> Config {
    read_with(body, &[], &[]).unwrap_or_else(|error| panic!("{}", error.render(100, false)))
}

fn examples() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    files.sort();
    assert!(files.len() >= 4, "the examples are gone");
    files
}

#[test]
fn what_is_left_out_has_its_default() {
    let config = read(GOOD);
    assert_eq!(
        *config.migration().unwrap(),
        Migration {
            name: "school".into(),
            from: Environment("legacy".into()),
            to: Environment("prod".into()),
            entities: vec![EntityRule::plain("*")],
            consistency: Consistency::Snapshot,
            on_snapshot_lost: OnSnapshotLost::Stop,
            limits: Limits::default(),
            include: None,
        }
    );
    let prod = &config.environments[&Environment("prod".into())];
    assert_eq!(prod.url, "postgres://app@db.example:5432/school");
    assert_eq!(prod.engine, Engine::Postgres);
    assert_eq!(prod.password, Some(SecretRef::Variable("PW".into())));
}

#[test]
fn every_key_is_read() {
    let every = examples().into_iter().find(|path| path.ends_with("every-key.yaml")).unwrap();
    let config = load(&every, &[], &|_| None).unwrap();
    let migration = config.migration().unwrap();
    assert_eq!(migration.name, "school-district");
    assert_eq!(config.default, Some(Environment("prod".into())));
    let include = [Include::Views, Include::Routines, Include::Triggers];
    assert_eq!(migration.include, Some(include.into_iter().collect()));
    assert_eq!(
        migration.limits,
        Limits {
            slots: 4,
            rows_per_second: Some(50_000),
            bytes_per_second: Some(40_000_000),
            memory_bytes: 64 << 20,
            chunk_bytes: 16 << 20,
            rejects: 1000,
            attempts: 5,
        }
    );
    let students = EntityRule {
        target: Some("people.students".into()),
        mode: Mode::Upsert,
        conflict: vec!["student_id".into()],
        filter: Some("enrolled_on >= '2020-01-01'".into()),
        top: Some(100_000),
        rename: BTreeMap::from([("key".into(), "student_id".into())]),
        exclude: vec!["photo".into()],
        chunk_rows: Some(50_000),
        on_unfit: Policy::Clamp,
        policies: BTreeMap::from([
            ("nickname".into(), Policy::Null),
            ("grade".into(), Policy::Replace("0".into())),
            ("no_such_date".into(), Policy::Reject),
        ]),
        when: Some("grade is not null".into()),
        checks: BTreeMap::from([("named".into(), "length(trim(name)) > 0".into())]),
        compute: BTreeMap::from([("email".into(), "lower(trim(email))".into())]),
        rejects: Some(50),
        triggers: Triggers::Off,
        foreign_keys: protocol::mapping::ForeignKeyRule::Keep,
        foreign_key_rules: BTreeMap::new(),
        rename_indexes: BTreeMap::new(),
        ..EntityRule::plain("students")
    };
    let temporary = EntityRule { include: false, ..EntityRule::plain("tmp_*") };
    assert_eq!(migration.entities, [students, temporary, EntityRule::plain("*")]);
}

#[test]
fn the_more_exact_rule_comes_first() {
    let config = read(&format!(
        "{GOOD}mode: upsert\nentities:\n- \"*\"\n- sales.*\n- exclude: \"*_old\"\n- exclude: b\n- a_old\n"
    ));
    let rules = &config.migration().unwrap().entities;
    let order: Vec<_> = rules.iter().map(|rule| (rule.include, rule.pattern.as_str())).collect();
    assert_eq!(
        order,
        [(false, "b"), (true, "a_old"), (false, "*_old"), (true, "sales.*"), (true, "*")]
    );
    assert!(rules.iter().filter(|rule| rule.include).all(|rule| rule.mode == Mode::Upsert));
}

#[test]
fn a_list_that_only_excludes_means_the_rest() {
    let config = read(&format!("{GOOD}entities: [{{ exclude: tmp }}]\n"));
    let last = config.migration().unwrap().entities.last().unwrap();
    assert_eq!(*last, EntityRule::plain("*"));
}

#[test]
fn set_beats_variable_beats_file() {
    let body = format!("{GOOD}limits: {{ slots: 3 }}\n");
    let slots = |sets: &[&str], variables: &[(&str, &str)]| {
        read_with(&body, sets, variables).unwrap().migration().unwrap().limits.slots
    };
    let variable = [("LONGHAUL_LIMITS__SLOTS", "5")];
    assert_eq!(slots(&[], &[]), 3);
    assert_eq!(slots(&[], &variable), 5);
    assert_eq!(slots(&["limits.slots=7"], &variable), 7);
    assert_eq!(slots(&["limits.slots=7", "limits.slots=8"], &variable), 8);
    assert_eq!(slots(&[], &[("LONGHAUL_LIMITS__SLOTS", "")]), 3);
    assert_eq!(slots(&["limits.slots="], &[]), 2, "nothing means the default");
}

#[test]
fn whatever_the_file_says_can_be_set() {
    let config = read_with(
        &format!("{GOOD}entities: [a, {{ entity: b }}]\n"),
        &[
            "entities[1].where=note = 'x: y' # and a hash",
            "entities[2]=c",
            "entities[0]={ exclude: a }",
            "retry.attempts=9",
            "environments.prod.password=file:/run/pw",
            "environments.prod.tls.ca=/etc/ca.pem",
        ],
        &[
            ("LONGHAUL_ENVIRONMENTS__PROD__URL", "postgres://u:p@h/d"),
            ("LONGHAUL_ENVIRONMENTS__PROD__TLS__VERIFY", "ca"),
            ("LONGHAUL_ENVIRONMENTS__PROD__MAX_CONNECTIONS", "7"),
            ("LONGHAUL_CONSISTENCY", "drifting"),
        ],
    );
    let config = config.unwrap();
    let rules = &config.migration().unwrap().entities;
    assert_eq!(rules[0], EntityRule { include: false, ..EntityRule::plain("a") });
    assert_eq!(rules[1].filter.as_deref(), Some("note = 'x: y' # and a hash"));
    assert_eq!(rules[2], EntityRule::plain("c"));
    assert_eq!(config.migration().unwrap().limits.attempts, 9);
    assert_eq!(config.migration().unwrap().consistency, Consistency::Drifting);
    let prod = &config.environments[&Environment("prod".into())];
    assert_eq!(prod.url, "postgres://u:p@h/d");
    assert_eq!(prod.password, Some(SecretRef::File("/run/pw".into())));
    let ca = Some("/etc/ca.pem".into());
    let tls = Encryption { verify: Verify::Ca, ca, ..Encryption::default() };
    assert_eq!(prod.tls, Some(Tls::On(tls)));
    assert_eq!(prod.limits.connections_max, Some(7));
}

#[test]
fn null_is_a_policy_and_nothing_is_none() {
    let policy = |text: &str| {
        let body = format!("{GOOD}entities: [{{ entity: a, on_unfit: {text} }}]\n");
        read_with(&body, &[], &[])
            .map(|config| config.migration().unwrap().entities[0].on_unfit.clone())
    };
    assert_eq!(policy("null").unwrap(), Policy::Null);
    assert_eq!(policy("\"null\"").unwrap(), Policy::Null);
    assert_eq!(policy("{ replace: \"\" }").unwrap(), Policy::Replace(String::new()));
    for (wrong, said) in [
        ("replace", "`replace` needs to know with what"),
        ("nul", "did you mean `null`?"),
        ("", "expected "),
        ("[clamp]", "expected "),
        ("{ replac: 1 }", "did you mean `replace`?"),
    ] {
        let error = policy(wrong).unwrap_err().render(100, false);
        assert!(error.contains(said), "{wrong}: {error}");
    }
}

#[test]
fn to_may_be_left_out_where_there_is_a_default() {
    let config = read(&GOOD.replace("to: prod", "default: prod"));
    assert_eq!(config.migration().unwrap().to, Environment("prod".into()));
}

#[test]
fn scalars_are_what_their_key_wants() {
    let config =
        read(&format!("{GOOD}name: 2024\nlimits: {{ rejects: 10_000, memory: 2000000 }}\n"));
    assert_eq!(config.migration().unwrap().name, "2024");
    assert_eq!(config.migration().unwrap().limits.rejects, 10_000);
    assert_eq!(config.migration().unwrap().limits.memory_bytes, 2_000_000);
}

#[test]
fn anchors_merges_and_a_byte_order_mark_are_understood() {
    let config = read(
        "\u{feff}environments:\n  a: &server\n    url: postgres://u@h/a\n    password: env:PW\n  \
         b: { <<: *server, url: postgres://u@h/b }\nfrom: a\nto: b\n",
    );
    let b = &config.environments[&Environment("b".into())];
    assert_eq!(b.url, "postgres://u@h/b");
    assert_eq!(b.password, Some(SecretRef::Variable("PW".into())));
}

#[test]
fn the_fingerprint_speaks_of_the_migration_and_not_of_addresses() {
    let fingerprint = |text: &str| protocol::wire::fingerprint(read(text).migration().unwrap());
    let one = fingerprint(GOOD);
    assert_eq!(one.len(), 64);
    assert_eq!(fingerprint(&format!("# a comment\n{GOOD}")), one);
    assert_eq!(fingerprint(&GOOD.replace("db.example", "other.example")), one);
    assert_ne!(fingerprint(&format!("{GOOD}mode: upsert\n")), one);
}

#[test]
fn without_a_file_two_urls_are_enough() {
    let config = Config::between("sqlite:a.db", "postgres://u:geheim@h/d").unwrap();
    assert_eq!(config.migration().unwrap().name, "source-to-target");
    assert_eq!(config.migration().unwrap().from, Environment("source".into()));
    assert_eq!(config.migration().unwrap().to, Environment("target".into()));
    assert_eq!(config.migration().unwrap().entities, [EntityRule::plain("*")]);
    assert_eq!(config.environments[&config.migration().unwrap().to].url, "postgres://u:geheim@h/d");
    assert!(!format!("{config:?}").contains("geheim"));

    let sets = ["limits.slots=7".to_owned(), "entities=[a]".to_owned()];
    let variables = |name: &str| (name == "LONGHAUL_FROM").then(|| "elsewhere".to_owned());
    let config = Config::between_with("sqlite:a.db", "sqlite:b.db", &sets, &variables).unwrap();
    assert_eq!(config.migration().unwrap().limits.slots, 7);
    assert_eq!(config.migration().unwrap().entities, [EntityRule::plain("a")]);

    let fault = Config::between("sqlite:a.db", "postgress://u:geheim@h/d").unwrap_err();
    assert_eq!(
        fault.to_string(),
        "the URL is not that of a database (--to): this is not the URL of a database; \
         did you mean `postgres:`?"
    );
}

#[test]
fn environments_are_shown_without_what_is_secret() {
    let body = format!("{GOOD}default: prod\n").replace("app@", "app@");
    let views = environments(&read(&body));
    assert_eq!(
        views,
        [
            EnvironmentView {
                name: "legacy".into(),
                engine: Engine::Sqlite,
                url: "sqlite:school.db".into(),
                default: false,
                from: true,
                to: false,
                password: None,
                tls: None,
            },
            EnvironmentView {
                name: "prod".into(),
                engine: Engine::Postgres,
                url: "postgres://db.example:5432/school".into(),
                default: true,
                from: false,
                to: true,
                password: Some("env:PW".into()),
                tls: Some("verify full".into()),
            },
        ]
    );
}

#[test]
fn an_address_has_the_password_and_the_words_of_tls() {
    let config = read(
        &GOOD.replace("password: env:PW", "password: env:PW\n    tls: { ca: \"/etc/my ca.pem\" }"),
    );
    let prod = &config.environments[&Environment("prod".into())];
    let address = prod.address(&|name| (name == "PW").then(|| "geheim".into())).unwrap();
    assert_eq!(
        address.url,
        "postgres://app@db.example:5432/school?sslmode=verify-full&sslrootcert=/etc/my%20ca.pem"
    );
    assert_eq!(address.password.as_deref(), Some("geheim"));
    let Err(fault) = prod.address(&|_| None) else { panic!("there is no such variable") };
    assert_eq!(fault.code(), Code::SecretMissing);
}

#[test]
fn an_environment_is_found_by_name_or_by_default() {
    let config = read(&format!("{GOOD}default: prod\n"));
    assert_eq!(config.environment(None).unwrap().0.0, "prod");
    assert_eq!(config.environment(Some("legacy")).unwrap().1.url, "sqlite:school.db");
    let fault = config.environment(Some("legcy")).unwrap_err();
    assert_eq!(fault.to_string(), "no environment has that name (legcy): did you mean `legacy`?");
}

/// What a file says may steer a terminal, hold a secret beside a key that is misspelt, or be one line
/// without end: its error shows none of that.
#[test]
fn an_error_shows_neither_what_is_hidden_nor_secret_nor_endless() {
    let long = "x".repeat(400_000);
    for (line, name) in [
        ("pasword: CANARY".to_owned(), "a secret"),
        ("\u{1b}]52;c;AAAA\u{7}\u{202e}: 1".to_owned(), "a key that steers"),
        ("\"\\e[2J\\n\": 1".to_owned(), "the same, spelled in YAML"),
        (format!("{long}: 1"), "a long key"),
        (format!("limits: {{ slots: \"{long}\" }}"), "a long value"),
        (format!("limits: {{ {long}: 1, slots: 4 }}"), "a long line"),
    ] {
        let error = read_with(&format!("{GOOD}{line}\n"), &[], &[]).unwrap_err();
        let shown = error.render(100, false);
        let said = format!("{shown}\n{error}\n{}", error.fault());
        assert!(!said.contains("CANARY"), "{name}: {said}");
        let hidden = |c: char| c != '\n' && protocol::visible::is_hidden(c);
        assert!(!said.contains(hidden), "{name}: {said:?}");
        assert!(said.len() < 8_000, "{name}: {} bytes", said.len());
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_is_not_waited_for() {
    let pipe = std::env::temp_dir().join(format!("longhaul-{}.yaml", std::process::id()));
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    for path in [pipe.as_path(), std::path::Path::new("/dev/zero")] {
        let error = load(path, &[], &|_| None).unwrap_err();
        assert_eq!(error.fault().code(), Code::ConfigUnreadable);
        assert!(error.to_string().contains("only files are read"), "{error}");
    }
    fs::remove_file(pipe).unwrap();
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, set in "\\PC*") {
        if let Err(error) = from_bytes("f.yaml", "f", bytes, &[set], &|_| None) {
            error.render(80, false);
        }
    }

    #[test]
    fn no_change_to_a_file_makes_it_panic(
        at in 0..GOOD.len(),
        gone in 0..8_usize,
        text in "[-*&!|>%@`#:,{}\\[\\]\"'\\t\\n ~?<é0a]{0,6}",
    ) {
        let mut bytes = format!("{GOOD}entities: [\"*\", {{ entity: a, top: 5 }}]\n").into_bytes();
        bytes.splice(at..(at + gone).min(GOOD.len()), text.into_bytes());
        if let Err(error) = from_bytes("f.yaml", "f", bytes, &[], &|_| None) {
            error.render(80, true);
        }
    }
}
