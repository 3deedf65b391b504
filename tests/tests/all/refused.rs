//! Servers of a fleet that are there and refuse us: a role that begins waits a moment, for one that is
//! just starting, and then ends; one that has begun stays, and says that it cannot work.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tests::fleet::{Fleet, Process};
use tests::patience::block_until;
use tests::rabbit::Rabbit;
use tests::redis::Redis;
use tests::setting::PASSWORD;

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

/// How long a role may take to notice what became of a server.
const PATIENCE: Duration = Duration::from_secs(60);

/// Puts another server in the place of one in the fleet's file.
fn moves(fleet: &Fleet, part: &str, server: &str) {
    let file = fleet.setting.read("longhaul.yaml");
    let begin = file.find(&format!("{part}: {{")).unwrap();
    let end = begin + file[begin..].find('}').unwrap() + 1;
    let changed = format!("{}{part}: {{ {server} }}{}", &file[..begin], &file[end..]);
    fleet.setting.write("longhaul.yaml", &changed);
}

/// Starts a role with an admin port, and says where that is.
fn begins(fleet: &Fleet, role: &str) -> (Process, String) {
    let mut process = Process::start(&mut fleet.command(&[role, "--admin", "127.0.0.1:0"]));
    let line = process.hears("admin port: ");
    process.hears("is ready");
    (process, line.rsplit_once("http://").unwrap().1.to_owned())
}

/// What `/readyz` answers, once it holds that.
fn readiness(address: &str, wanted: &str) {
    let ask = || {
        let mut stream = TcpStream::connect(address).unwrap();
        let ask = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(ask.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let mut last = String::new();
    let seen = block_until(PATIENCE, || {
        last = ask();
        last.contains(wanted).then_some(())
    });
    assert!(seen.is_some(), "never `{wanted}`, but {last}");
}

/// How long a role that begins may be refused.
const INSISTS: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_broker_that_goes_on_refusing_the_login_ends_a_role() {
    let fleet = Fleet::new(LONGHAUL, 1, "").await;
    let mut wrong = fleet.command(&["coordinator"]);
    let began = Instant::now();
    let said = fleet.setting.run(wrong.env("TEST_BROKER_PASSWORD", "not-the-password"));
    assert!(began.elapsed() >= INSISTS, "{said}");
    let said = said.fault("login-refused", 6, &["the broker at", "fleet: { broker:"]);
    let said = said.says(&["the broker refuses us; asking on for 10 s"]);
    let warned = said.stderr.lines().filter(|line| line.contains("WARN")).count();
    assert!(warned <= 1, "{said}");
    let mut doctor = fleet.command(&["doctor"]);
    let began = Instant::now();
    let said = fleet.setting.run(doctor.env("TEST_BROKER_PASSWORD", "not-the-password"));
    assert!(said.exits(6).stdout.contains("the broker refuses the login"));
    assert!(began.elapsed() < INSISTS, "what is asked once is answered at once");
}

#[tokio::test]
async fn a_ledger_that_goes_on_refusing_the_login_ends_a_role_and_holds_up_no_submission() {
    let (fleet, redis) = (Fleet::new(LONGHAUL, 1, "").await, Redis::start());
    let place = format!("url: \"{}\", password: env:TEST_LEDGER_PASSWORD", redis.url());
    moves(&fleet, "ledger", &place);
    redis.tell(&["CONFIG", "SET", "requirepass", PASSWORD]);
    let mut wrong = fleet.command(&["worker"]);
    let began = Instant::now();
    let said = fleet.setting.run(wrong.env("TEST_LEDGER_PASSWORD", "not-the-password"));
    assert!(began.elapsed() >= INSISTS, "{said}");
    let _ = said.fault("login-refused", 6, &["Redis at", "fleet: { ledger:"]);
    let mut submit = fleet.command(&["submit"]);
    let began = Instant::now();
    let said = fleet.setting.run(submit.env("TEST_LEDGER_PASSWORD", "not-the-password")).exits(0);
    assert!(began.elapsed() < INSISTS, "what is asked once is answered at once");
    let _ = said.says(&["warning", "wrong user or password", "nobody can see who is there"]);
    let mut right = fleet.command(&["worker"]);
    Process::start(right.env("TEST_LEDGER_PASSWORD", PASSWORD)).hears("is ready");
}

#[tokio::test]
async fn a_ledger_that_lets_us_in_soon_is_waited_for() {
    let (fleet, redis) = (Fleet::new(LONGHAUL, 1, "").await, Redis::start());
    moves(&fleet, "ledger", &format!("url: \"{}\"", redis.url()));
    redis.tell(&["CONFIG", "SET", "requirepass", "other"]);
    let mut worker = Process::start(&mut fleet.command(&["worker"]));
    worker.hears("the ledger refuses us");
    redis.tell(&["-a", "other", "CONFIG", "SET", "requirepass", ""]);
    worker.hears("is ready");
}

#[tokio::test]
async fn a_ledger_that_forbids_one_command_makes_a_role_unready_and_that_is_said_once() {
    let (fleet, redis) = (Fleet::new(LONGHAUL, 1, "").await, Redis::start());
    moves(&fleet, "ledger", &format!("url: \"{}\"", redis.url()));
    let (mut coordinator, address) = begins(&fleet, "coordinator");
    fleet.submits(&[]);
    coordinator.hears("leading");
    readiness(&address, "200");
    // Among all that it asks meanwhile, it may not say that it is there.
    redis.tell(&["ACL", "SETUSER", "default", "-hset"]);
    coordinator.hears("it refuses us");
    let denied = || redis.tell(&["ACL", "LOG"]).matches("hset").count() > 0;
    assert!(denied());
    redis.tell(&["ACL", "LOG", "RESET"]);
    for _ in 0..3 {
        readiness(&address, "ledger: ");
        block_until(PATIENCE, || denied().then_some(())).expect("it says so again and again");
        redis.tell(&["ACL", "LOG", "RESET"]);
    }
    redis.tell(&["ACL", "SETUSER", "default", "+@all"]);
    coordinator.hears("well again");
    readiness(&address, "200");
    coordinator.is_sent(Signal::TERM);
    let said = coordinator.ends();
    for word in ["it refuses us", "well again"] {
        assert_eq!(said.stderr.matches(word).count(), 1, "{word}: {said}");
    }
}

#[tokio::test]
async fn a_ledger_that_refuses_us_later_makes_a_role_unready_until_it_lets_us_in() {
    let (fleet, redis) = (Fleet::new(LONGHAUL, 1, "").await, Redis::start());
    moves(&fleet, "ledger", &format!("url: \"{}\"", redis.url()));
    let (mut worker, address) = begins(&fleet, "worker");
    readiness(&address, "200");
    redis.tell(&["CONFIG", "SET", "requirepass", "other"]);
    redis.tell(&["-a", "other", "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    worker.hears("it refuses us");
    readiness(&address, "ledger: the server refused the login");
    redis.tell(&["-a", "other", "CONFIG", "SET", "requirepass", ""]);
    readiness(&address, "200");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_refuses_us_later_makes_a_role_unready_and_says_so_once() {
    let fleet = Fleet::new(LONGHAUL, 1, "").await;
    let rabbit = tokio::task::spawn_blocking(Rabbit::start).await.unwrap();
    let url = rabbit.url().replace("guest:guest", "guest");
    moves(&fleet, "broker", &format!("url: \"{url}\", password: env:TEST_BROKER_PASSWORD"));
    let (mut worker, address) = begins(&fleet, "worker");
    readiness(&address, "200");
    rabbit.control(&["change_password", "guest", "other"]);
    rabbit.control(&["close_all_connections", "test"]);
    readiness(&address, "the broker refuses the login");
    worker.hears("the broker refuses the login");
    rabbit.control(&["change_password", "guest", "guest"]);
    readiness(&address, "200");
}
