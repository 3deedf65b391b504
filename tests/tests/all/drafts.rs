//! `init` writes a file that `check` finds sound and `plan` understands.

use tests::scratch::Database;
use tests::setting::{PASSWORD, Setting};

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

#[tokio::test]
async fn a_drafted_file_is_sound_and_holds_no_password() {
    let setting = Setting::new(LONGHAUL);
    let from = setting.sqlite(
        "from.db",
        "CREATE TABLE pupil (id INTEGER PRIMARY KEY, name TEXT);
         CREATE TABLE \"odd\nname: x\" (v TEXT);
         CREATE VIEW seen AS SELECT 1;",
    );
    let to = Database::new().await;
    let _ = setting
        .longhaul(&["init", &from, &to.url_with_password()])
        .exits(0)
        .says(&["LONGHAUL_TARGET_PASSWORD", "longhaul plan longhaul.yaml"]);
    let file = setting.read("longhaul.yaml");
    assert!(!file.contains(PASSWORD), "{file}");
    for said in [
        "password: env:LONGHAUL_TARGET_PASSWORD",
        "#   pupil ",
        "has no NOT NULL unique key",
        "view not moved: seen",
        "odd\\u{a}name: x",
    ] {
        assert!(file.contains(said), "{said}\n{file}");
    }
    let _ = setting.longhaul(&["check"]).exits(0).says(&["sound", "from source to target"]);
    let json = setting.longhaul(&["check", "longhaul.yaml", "--output", "json"]).exits(0).json();
    assert_eq!(json["migration"]["name"], "longhaul");
    let plan = setting.run(setting.command(&["plan"]).env("LONGHAUL_TARGET_PASSWORD", PASSWORD));
    let _ = plan.exits(0);
    let _ = setting.longhaul(&["init", &from, &to.url()]).fault(
        "output-unwritable",
        2,
        &["exists already"],
    );
    assert_eq!(setting.read("longhaul.yaml"), file);
}

#[test]
fn check_opens_nothing_and_says_what_is_wrong() {
    let setting = Setting::new(LONGHAUL);
    setting.migration("postgres://u@nowhere.invalid/d", "sqlite:/nowhere/at/all.db", "");
    let _ = setting.longhaul(&["check"]).exits(0);
    setting.migration("sqlite:a.db", "sqlite:b.db", "entites: all");
    let _ =
        setting.longhaul(&["check"]).fault("config-malformed", 2, &["did you mean `entities`?"]);
    let _ = setting.longhaul(&["check", "none.yaml"]).fault("config-unreadable", 2, &["none.yaml"]);
}
