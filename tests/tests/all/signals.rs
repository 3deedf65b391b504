//! Ctrl-C and SIGTERM: the first asks for an orderly end, the second ends at once, and either way
//! `longhaul resume` goes on. So it is when the server goes away.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tests::command::Said;
use tests::scratch::Database;
use tests::setting::{PASSWORD, Setting, VALUE};
use tests::strict::Strict;

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

/// A run so slow that it is caught in the middle: each chunk waits a second for its turn.
struct Slow {
    setting: Setting,
    from: Database,
}

/// A run under way, whose narration is read line by line.
struct UnderWay {
    child: Child,
    narration: BufReader<ChildStderr>,
    heard: String,
}

impl Slow {
    async fn new() -> Self {
        Self::to("sqlite:to.db", 5).await
    }

    async fn to(target: &str, attempts: u32) -> Self {
        let setting = Setting::new(LONGHAUL);
        let from = Database::new().await;
        from.run(&format!(
            "CREATE TABLE pupil (id BIGINT NOT NULL PRIMARY KEY, name TEXT);
             INSERT INTO pupil SELECT i, '{VALUE}' FROM generate_series(1, 400) i"
        ))
        .await;
        let limits = "entities: [{ entity: \"*\", chunk_rows: 100 }]\n\
                      limits: { slots: 1, rows_per_second: 100 }\nretry: { attempts: ATTEMPTS }"
            .replace("ATTEMPTS", &attempts.to_string());
        setting.migration(&from.url(), target, &limits);
        Self { setting, from }
    }

    fn starts(&self) -> UnderWay {
        let longhaul = self.setting.command(&["run", "--progress", "json", "--log", "off"]);
        // Under `nohup`, which these tests may be run by, SIGHUP would be ignored here as well.
        let mut command = std::process::Command::new("env");
        command.arg("--default-signal=HUP").arg(longhaul.get_program()).args(longhaul.get_args());
        command.current_dir(longhaul.get_current_dir().unwrap());
        command.envs(longhaul.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let mut child = command
            .env("TEST_PASSWORD", PASSWORD)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let narration = BufReader::new(child.stderr.take().unwrap());
        UnderWay { child, narration, heard: String::new() }
    }

    fn rows(&self) -> i64 {
        let target = self.setting.open("to.db");
        target.query_row("SELECT count(*) FROM pupil", [], |row| row.get(0)).unwrap()
    }

    async fn resumes(&self) {
        let said = self.setting.longhaul(&["resume"]).exits(0);
        assert_eq!(self.rows(), 400, "{said}");
        let _ = self.setting.longhaul(&["verify"]).exits(0);
        assert_eq!(self.from.ask("SELECT count(*) FROM pupil").await, "400");
    }
}

impl UnderWay {
    /// Reads on until a line holds both words.
    fn hears(&mut self, one: &str, other: &str) {
        loop {
            let mut line = String::new();
            let read = self.narration.read_line(&mut line).unwrap();
            assert!(read > 0, "it ended before it said `{one}` and `{other}`: {}", self.heard);
            self.heard += &line;
            if line.contains(one) && line.contains(other) {
                return;
            }
        }
    }

    fn is_sent(&self, signal: Signal) {
        let child = Pid::from_child(&self.child);
        kill_process(child, signal).unwrap();
    }

    fn ends(mut self) -> Said {
        self.narration.read_to_string(&mut self.heard).unwrap();
        let output = self.child.wait_with_output().unwrap();
        let mut said = Said::from(output);
        said.stderr = self.heard;
        said
    }
}

async fn ends_in_order(signal: Signal, code: i32) {
    let slow = Slow::new().await;
    let mut run = slow.starts();
    run.hears("chunk.claimed", "\"stage\":\"copy\"");
    run.hears("chunk.done", "\"stage\":\"copy\"");
    run.hears("chunk.claimed", "\"stage\":\"copy\"");
    run.is_sent(signal);
    let said = run.ends();
    slow.setting.shows_nothing(&said);
    let said = said.exits(code);
    // The chunk that was claimed was finished, and no other was begun.
    assert_eq!(slow.rows(), 200, "{said}");
    let status = slow.setting.longhaul(&["status", "--output", "json"]).exits(0).json();
    let resume = format!("longhaul resume {}", &status["run"].as_str().unwrap()[..8]);
    assert_eq!(status["next"], resume.as_str());
    assert!(said.stderr.contains(&resume), "no `{resume}` in {said}");
    slow.resumes().await;
}

#[tokio::test]
async fn the_first_ctrl_c_finishes_the_chunks_in_flight() {
    ends_in_order(Signal::INT, 130).await;
}

#[tokio::test]
async fn a_lost_terminal_does_the_same() {
    ends_in_order(Signal::HUP, 129).await;
}

#[tokio::test]
async fn sigterm_does_the_same_with_its_own_exit_code() {
    ends_in_order(Signal::TERM, 143).await;
}

#[tokio::test]
async fn the_second_ctrl_c_stops_at_once_and_loses_nothing() {
    let slow = Slow::new().await;
    let mut run = slow.starts();
    run.hears("chunk.done", "\"stage\":\"copy\"");
    run.hears("chunk.claimed", "\"stage\":\"copy\"");
    run.is_sent(Signal::INT);
    run.hears("Ctrl-C again", "finishing");
    run.is_sent(Signal::INT);
    let said = run.ends();
    slow.setting.shows_nothing(&said);
    let said = said.exits(130).says(&["longhaul resume"]);
    assert_eq!(slow.rows(), 100, "the chunk in flight is undone\n{said}");
    slow.resumes().await;
}

/// A slow run to a server of its own, in the middle.
async fn under_way(server: &Strict, attempts: u32) -> (Slow, UnderWay) {
    let slow = Slow::to(&server.url("postgres"), attempts).await;
    let file = slow.setting.read("longhaul.yaml");
    let url = format!("\"{}\"", server.url("postgres"));
    let with = format!("{url}, password: env:TEST_PASSWORD");
    slow.setting.write("longhaul.yaml", &file.replace(&url, &with));
    let mut run = slow.starts();
    run.hears("chunk.done", "\"stage\":\"copy\"");
    run.hears("chunk.claimed", "\"stage\":\"copy\"");
    (slow, run)
}

async fn all_are_on(server: &Strict) -> bool {
    let client = tests::scratch::connect(&server.url(&format!("postgres:{PASSWORD}"))).await;
    let rows: i64 = client.query_one("SELECT count(*) FROM pupil", &[]).await.unwrap().get(0);
    rows == 400
}

#[tokio::test]
async fn a_server_that_goes_away_is_waited_for_and_then_told() {
    let Some(server) = Strict::start(PASSWORD) else { return };
    let (slow, run) = under_way(&server, 1).await;
    server.goes_away();
    let said = run.ends();
    slow.setting.shows_nothing(&said);
    let said = said.exits(75).says(&["unreachable", "127.0.0.1", "longhaul resume"]);
    server.wakes();
    let mut resume = slow.setting.command(&["resume"]);
    let resumed = slow.setting.run(resume.env("TEST_PASSWORD", PASSWORD)).exits(0);
    assert!(all_are_on(&server).await, "{said}\n{resumed}");
}

/// A crash of the server takes its last commits along; what the ledger heard of them is not
/// believed.
#[tokio::test]
async fn a_server_that_crashes_and_comes_back_costs_only_time() {
    let Some(server) = Strict::start(PASSWORD) else { return };
    let (slow, run) = under_way(&server, 10).await;
    server.goes_away();
    server.wakes();
    let said = run.ends();
    slow.setting.shows_nothing(&said);
    let said = said.exits(0);
    assert!(all_are_on(&server).await, "{said}");
}
