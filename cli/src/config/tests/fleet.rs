//! What a file says of the fleet, and of encryption.

use ::tls::Encryption;

use super::*;

/// The file of a coordinator or worker.
const FLEET: &str = r#"environments:
  prod: { url: "postgres://app@db.example/school", max_connections: 40, megabytes_per_second: 80 }
fleet:
  broker: { url: "amqp://app@mq.example/overnight", password: env:MQ }
  ledger:
    url: redis://127.0.0.1:6379/3
  keys: { current: k2, k1: env:K1, k2: env:K2 }
"#;

const SECRETS: [(&str, &str); 3] =
    [("MQ", "geheim-mq"), ("K1", "geheim-0123456789"), ("K2", "geheim-abcdefghij")];

fn variable(name: &str) -> Option<String> {
    SECRETS.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into())
}

fn changed(from: &str, to: &str) -> String {
    assert!(FLEET.contains(from));
    let error = read_with(&FLEET.replace(from, to), &[], &[]).expect_err("this is wrong");
    let fault = error.fault();
    assert!(!format!("{error:?} {}", error.render(120, false)).contains("geheim"), "{error:?}");
    match fault.advice() {
        advice if advice == fault.code().advice() => fault.said().unwrap().into(),
        advice => format!("{} | {advice}", fault.said().unwrap()),
    }
}

#[test]
fn a_coordinator_needs_environments_and_the_fleet_only() {
    let config = read(FLEET);
    let fleet = config.fleet().unwrap();
    assert_eq!((fleet.name.as_str(), fleet.generation, fleet.admin), ("longhaul", 1, None));
    let prod = &config.environments[&Environment("prod".into())];
    let limits = EndpointLimits {
        connections_max: Some(40),
        rows_per_second: None,
        bytes_per_second: Some(80_000_000),
    };
    assert_eq!(prod.limits, limits);
    assert_eq!(fleet.queue, Queue::Auto);
    let copied = FLEET.replace("password: env:MQ", "password: env:MQ, queue: quorum");
    assert_eq!(read(&copied).fleet().unwrap().queue, Queue::Quorum);
    assert!(changed("password: env:MQ", "password: env:MQ, queue: lazy").contains("lazy"));
    let broker = fleet.broker_address(&variable).unwrap();
    assert_eq!(broker.url, "amqps://app@mq.example/overnight");
    assert_eq!(broker.password.as_deref(), Some("geheim-mq"));
    assert_eq!(broker.tls, Some(Encryption::default()), "it is beyond this machine");
    let ledger = fleet.ledger_address(&variable).unwrap();
    assert_eq!(ledger.url, "redis://127.0.0.1:6379/3");
    assert_eq!((ledger.password, ledger.tls), (None, None));
    let keys = fleet.keys(&variable).unwrap();
    assert_eq!(keys.current, "k2");
    assert_eq!(keys.keys["k1"], "geheim-0123456789");
    assert!(!format!("{config:?} {keys:?} {broker:?}").contains("geheim"));
}

#[test]
fn without_from_there_is_no_migration_and_without_fleet_no_fleet() {
    let fault = read(FLEET).migration().unwrap_err();
    assert_eq!(
        fault.to_string(),
        "the migration file is invalid (school.yaml): \
         `from` is missing, so it describes no migration"
    );
    assert_eq!(read(GOOD).fleet().unwrap_err().said(), Some("`fleet` is missing"));
    // What it says of one is checked nevertheless.
    let error = read_with(&format!("{FLEET}limits: {{ slots: 0 }}\n"), &[], &[]).unwrap_err();
    assert_eq!(error.fault().place(), "school.yaml:8:18");
    let sets = ["from=prod", "to=here", "environments.here.url=sqlite:a.db"];
    assert!(read_with(FLEET, &sets, &[]).unwrap().migration().is_ok());
}

#[test]
fn a_secret_that_is_not_there_or_no_secret_is_named() {
    let config = read(FLEET);
    let fleet = config.fleet().unwrap();
    let fault = fleet.keys(&|_| Some("short".into())).unwrap_err();
    assert_eq!(
        (fault.place(), fault.said(), fault.advice()),
        ("env:K1", Some("a signing key has at least 16 bytes"), "Make one: openssl rand -hex 32")
    );
    assert_eq!(fleet.broker_address(&|_| None).unwrap_err().place(), "env:MQ");
}

#[test]
fn what_does_not_fit_a_fleet() {
    assert_eq!(
        changed("amqp://app@", "amqp://app:geheim@"),
        "a password has no place in the migration file; the password in this URL | \
         Take it out of the URL and add `password: env:NAME` or `password: file:/path`."
    );
    assert_eq!(
        changed("amqp://app@mq.example", "http://mq.example"),
        "this is not the URL of a broker | \
         Write `amqp://user@host`, perhaps with a port and a path."
    );
    assert_eq!(
        changed("redis://127.0.0.1:6379/3", "redis:///3"),
        "this URL leads nowhere; host is missing | \
         Write `redis://user@host`, perhaps with a port and a path."
    );
    assert_eq!(
        changed("current: k2", "current: k3"),
        "no key has the name `k3` | Add it beside `current`, as `env:NAME` or `file:/path`."
    );
    assert_eq!(
        changed("env:K1", "geheim"),
        "a secret is given by reference | \
         Write `env:NAME` for an environment variable or `file:/path` for a file."
    );
    assert_eq!(
        changed("current: k2, ", ""),
        "`current` is missing; not found in here | Add a line `current: …`."
    );
    assert_eq!(
        changed("fleet:\n", "fleet:\n  admin: here\n"),
        "this is not an address with a port | \
         Write, for example, `127.0.0.1:9464`, or `0.0.0.0:9464` for all."
    );
    assert_eq!(
        changed("fleet:\n", "fleet:\n  traces: collector:4317\n"),
        "this is not the URL of a collector | \
         Write, for example, `http://127.0.0.1:4318`; `/v1/traces` is added to it."
    );
    assert_eq!(
        changed("fleet:\n", "fleet:\n  traces: { url: \"http://c:4318\", tls: { ca: /c } }\n"),
        "the URL says that nothing is encrypted | \
         Begin the URL with `https://`, or remove the line."
    );
    assert_eq!(
        changed("fleet:\n", "fleet:\n  traces: { url: \"https://c:4318\", tls: off }\n"),
        "the URL says that the connection is encrypted | \
         Remove the line, or the `s` at the end of the URL's scheme."
    );
    assert_eq!(changed("fleet:\n", "fleet:\n  generation: 0\n"), "`generation` must be at least 1");
    assert_eq!(
        changed("fleet:\n", "fleet:\n  name: \"*\"\n"),
        "this name does not fit a fleet | \
         Begin with a letter; then letters, digits, `-` and `_`, at most 40."
    );
    assert_eq!(
        changed("redis://127.0.0.1:6379/3", "rediss://127.0.0.1:6379/3\n    tls: off"),
        "the URL says that the connection is encrypted | \
         Remove the line, or the `s` at the end of the URL's scheme."
    );
    assert_eq!(
        changed("max_connections: 40", "max_connections: 0"),
        "`max_connections` must be at least 1 | Leave the line out for no limit of that kind."
    );
}

#[test]
fn several_hosts_in_one_url_are_refused_with_a_way_out() {
    for (one, several) in [("mq.example", "mq1.example,mq2.example"), ("127.0.0.1:6379", "a:1,b:2")]
    {
        assert_eq!(
            changed(one, several),
            "this URL names several hosts; more than one | Name one: a load balancer before them, or a \
             name that leads to the addresses of all of them."
        );
    }
}

#[test]
fn a_collector_is_a_url_or_a_map_that_says_whom_to_believe() {
    let traces = |line: &str| {
        let config = read(&FLEET.replace("fleet:\n", &format!("fleet:\n  traces: {line}\n")));
        config.fleet().unwrap().traces.clone().unwrap()
    };
    let plain = traces("http://127.0.0.1:4318");
    assert_eq!((plain.url.as_str(), &plain.tls), ("http://127.0.0.1:4318", &Encryption::default()));
    let secure = traces("{ url: \"https://c:4318\", tls: { ca: /c.pem } }");
    let believing = Encryption { ca: Some("/c.pem".into()), ..Encryption::default() };
    assert_eq!((secure.url.as_str(), &secure.tls), ("https://c:4318", &believing));
    assert_eq!(traces("{ url: \"https://c:4318\" }"), traces("https://c:4318"));
}

#[test]
fn a_fleet_can_be_set_like_everything_else() {
    let sets = ["fleet.name=night", "fleet.ledger.tls=off", "fleet.admin=0.0.0.0:9464"];
    let variables = [
        ("LONGHAUL_FLEET__BROKER__URL", "amqp://u:p@mq.example"),
        ("LONGHAUL_FLEET__BROKER__TLS", "off"),
        ("LONGHAUL_FLEET__LEDGER__PASSWORD", "file:/run/redis"),
        ("LONGHAUL_FLEET__KEYS__CURRENT", "k1"),
        ("LONGHAUL_FLEET__KEYS__K2", "file:/run/k2"),
    ];
    let config = read_with(FLEET, &sets, &variables).unwrap();
    let fleet = config.fleet().unwrap();
    assert_eq!(fleet.name, "night");
    assert_eq!(fleet.broker.url, "amqp://u:p@mq.example");
    assert_eq!(fleet.broker.tls, Some(Tls::Off));
    assert_eq!(fleet.ledger.password, Some(SecretRef::File("/run/redis".into())));
    assert_eq!(fleet.admin, Some(([0, 0, 0, 0], 9464).into()));
    assert_eq!(fleet.keys(&variable).unwrap_err().place(), "file:/run/k2");
}

#[test]
fn what_travels_in_the_open_is_warned_of() {
    assert_eq!(warnings(&read(FLEET)), Vec::<String>::new());
    let open = FLEET
        .replace("env:MQ", "env:MQ, tls: off")
        .replace("school\"", "school?sslmode=prefer\"")
        .replace("/3\n", "/3\n    tls: off\n");
    assert_eq!(
        warnings(&read(&open)),
        [
            "environment `prod` is reached without encryption: others can read what is sent",
            "the broker is reached without encryption: others can read what is sent",
        ]
    );
}

#[test]
fn tls_says_the_same_in_the_words_of_a_url() {
    let url = |tls: &str| {
        let config = read(&GOOD.replace("env:PW", &format!("env:PW\n    tls: {tls}")));
        let prod = &config.environments[&Environment("prod".into())];
        let address = prod.address(&|_| Some("pw".into())).unwrap();
        address.url.split_once('?').unwrap().1.to_owned()
    };
    assert_eq!(url("off"), "sslmode=disable");
    assert_eq!(url("{}"), "sslmode=verify-full");
    assert_eq!(url("{ verify: none }"), "sslmode=require");
    assert_eq!(
        url("{ verify: ca, ca: /c, cert: /a, key: /b }"),
        "sslmode=verify-ca&sslrootcert=/c&sslcert=/a&sslkey=/b"
    );
}

#[test]
fn a_signing_key_in_the_file_is_not_shown_beside_another_mistake() {
    let body = format!("{FLEET}  generation: x\n").replace(
        "keys: { current: k2, k1: env:K1, k2: env:K2 }",
        "keys:\n    current: k2\n    k2: geheim",
    );
    let error = read_with(&body, &[], &[]).unwrap_err();
    assert!(!error.render(100, false).contains("geheim"), "{}", error.render(100, false));
}
