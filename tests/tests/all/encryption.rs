//! What `tls` promises, held against real servers: who is believed, who is not, and what is said of
//! it. One server of each kind, since starting one takes a while.

use std::path::Path;

use tests::certificates::{Authority, Pair};
use tests::command::Said;
use tests::rabbit::Rabbit;
use tests::scratch::Folder;
use tests::servers::{Postgres, Redis, free_port};
use tests::setting::Setting;

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

/// Only who encrypts comes in.
const ENCRYPTED: &str = "local all all trust\nhostssl all all all trust\n";

/// Only who shows a certificate with the user's name comes in.
const CERTIFIED: &str = "local all all trust\nhostssl all all all cert\n";

/// What the migration says of the target.
struct World {
    setting: Setting,
    server: Postgres,
    authority: Authority,
}

impl World {
    fn new() -> Self {
        let server = Postgres::start();
        let authority = Authority::new(server.folder(), "authority");
        server.run("CREATE USER app SUPERUSER");
        Self { setting: Setting::new(LONGHAUL), server, authority }
    }

    fn shows(&self, pair: &Pair, rules: &str) {
        self.server.encrypt(pair, self.authority.file(), rules);
    }

    /// Plans a move to that host, with that `tls`.
    fn plan(&self, host: &str, tls: &str) -> Said {
        let url = format!("postgres://app@{host}:{}/postgres", self.server.port());
        let file = format!(
            "environments:\n  old: {{ url: \"sqlite:old.db\" }}\n  \
             new: {{ url: \"{url}\", tls: {tls} }}\nfrom: old\nto: new\n"
        );
        self.setting.write("longhaul.yaml", &file);
        self.setting.longhaul(&["plan"])
    }

    fn believing(&self, ca: &Path) -> String {
        format!("{{ ca: \"{}\" }}", ca.display())
    }
}

fn with_certificate(ca: &Path, pair: &Pair) -> String {
    let (ca, cert, key) = (ca.display(), pair.certificate.display(), pair.key.display());
    format!("{{ ca: \"{ca}\", cert: \"{cert}\", key: \"{key}\" }}")
}

#[test]
fn a_server_is_believed_only_when_it_proves_who_it_is() {
    let world = World::new();
    world.setting.sqlite("old.db", "CREATE TABLE t (id INTEGER PRIMARY KEY)");
    let ca = world.authority.file().to_owned();
    let other = Authority::new(world.server.folder(), "other");
    world.shows(&world.authority.sign(&["localhost"]), ENCRYPTED);

    let _ = world.plan("localhost", &world.believing(&ca)).exits(0);
    the_doctor_sees_it(&world);
    let refused = |said: Said, words: &str| said.fault("tls-refused", 6, &[words]);
    let said = world.plan("127.0.0.1", &world.believing(&ca));
    let _ = refused(said, "the server's certificate is for another host");
    let _ =
        world.plan("127.0.0.1", &format!("{{ verify: ca, ca: \"{}\" }}", ca.display())).exits(0);
    let said = world.plan("localhost", &world.believing(other.file()));
    let _ = refused(said, "nobody we trust signed the server's certificate");
    let strange = format!("{{ verify: ca, ca: \"{}\" }}", other.file().display());
    let _ = refused(world.plan("localhost", &strange), "nobody we trust signed");
    let _ = refused(world.plan("localhost", "{}"), "nobody we trust signed");
    let _ = world.plan("localhost", "{ verify: none }").exits(0);
    // The server lets nobody in who sends in the open, so all that succeeded was encrypted.
    let _ = world.plan("localhost", "off").fault("login-refused", 6, &[]);

    world.shows(&world.authority.sign_expired(&["localhost"]), ENCRYPTED);
    let said = world.plan("localhost", &world.believing(&ca));
    let _ = refused(said, "the server's certificate has expired");
    let said = world.plan("localhost", &format!("{{ verify: ca, ca: \"{}\" }}", ca.display()));
    let _ = refused(said, "the server's certificate has expired");

    certificates_of_ours(&world, &ca, &other);
}

fn certificates_of_ours(world: &World, ca: &Path, other: &Authority) {
    world.shows(&world.authority.sign(&["localhost"]), CERTIFIED);
    let ours = world.authority.sign(&["app"]);
    let _ = world.plan("localhost", &with_certificate(ca, &ours)).exits(0);
    let _ = world.plan("localhost", &world.believing(ca)).fault("login-refused", 6, &[]);
    let strangers = world.authority.sign(&["somebody"]);
    let said = world.plan("localhost", &with_certificate(ca, &strangers));
    let _ = said.fault("login-refused", 6, &[]);
    let forged = other.sign(&["app"]);
    let said = world.plan("localhost", &with_certificate(ca, &forged));
    let _ = said.fault("tls-refused", 6, &["does it ask for a certificate of ours?"]);
}

/// The private server is careless with its disk, so there is something to mend, too.
fn the_doctor_sees_it(world: &World) {
    let said = world.setting.longhaul(&["doctor", "--output", "json"]).exits(6).json();
    let found = crate::doctor::found(&said, "new");
    assert!(found.contains(&"ok encryption".into()), "{found:?}");
    assert!(found.contains(&"fail fsync".into()), "{found:?}");
    assert!(said.to_string().contains("TLSv1.3"), "{said}");
}

/// A RabbitMQ and a Redis, both of which ask for certificates and show the same one.
struct Fleet {
    setting: Setting,
    folder: Folder,
    authority: Authority,
    redis: Redis,
    broker_port: u16,
    _rabbit: Rabbit,
}

impl Fleet {
    fn new() -> Self {
        let folder = Folder::new();
        let authority = Authority::new(folder.path(), "authority");
        let pair = authority.sign(&["localhost"]);
        let broker_port = free_port();
        let (ca, cert) = (authority.file().display(), pair.certificate.display());
        let rabbit = Rabbit::start_with(&format!(
            "listeners.ssl.1 = 127.0.0.1:{broker_port}\nssl_options.cacertfile = {ca}\n\
             ssl_options.certfile = {cert}\nssl_options.keyfile = {}\n\
             ssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = true",
            pair.key.display()
        ));
        let redis = Redis::encrypted(&pair, authority.file(), true);
        let setting = Setting::new(LONGHAUL);
        Self { setting, folder, authority, redis, broker_port, _rabbit: rabbit }
    }

    /// What the doctor says of broker and ledger at that host: how they are encrypted, or what is
    /// wrong.
    fn look(&self, host: &str, tls: &str) -> [String; 2] {
        let (broker, ledger) = (self.broker_port, self.redis.port());
        let file = format!(
            "environments: {{ here: {{ url: \"sqlite:here.db\" }} }}\nfleet:\n  \
             broker: {{ url: \"amqp://guest@{host}:{broker}\", password: env:MQ, tls: {tls} }}\n  \
             ledger: {{ url: \"redis://{host}:{ledger}\", tls: {tls} }}\n  \
             keys: {{ current: k1, k1: env:KEY }}\n"
        );
        self.setting.write("fleet.yaml", &file);
        let mut command = self.setting.command(&["doctor", "--file", "fleet.yaml"]);
        command.args(["--output", "json"]).env("MQ", "guest").env("KEY", "0123456789abcdef");
        let said = self.setting.run(&mut command).json();
        ["broker", "ledger"].map(|name| {
            let place = said.as_array().unwrap().iter().find(|place| place["name"] == name);
            let findings = place.unwrap()["findings"].as_array().unwrap();
            let one = findings.iter().find(|f| f["topic"] == "encryption").unwrap_or(&findings[0]);
            format!("{}: {}", one["level"].as_str().unwrap(), one["said"].as_str().unwrap())
        })
    }
}

fn all(said: &[String; 2], words: &[&str]) {
    for line in said {
        assert!(words.iter().any(|word| line.contains(word)), "none of {words:?} in {said:?}");
    }
}

#[test]
fn broker_and_ledger_are_believed_only_when_they_prove_who_they_are() {
    let fleet = Fleet::new();
    let ca = fleet.authority.file().to_owned();
    let ours = fleet.authority.sign(&["worker"]);
    let good = with_certificate(&ca, &ours);
    all(&fleet.look("localhost", &good), &["ok: TLS, and the server proved who it is"]);
    all(&fleet.look("127.0.0.1", &good), &["fail: "]);
    let any_host = good.replace("{ ca:", "{ verify: ca, ca:");
    all(&fleet.look("127.0.0.1", &any_host), &["ok: TLS"]);
    let other = Authority::new(fleet.folder.path(), "other");
    all(&fleet.look("localhost", &with_certificate(other.file(), &ours)), &["fail: "]);
    let (_, certificate) = good.split_once(", ").unwrap();
    let nobody = format!("{{ verify: none, {certificate}");
    all(&fleet.look("localhost", &nobody), &["warn: TLS, but nobody asks"]);
    // Without a certificate of ours, or with one of a stranger's, they do not let us in.
    let believing = format!("{{ ca: \"{}\" }}", ca.display());
    all(&fleet.look("localhost", &believing), &["fail: "]);
    let forged = other.sign(&["worker"]);
    all(&fleet.look("localhost", &with_certificate(&ca, &forged)), &["fail: "]);
    all(&fleet.look("localhost", "off"), &["fail: "]);

    let expired = fleet.authority.sign_expired(&["localhost"]);
    let late = Redis::encrypted(&expired, &ca, false);
    let fleet = Fleet { redis: late, ..fleet };
    let [_, ledger] = fleet.look("localhost", &good);
    assert!(ledger.starts_with("fail: "), "{ledger}");
}
