//! What an error looks like on a terminal.

use super::*;

fn picture(body: &str) -> String {
    format!("\n{}", read_with(body, &[], &[]).unwrap_err().render(100, false))
}

#[test]
fn a_misspelt_key_looks_like_this() {
    assert_eq!(
        picture(&format!("{GOOD}entities:\n  - entity: orders\n    confilct: [id]\n")),
        "
config-malformed

  × unknown key `confilct`
    ╭─[school.yaml:10:5]
  9 │   - entity: orders
 10 │     confilct: [id]
    ·     ────┬───
    ·         ╰── did you mean `conflict`?
    ╰────
  help: Valid keys: `entity`, `exclude`, `to`, `mode`, `conflict`, `where`, `top`, `rename`,
        `exclude_columns`, `chunk_rows`, `on_unfit`, `policies`, `when`, `check`, `compute`,
        `rejects`, `triggers`, `foreign_keys`, `indexes`.
"
    );
}

#[test]
fn two_places_look_like_this() {
    assert_eq!(
        picture(&format!("{GOOD}entities:\n  - orders\n  - students\n  - orders\n")),
        "
config-malformed

  × `orders` stands in the list twice
    ╭─[school.yaml:11:5]
  8 │ entities:
  9 │   - orders
    ·     ───┬──
    ·        ╰── first here
 10 │   - students
 11 │   - orders
    ·     ───┬──
    ·        ╰── here again
    ╰────
  help: Put all that is to be said about it into one item.
"
    );
}

#[test]
fn a_password_looks_like_this() {
    assert_eq!(
        picture(&GOOD.replace("app@", "app:geheim@")),
        "
config-malformed

  × a password has no place in the migration file
   ╭─[school.yaml:4:10]
 3 │   prod:
 4 │     url: postgres://app:******@db.example:5432/school
   ·          ──────────────────────┬─────────────────────
   ·                                ╰── the password in this URL
 5 │     password: env:PW
   ╰────
  help: Take it out of the URL and add `password: env:NAME` or `password: file:/path`.
"
    );
}

#[test]
fn an_override_looks_like_this() {
    let sets = ["limits.memory=64".to_owned()];
    let error = Config::between_with("sqlite:a", "sqlite:b", &sets, &|_| None).unwrap_err();
    assert_eq!(
        format!("\n{}", error.render(100, false)),
        "
config-malformed

  × `memory` must be at least 1MiB
   ╭─[--set limits.memory:1:15]
 1 │ limits.memory=64
   ·               ─┬
   ·                ╰── these are bytes; did you mean `64MiB`?
   ╰────
  help: Correct the marked place; `longhaul schema` prints the JSON Schema for your editor.
"
    );
}
