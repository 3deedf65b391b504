//! What people read when something is wrong, word for word: place, what is wrong and what was
//! probably meant, and on a second line what to do, where that is more than the code's own advice.

use super::*;

fn line(result: Result<Config, ConfigError>) -> String {
    let error = result.expect_err("this is wrong");
    let fault = error.fault();
    let all = format!("{error:?} {fault} {}", error.render(120, false));
    assert!(!all.contains("geheim"), "a secret is printed: {all}");
    let first = format!("{}: {}", fault.place(), fault.said().unwrap_or("?"));
    match fault.advice() {
        advice if advice == fault.code().advice() => first,
        advice => format!("{first}\n{advice}"),
    }
}

fn said(body: &str) -> String {
    line(read_with(body, &[], &[]))
}

/// The good file with something added at its end, which is line 8.
fn added(text: &str) -> String {
    said(&format!("{GOOD}{text}"))
}

fn changed(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from));
    said(&GOOD.replace(from, to))
}

fn set(argument: &str) -> String {
    line(read_with(GOOD, &[argument], &[]))
}

fn variable(name: &str, value: &str) -> String {
    line(read_with(GOOD, &[], &[(name, value)]))
}

#[test]
fn what_is_not_yaml() {
    assert_eq!(
        said("# nothing\n"),
        "school.yaml:2:1: the file is empty\n\
         A migration needs at least `environments`, `from` and `to`; `longhaul schema` prints all that is allowed."
    );
    assert_eq!(
        said("just text"),
        "school.yaml:1:1: expected a map of keys and values; this is text"
    );
    assert_eq!(said("- a\n"), "school.yaml:1:1: expected a map of keys and values; this is a list");
    assert_eq!(
        added("name: [a, b\n"),
        "school.yaml:8:7: this is not YAML: unclosed bracket '['\n\
         Check quotes, brackets and indentation here and on the line above."
    );
    assert_eq!(
        added("name: a: b\n"),
        "school.yaml:8:8: this is not YAML: mapping values are not allowed in this context\n\
         A text that contains `: ` needs quotes; otherwise check the indentation of this line."
    );
    assert_eq!(
        added("name: @x\n"),
        "school.yaml:8:7: this is not YAML: unexpected character: `@'\n\
         A text that begins with this character needs quotes."
    );
    assert_eq!(
        added("limits:\n\tslots: 4\n"),
        "school.yaml:9:2: a tab where YAML wants spaces\n\
         Indent with spaces; most editors can convert the file."
    );
    assert_eq!(
        added("entities:\n- *\n"),
        "school.yaml:9:3: a text that begins with `*` needs quotes; YAML takes it for an alias\n\
         Write `\"*\"`."
    );
    assert_eq!(
        added("entities: [*.orders, b]\n"),
        "school.yaml:8:12: a text that begins with `*` needs quotes; YAML takes it for an alias\n\
         Write `\"*.orders\"`."
    );
    assert_eq!(
        added("from: legacy\n"),
        "school.yaml:8:1: `from` is written twice; it was given above already\n\
         Keep one of the two."
    );
    assert_eq!(
        added("---\nfrom: b\n"),
        "school.yaml:9:1: the file holds more than one document; the second begins here\n\
         Keep one migration in a file, without `---` in between."
    );
    assert_eq!(
        added("? [a]\n: b\n"),
        "school.yaml:8:3: a key must be a text\n\
         Put it in quotes if it holds `[` or `{`."
    );
}

#[test]
fn what_nobody_knows() {
    assert_eq!(
        added("frm: x\n"),
        "school.yaml:8:1: unknown key `frm`; did you mean `from`?\n\
         Valid keys: `name`, `environments`, `default`, `from`, `to`, `entities`, `mode`, `foreign_keys`, `consistency`, `on_snapshot_lost`, `include`, `limits`, `retry`, `fleet`."
    );
    assert_eq!(
        added("parallel: 4\n"),
        "school.yaml:8:1: unknown key `parallel`; not valid here\n\
         Valid keys: `name`, `environments`, `default`, `from`, `to`, `entities`, `mode`, `foreign_keys`, `consistency`, `on_snapshot_lost`, `include`, `limits`, `retry`, `fleet`."
    );
    assert_eq!(
        added("entities:\n  - entity: orders\n    confilct: [id]\n"),
        "school.yaml:10:5: unknown key `confilct`; did you mean `conflict`?\n\
         Valid keys: `entity`, `exclude`, `to`, `mode`, `conflict`, `where`, `top`, `rename`, `exclude_columns`, `chunk_rows`, `on_unfit`, `policies`, `when`, `check`, `compute`, `rejects`, `triggers`, `foreign_keys`, `indexes`."
    );
    assert_eq!(
        added("entities:\n  - entity: orders\n    filter: x\n"),
        "school.yaml:10:5: unknown key `filter`; did you mean `where`?\n\
         Valid keys: `entity`, `exclude`, `to`, `mode`, `conflict`, `where`, `top`, `rename`, `exclude_columns`, `chunk_rows`, `on_unfit`, `policies`, `when`, `check`, `compute`, `rejects`, `triggers`, `foreign_keys`, `indexes`."
    );
    assert_eq!(
        added("limits: { workers: 4 }\n"),
        "school.yaml:8:11: unknown key `workers`; did you mean `slots`?\n\
         Valid keys: `slots`, `rows_per_second`, `megabytes_per_second`, `memory`, `chunk_bytes`, `rejects`."
    );
    assert_eq!(
        added("mode: upsrt\n"),
        "school.yaml:8:7: unknown value `upsrt`; did you mean `upsert`?\n\
         It is one of: `create`, `upsert`, `update`, `replace`, `append`."
    );
    assert_eq!(
        added("consistency: 5\n"),
        "school.yaml:8:14: unknown value `5`; not one of them\n\
         It is one of: `snapshot`, `quiesced`, `drifting`."
    );
    assert_eq!(
        added("entities: orders\n"),
        "school.yaml:8:11: `orders` is not `all`\n\
         For one entity write a list of one: `[\"orders\"]`."
    );
    assert_eq!(
        changed("env:PW", "env:PW\n    tls: { verify: strict }"),
        "school.yaml:6:20: unknown value `strict`; did you mean `full`?\n\
         It is one of: `full`, `ca`, `none`."
    );
    assert_eq!(
        changed("env:PW", "env:PW\n    tls: { mode: verify-full }"),
        "school.yaml:6:12: unknown key `mode`; did you mean `verify`?\n\
         Valid keys: `verify`, `ca`, `cert`, `key`."
    );
    assert_eq!(
        changed("env:PW", "env:PW\n    tls: require"),
        "school.yaml:6:10: `tls` is `off` or a map\n\
         Write `tls: off`, or for example `tls: { verify: full }`."
    );
    assert_eq!(
        changed("    url: p", "    uri: p"),
        "school.yaml:4:5: unknown key `uri`; did you mean `url`?\n\
         Valid keys: `url`, `password`, `tls`, `max_connections`, `rows_per_second`, `megabytes_per_second`."
    );
    assert_eq!(
        changed("\" }", "\", password:geheim }"),
        "school.yaml:2:38: `password` is not followed by `: ` and a value; is a space missing after the colon?\n\
         YAML wants a space between `:` and the value."
    );
}

#[test]
fn what_is_missing() {
    assert_eq!(
        said("from: a\n"),
        "school.yaml:1:1: `environments` is missing; not found in here\n\
         Add a line `environments: …`."
    );
    assert_eq!(
        changed("    url: postgres://app@db.example:5432/school\n", ""),
        "school.yaml:3:3: `url` is missing; not found in here\n\
         Add a line `url: …`."
    );
    assert_eq!(
        changed("to: prod\n", ""),
        "school.yaml:6:1: `to` is missing; read from here, but written where?\n\
         Add a line `to: …` with the name of an environment, or `default: …`."
    );
    assert_eq!(
        added("entities:\n  - to: b\n"),
        "school.yaml:9:5: this item names no entity; `entity` or `exclude` is missing\n\
         Add `entity: …` with a name or a pattern."
    );
    assert_eq!(
        added("entities: []\n"),
        "school.yaml:8:11: the list of entities is empty\n\
         Write `entities: all`, or name some."
    );
}

#[test]
fn what_leaves_nothing_to_clamp_to() {
    for reason in ["wrong_type", "no_such_label"] {
        let entities = |policy: &str| {
            format!("entities:\n  - {{ entity: a, policies: {{ {reason}: {policy} }} }}\n")
        };
        let at = 32 + reason.len();
        assert_eq!(
            added(&entities("clamp")),
            format!(
                "school.yaml:9:{at}: `{reason}` leaves nothing to clamp to: no value is nearer than another\n\
                 Write `reject`, `null` or `{{ replace: … }}`."
            )
        );
        let _ = read(&format!("{GOOD}{}", entities("null")));
    }
    let _ = read(&format!("{GOOD}entities: [{{ entity: a, policies: {{ too_long: clamp }} }}]\n"));
}

#[test]
fn what_is_of_the_wrong_kind() {
    assert_eq!(
        added("limits: 5\n"),
        "school.yaml:8:9: expected a map of keys and values; this is a number"
    );
    assert_eq!(
        added("limits: { slots: many }\n"),
        "school.yaml:8:18: expected a whole number; this is text"
    );
    assert_eq!(
        added("limits: { slots: \"4\" }\n"),
        "school.yaml:8:18: expected a whole number; this is text in quotes\n\
         Remove the quotes."
    );
    assert_eq!(
        added("limits: { slots: 1.5 }\n"),
        "school.yaml:8:18: expected a whole number; this is a fraction"
    );
    assert_eq!(
        added("limits: { slots: -1 }\n"),
        "school.yaml:8:18: expected a whole number; this is negative"
    );
    assert_eq!(
        added("limits: { rejects: 99999999999999999999 }\n"),
        "school.yaml:8:20: expected a whole number; this is too large"
    );
    assert_eq!(
        added("limits: { memory: 64M }\n"),
        "school.yaml:8:19: unknown unit\n\
         Write a number and a unit, such as `64MiB` (2²⁰ bytes each) or `64MB` (10⁶), or a plain number of bytes."
    );
    assert_eq!(
        added("limits: { memory: [1] }\n"),
        "school.yaml:8:19: expected a size; this is a list"
    );
    assert_eq!(added("mode: [upsert]\n"), "school.yaml:8:7: expected a word; this is a list");
    assert_eq!(
        added("name: { a: b }\n"),
        "school.yaml:8:7: expected text; this is a map\n\
         Put the text in quotes if it holds `: `, `[`, `{` or `#`."
    );
    assert_eq!(
        added("entities: { a: b }\n"),
        "school.yaml:8:11: expected `all` or a list; this is a map"
    );
    assert_eq!(
        added("entities: [[a]]\n"),
        "school.yaml:8:12: expected a pattern or a map of keys and values; this is a list"
    );
    assert_eq!(
        added("entities:\n  -\n"),
        "school.yaml:9:4: expected a pattern or a map of keys and values; this is nothing"
    );
    assert_eq!(
        added("entities:\n  - entity: a\n    conflict: id\n"),
        "school.yaml:10:15: expected a list; this is text\n\
         Put it in square brackets: `[…]`."
    );
    assert_eq!(
        changed("url: postgres://app@db.example:5432/school", "url: [x]"),
        "school.yaml:4:10: expected text; this is a list\n\
         Put the text in quotes if it holds `: `, `[`, `{` or `#`."
    );
}

#[test]
fn what_is_out_of_range() {
    assert_eq!(
        added("limits: { slots: 0 }\n"),
        "school.yaml:8:18: `slots` is a number from 1 to 256"
    );
    assert_eq!(
        added("limits: { slots: 300 }\n"),
        "school.yaml:8:18: `slots` is a number from 1 to 256"
    );
    assert_eq!(
        added("limits: { rows_per_second: 0 }\n"),
        "school.yaml:8:28: `rows_per_second` must be at least 1\n\
         Leave the line out for no limit of that kind."
    );
    assert_eq!(
        added("limits: { memory: 64 }\n"),
        "school.yaml:8:19: `memory` must be at least 1MiB; these are bytes; did you mean `64MiB`?"
    );
    assert_eq!(
        added("limits: { chunk_bytes: 0 }\n"),
        "school.yaml:8:24: `chunk_bytes` must be at least 1KiB"
    );
    assert_eq!(
        added("retry: { attempts: 0 }\n"),
        "school.yaml:8:20: `attempts` is a number from 1 to 100"
    );
    assert_eq!(
        added("entities:\n  - entity: a\n    top: 0\n"),
        "school.yaml:10:10: `top` must be at least 1"
    );
    assert_eq!(
        added("entities:\n  - entity: a\n    where: \"\"\n"),
        "school.yaml:10:12: `where` is empty"
    );
    assert_eq!(added("name: \"\"\n"), "school.yaml:8:7: a migration needs a name");
}

#[test]
fn what_does_not_go_together() {
    assert_eq!(
        changed("to: prod", "to: legacy"),
        "school.yaml:7:5: source and target are the same; `legacy` is read already\n\
         Name another environment under `to`."
    );
    assert_eq!(
        changed("to: prod", "default: legacy"),
        "school.yaml:7:10: source and target are the same; `legacy` is read already\n\
         Name another environment under `to`."
    );
    assert_eq!(
        added("entities:\n  - entity: \"sales.*\"\n    to: orders\n"),
        "school.yaml:10:5: `to` is for one entity, not for a pattern; `sales.*` may match several\n\
         Give the entity an item of its own; its name beats the pattern."
    );
    assert_eq!(
        added("entities:\n  - entity: \"*\"\n    mode: upsert\n    conflict: [id]\n"),
        "school.yaml:11:5: `conflict` is for one entity, not for a pattern; `*` may match several\n\
         Give the entity an item of its own; its name beats the pattern."
    );
    assert_eq!(
        added("entities:\n  - entity: \"*\"\n    rename: { a: b }\n"),
        "school.yaml:10:5: `rename` is for one entity, not for a pattern; `*` may match several\n\
         Give the entity an item of its own; its name beats the pattern."
    );
    assert_eq!(
        added("entities:\n  - entity: a\n    conflict: [id]\n"),
        "school.yaml:10:5: `conflict` is for modes upsert and update; in mode create nothing can conflict\n\
         Add `mode: upsert`, or remove the line."
    );
    assert_eq!(
        added("entities:\n  - exclude: a\n    mode: upsert\n"),
        "school.yaml:10:5: `mode` says nothing about what does not move\n\
         `exclude` stands alone in its item; to leave out columns, use `exclude_columns`."
    );
    assert_eq!(
        added("entities: [a, b, a]\n"),
        "school.yaml:8:18: `a` stands in the list twice; here again\n\
         Put all that is to be said about it into one item."
    );
    assert_eq!(
        added("entities:\n  - entity: a\n    rename: { x: y, z: y }\n"),
        "school.yaml:10:24: `x` and `z` cannot both become `y`"
    );
    assert_eq!(
        added("entities:\n  - entity: a\n    rename: { x: y }\n    exclude_columns: [x]\n"),
        "school.yaml:10:15: `x` does not move; renamed here\n\
         Keep one of the two."
    );
    assert_eq!(
        added("entities:\n  - entity: a\n    exclude_columns: [x, y, x]\n"),
        "school.yaml:10:29: column `x` is named twice"
    );
}

#[test]
fn tls_that_does_not_go_together() {
    assert_eq!(
        changed("env:PW", "env:PW\n    tls: { verify: none, ca: x }"),
        "school.yaml:6:26: `ca` means nothing where nobody is verified\n\
         Remove the line, or use `verify: full`."
    );
    assert_eq!(
        changed("env:PW", "env:PW\n    tls: { cert: x }"),
        "school.yaml:6:12: `cert` needs `key` beside it"
    );
    assert_eq!(
        changed("5432/school", "5432/school?sslmode=require\n    tls: off"),
        "school.yaml:5:5: the URL has an `sslmode` of its own\n\
         Keep one of the two; `tls` is easier to read."
    );
    assert_eq!(
        changed("\" }", "\", password: env:X }"),
        "school.yaml:2:38: a SQLite file has no `password`\n\
         Remove the line."
    );
}

#[test]
fn environments_and_addresses() {
    assert_eq!(
        changed("to: prod", "to: prd"),
        "school.yaml:7:5: no environment has the name `prd`; did you mean `prod`?\n\
         There are: `legacy`, `prod`."
    );
    assert_eq!(
        changed("to: prod", "to: elsewhere"),
        "school.yaml:7:5: no environment has the name `elsewhere`; not under `environments`\n\
         There are: `legacy`, `prod`."
    );
    assert_eq!(
        added("default: prdo\n"),
        "school.yaml:8:10: no environment has the name `prdo`; did you mean `prod`?\n\
         There are: `legacy`, `prod`."
    );
    assert_eq!(
        changed("to: prod", "to: sqlite:x.db"),
        "school.yaml:7:5: expected the name of an environment; this is an address\n\
         Give the address a name under `environments`, and write the name here."
    );
    assert_eq!(
        changed("  legacy: {", "  leg.acy: {"),
        "school.yaml:2:3: this name does not fit an environment\n\
         Begin with a letter; then letters, digits, `-` and `_`."
    );
    assert_eq!(
        changed("postgres:", "postgress:"),
        "school.yaml:4:10: this is not the URL of a database; did you mean `postgres:`?\n\
         Supported are PostgreSQL (`postgres://…`), MySQL and MariaDB (`mysql://…`), and SQLite (`sqlite:path`)."
    );
    assert_eq!(
        changed("sqlite:school", "school"),
        "school.yaml:2:18: this is a path, not a URL; did you mean `sqlite:school.db`?\n\
         Supported are PostgreSQL (`postgres://…`), MySQL and MariaDB (`mysql://…`), and SQLite (`sqlite:path`)."
    );
    assert_eq!(
        changed("sqlite:school.db", "sqlite:"),
        "school.yaml:2:18: this URL leads nowhere; host or path is missing"
    );
    assert_eq!(
        changed("postgres://", "postgres:"),
        "school.yaml:4:10: this URL leads nowhere; `//` is missing after the colon"
    );
}

#[test]
fn secrets_have_no_place_in_the_file() {
    assert_eq!(
        changed("app@", "app:geheim@"),
        "school.yaml:4:10: a password has no place in the migration file; the password in this URL\n\
         Take it out of the URL and add `password: env:NAME` or `password: file:/path`."
    );
    assert_eq!(
        changed("5432/school", "5432/school?password=geheim"),
        "school.yaml:4:10: a password has no place in the migration file; the password in this URL\n\
         Take it out of the URL and add `password: env:NAME` or `password: file:/path`."
    );
    assert_eq!(
        changed("env:PW", "geheim"),
        "school.yaml:5:15: a secret is given by reference\n\
         Write `env:NAME` for an environment variable or `file:/path` for a file."
    );
    assert_eq!(
        changed("env:PW", "env:not a name"),
        "school.yaml:5:15: a secret is given by reference\n\
         Write `env:NAME` for an environment variable or `file:/path` for a file."
    );
    assert_eq!(
        changed("env:PW", "[geheim]"),
        "school.yaml:5:15: expected a reference to a secret; this is a list"
    );
    assert_eq!(
        changed("env:PW", "|\n      geheim"),
        "school.yaml:6:7: a secret is given by reference\n\
         Write `env:NAME` for an environment variable or `file:/path` for a file."
    );
}

#[test]
fn overrides_are_pointed_at_too() {
    assert_eq!(set("limits.slots=0"), "--set limits.slots: `slots` is a number from 1 to 256");
    assert_eq!(
        set("limits.slot=4"),
        "--set limits.slot: unknown key `slot`; did you mean `slots`?\n\
         Valid keys: `slots`, `rows_per_second`, `megabytes_per_second`, `memory`, `chunk_bytes`, `rejects`."
    );
    assert_eq!(
        set("to=prd"),
        "--set to: no environment has the name `prd`; did you mean `prod`?\n\
         There are: `legacy`, `prod`."
    );
    assert_eq!(
        set("limits.slots=[1"),
        "--set limits.slots: this is not YAML: unclosed bracket '['\n\
         Check quotes, brackets and indentation here and on the line above."
    );
    assert_eq!(
        set("entities[0].top=5"),
        "--set entities[0].top: this is not a list; not possible here"
    );
    assert_eq!(
        set("from.x=1"),
        "--set from.x: this is not a map of keys and values; not possible here"
    );
    assert_eq!(
        set("geheim"),
        "--set: `--set` wants `key=value`\n\
         Write, for example, `--set limits.slots=4` or `--set 'entities[0].top=10'`."
    );
    assert_eq!(
        set("environments.prod.password=geheim"),
        "--set environments.prod.password: a secret is given by reference\n\
         Write `env:NAME` for an environment variable or `file:/path` for a file."
    );
    assert_eq!(
        set("environments.prod.url=postgress://u:geheim@h"),
        "--set environments.prod.url: this is not the URL of a database; did you mean `postgres:`?\n\
         Supported are PostgreSQL (`postgres://…`), MySQL and MariaDB (`mysql://…`), and SQLite (`sqlite:path`)."
    );
    assert_eq!(
        variable("LONGHAUL_LIMITS__SLOTS", "x"),
        "variable LONGHAUL_LIMITS__SLOTS: expected a whole number; this is text"
    );
    assert_eq!(
        variable("LONGHAUL_ENTITIES", "[a, { entity: b, confict: [c] }]"),
        "variable LONGHAUL_ENTITIES: unknown key `confict`; did you mean `conflict`?\n\
         Valid keys: `entity`, `exclude`, `to`, `mode`, `conflict`, `where`, `top`, `rename`, `exclude_columns`, `chunk_rows`, `on_unfit`, `policies`, `when`, `check`, `compute`, `rejects`, `triggers`, `foreign_keys`, `indexes`."
    );
    assert_eq!(
        variable("LONGHAUL_ENVIRONMENTS__PROD__PASSWORD", "geheim"),
        "variable LONGHAUL_ENVIRONMENTS__PROD__PASSWORD: a secret is given by reference\n\
         Write `env:NAME` for an environment variable or `file:/path` for a file."
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let fault = |path: &str| load(Path::new(path), &[], &|_| None).unwrap_err().into_fault();
    assert_eq!(
        fault("nowhere.yaml").to_string(),
        "a file cannot be read (nowhere.yaml): there is no such file"
    );
    assert_eq!(fault("nowhere.yaml").code(), Code::ConfigUnreadable);
    let folder = env!("CARGO_MANIFEST_DIR");
    assert_eq!(fault(folder).said(), Some("it is a folder"));
}

#[test]
fn bytes_that_are_not_text_are_pointed_at() {
    let bytes = b"name: caf\xe9\n".to_vec();
    let error = from_bytes("school.yaml", "school", bytes, &[], &|_| None).unwrap_err();
    assert_eq!(
        error.fault().to_string(),
        "the migration file is invalid (school.yaml:1:10): this is not text in UTF-8"
    );
}

#[test]
fn a_file_cannot_grow_without_bound() {
    let bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\n\
        c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c]\n\
        e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d]\nf: [*e, *e, *e, *e, *e, *e, *e, *e, *e]\n";
    assert!(said(bomb).contains("this is not YAML"));
    assert!(said(&"[".repeat(100_000)).contains("this is not YAML"));
}
