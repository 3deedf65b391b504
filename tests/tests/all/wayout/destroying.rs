//! Nothing is destroyed that nobody agreed to lose, and no answer is lost in silence.

use std::fs::File;

use tests::setting::Setting;

use super::{LONGHAUL, TARGETS, says, shop};

#[test]
fn a_demo_takes_the_place_of_no_file_that_is_not_its_own() {
    let setting = Setting::new(LONGHAUL);
    let demo = ["demo", "--dir", ".", "--rows", "100"];
    for name in ["legacy.db", "new.db"] {
        let precious = "CREATE TABLE precious (id INTEGER); INSERT INTO precious VALUES (7)";
        let _ = setting.sqlite(name, precious);
        let words = [name, "not touched", "--dir"];
        let _ = setting.longhaul(&demo).fault("output-unwritable", 2, &words);
        let kept: i64 =
            setting.open(name).query_row("SELECT id FROM precious", [], |row| row.get(0)).unwrap();
        assert_eq!(kept, 7);
        std::fs::remove_file(setting.path(name)).unwrap();
    }
    // Its own it may replace, again and again.
    let _ = setting.longhaul(&demo).exits(0);
    let _ = setting.longhaul(&demo).exits(0);
}

#[tokio::test]
async fn an_answer_that_cannot_be_written_is_a_failure() {
    let case = shop(TARGETS[0]).await;
    let full = |arguments: &[&str]| {
        let to = File::options().write(true).open("/dev/full").unwrap();
        let output = case.command(arguments).stdout(to).output().unwrap();
        tests::command::Said::from(output)
    };
    let _ = full(&["plan"]).fault("output-unwritable", 2, &["stdout"]);
    let _ = full(&["schema"]).fault("output-unwritable", 2, &["stdout"]);
    let _ = case.verified();
    let _ = full(&["report"]).fault("output-unwritable", 2, &["stdout"]);
    // Whoever reads the first lines only has what he wanted.
    let mut head = std::process::Command::new("bash");
    let longhaul = case.command(&["schema"]);
    head.args(["-c", "set -o pipefail; \"$0\" schema | head -1"]).arg(longhaul.get_program());
    let _ = tests::command::run(&mut head).exits(0);
}

#[tokio::test]
async fn a_saved_plan_of_urls_says_how_it_is_carried_out() {
    let case = shop(TARGETS[0]).await;
    std::fs::remove_file(case.folder.path().join("longhaul.yaml")).unwrap();
    let (from, to) = (case.from.url(), case.to.url());
    let said = says(&case, &["plan", "--from", &from, "--to", &to, "-o", "p.json"]).exits(0);
    let command = said.stderr.lines().find_map(|line| line.split_once("longhaul run "));
    let arguments = command.expect("it says which command").1.to_owned();
    // A plan without addresses says what is missing, and a damaged one that it is damaged.
    let _ = says(&case, &["run", "p.json"]).fault("usage", 2, &["p.json", "--from URL --to URL"]);
    std::fs::write(case.folder.path().join("bad.json"), "{\"format\":").unwrap();
    let _ = says(&case, &["run", "bad.json"]).fault("plan-format", 2, &["bad.json"]);
    let all: Vec<_> = std::iter::once("run").chain(arguments.split_whitespace()).collect();
    let _ = says(&case, &all).exits(0).says(&["VERIFIED"]);
}
