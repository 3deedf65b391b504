//! What stands in `deploy/`, read and checked, for most of it cannot be run where tests run: that it
//! is well formed, that its parts fit together, and that what it says of us is so.

mod watch;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tests::scratch::Folder;

use crate::cargo::root;

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

/// The admin port, wherever it is written.
const PORT: u16 = 9464;

fn deploy() -> PathBuf {
    root().join("deploy")
}

fn text(path: &str) -> String {
    let path = deploy().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file below a folder of `deploy/`, by its path from there.
fn files(folder: &str) -> Vec<String> {
    fn below(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            match path.is_dir() {
                true if path.ends_with("secrets") => {}
                true => below(&path, found),
                false => found.push(path),
            }
        }
    }
    let mut found = Vec::new();
    below(&deploy().join(folder), &mut found);
    let start = deploy();
    let name = |path: PathBuf| path.strip_prefix(&start).unwrap().to_str().unwrap().to_owned();
    found.into_iter().map(name).collect()
}

fn ending(folder: &str, end: &str) -> Vec<String> {
    files(folder).into_iter().filter(|file| file.ends_with(end)).collect()
}

fn strings(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// What `longhaul COMMAND --help` says, if there is such a command.
fn help(command: &str) -> Option<String> {
    let folder = Folder::new();
    let said = tests::command::run(
        tests::command::longhaul(LONGHAUL, folder.path()).args([command, "--help"]),
    );
    (said.code == Some(0)).then_some(said.stdout)
}

/// Checks the arguments with which a deployment starts us, and returns the file they name.
fn checked_arguments(arguments: &[String]) -> String {
    let (role, rest) = arguments.split_first().expect("a role");
    let options = help(role).unwrap_or_else(|| panic!("there is no role {role}"));
    for option in rest.iter().filter(|word| word.starts_with('-')) {
        assert!(options.contains(option.as_str()), "{role} has no {option}");
    }
    let at = rest.iter().position(|word| word == "--file").expect("each role is given its file");
    rest[at + 1].clone()
}

#[test]
fn every_file_is_well_formed() {
    for file in ending(".", ".yaml") {
        assert!(yaml(&file).is_object(), "{file}");
    }
    for file in ending(".", ".json") {
        serde_json::from_str::<Value>(&text(&file)).unwrap_or_else(|e| panic!("{file}: {e}"));
    }
    assert!(files(".").len() > 20, "the check sees them");
}

#[test]
fn the_files_of_our_own_are_understood_by_us() {
    let folder = Folder::new();
    for file in ["compose/longhaul.yaml", "kubernetes/base/fleet.yaml"] {
        let path = deploy().join(file).display().to_string();
        let mut command = tests::command::longhaul(LONGHAUL, folder.path());
        let said = tests::command::run(command.args(["environments", "--file", &path]));
        let _ = said.exits(0);
        let port = format!(":{PORT}");
        assert!(yaml(file)["fleet"]["admin"].as_str().unwrap().ends_with(&port), "{file}");
    }
}

#[test]
fn the_image_is_small_without_root_and_of_our_version_of_rust() {
    let file = text("Dockerfile");
    let stages: Vec<_> = file.lines().filter(|line| line.starts_with("FROM ")).collect();
    assert_eq!(stages.len(), 2, "{stages:?}");
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let version = manifest.lines().find_map(|l| l.strip_prefix("rust-version = ")).unwrap();
    assert!(stages[0].contains(&format!("rust:{}-slim", version.trim_matches('"'))), "{stages:?}");
    assert!(stages[1].contains("-slim"), "{stages:?}");
    let last = file.split("FROM ").last().unwrap();
    let user = last.lines().find_map(|line| line.strip_prefix("USER ")).expect("a user");
    assert!(user.split(':').all(|id| id.parse::<u32>().is_ok_and(|id| id > 0)), "{user}");
    assert!(last.contains("HEALTHCHECK ") && last.contains("GET /healthz"));
    assert!(last.contains(&format!("EXPOSE {PORT}")) && last.contains(&format!("/{PORT} ")));
    assert!(last.contains("ENTRYPOINT [\"longhaul\"]"));
}

#[test]
fn the_tour_starts_us_as_we_can_be_started() {
    let compose = yaml("compose/compose.yaml");
    let services = compose["services"].as_object().unwrap();
    let secrets: BTreeSet<_> = compose["secrets"].as_object().unwrap().keys().cloned().collect();
    let mut ours = 0;
    for (name, service) in services {
        let image = service["image"].as_str().unwrap();
        assert!(image.contains(':') && !image.ends_with(":latest"), "{name}: {image}");
        for secret in strings(&service["secrets"]) {
            assert!(secrets.contains(&secret), "{name} wants the secret {secret}");
        }
        for volume in strings(&service["volumes"]).iter().filter(|v| v.starts_with('.')) {
            let here = volume.split(':').next().unwrap();
            assert!(deploy().join("compose").join(here).exists(), "{name}: {volume}");
        }
        if !image.starts_with("longhaul:") {
            continue;
        }
        let file = checked_arguments(&strings(&service["command"]));
        let mounted = strings(&service["volumes"]).iter().any(|v| v.contains(&format!(":{file}")));
        assert!(mounted, "{name} is not given {file}");
        let wanted = text("compose/longhaul.yaml");
        for secret in wanted.split("file:/run/secrets/").skip(1) {
            let secret = secret.split([' ', '\n', ',', '}']).next().unwrap().to_owned();
            assert!(strings(&service["secrets"]).contains(&secret), "{name} lacks {secret}");
        }
        ours += 1;
    }
    assert_eq!(ours, 2);
    let prepared = text("compose/prepare");
    let made = prepared.lines().find(|line| line.contains("for name in")).unwrap();
    for secret in &secrets {
        assert!(made.contains(secret.as_str()), "`prepare` does not make {secret}");
        let file = compose["secrets"][secret]["file"].as_str().unwrap();
        assert_eq!(file, format!("./secrets/{secret}"));
    }
    let prometheus = yaml("compose/prometheus.yaml");
    let scraped = &prometheus["scrape_configs"][0]["dns_sd_configs"][0];
    assert_eq!(scraped["port"], PORT);
    assert!(strings(&scraped["names"]).iter().all(|name| services.contains_key(name)));
}

#[test]
fn units_start_us_as_we_can_be_started_and_not_as_root() {
    let units = ending("systemd", ".service");
    assert_eq!(units.len(), 2);
    for unit in units {
        let text = text(&unit);
        let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key));
        let start = value("ExecStart=/usr/local/bin/longhaul ").expect("it starts us");
        let arguments: Vec<_> = start.split(' ').map(str::to_owned).collect();
        assert_eq!(checked_arguments(&arguments), "/etc/longhaul/fleet.yaml");
        assert_eq!(value("User="), Some("longhaul"));
        assert_eq!(value("Type="), Some("notify"));
        assert!(value("WatchdogSec=").is_some_and(|said| said.parse::<u32>().is_ok()));
        assert!(text.contains("NoNewPrivileges=true") && text.contains("ProtectSystem=strict"));
        let admin = value("Environment=LONGHAUL_FLEET__ADMIN=").expect("an admin port of its own");
        assert!(admin.parse::<std::net::SocketAddr>().is_ok(), "{admin}");
    }
}

/// Whoever reads units for a living finds nothing to say; only our own path is another here.
#[test]
fn systemd_has_nothing_to_say_of_the_units() {
    let (folder, mut seen) = (Folder::new(), Vec::new());
    let verify = |unit: &Path| {
        let mut command = std::process::Command::new("systemd-analyze");
        command.args(["verify", "--man=no"]).arg(unit);
        let said = match command.output() {
            Ok(output) => output.stderr,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            Err(error) => panic!("systemd-analyze: {error}"),
        };
        let name = unit.file_name().unwrap().to_str().unwrap();
        // It reads what the machine has besides, and may have something to say of that.
        let said = String::from_utf8_lossy(&said).into_owned();
        let of_ours = said.lines().filter(|line| line.contains(name));
        Some(of_ours.map(str::to_owned).collect::<Vec<_>>())
    };
    for unit in ending("systemd", ".service") {
        let text = text(&unit).replace("/usr/local/bin/longhaul", LONGHAUL);
        let path = folder.path().join(Path::new(&unit).file_name().unwrap());
        std::fs::write(&path, &text).unwrap();
        let Some(said) = verify(&path) else {
            eprintln!("skipped: there is no systemd-analyze on this machine");
            return;
        };
        assert_eq!(said, [""; 0], "{unit}");
        std::fs::write(&path, text.replace("WatchdogSec=", "WatchdogSecs=")).unwrap();
        seen.extend(verify(&path).unwrap());
    }
    assert_eq!(seen.len(), 2, "it would have something to say: {seen:?}");
}

#[test]
fn what_kustomize_names_is_there_and_nothing_lies_beside_it() {
    let mut named = BTreeSet::new();
    for kustomization in ending("kubernetes", "kustomization.yaml") {
        let folder = Path::new(&kustomization).parent().unwrap().to_path_buf();
        named.insert(kustomization.clone());
        let said = yaml(&kustomization);
        let patches = said["patches"].as_array().into_iter().flatten();
        let patches = patches.filter_map(|patch| patch["path"].as_str()).map(str::to_owned);
        let generated = said["configMapGenerator"].as_array().into_iter().flatten();
        let generated = generated.flat_map(|map| strings(&map["files"]));
        for path in strings(&said["resources"]).into_iter().chain(patches).chain(generated) {
            let there = deploy().join(&folder).join(&path);
            assert!(there.exists(), "{kustomization} names {path}");
            if there.is_dir() {
                assert!(there.join("kustomization.yaml").exists(), "{path} of {kustomization}");
            }
            named.insert(folder.join(path).to_str().unwrap().to_owned());
        }
    }
    for file in ending("kubernetes", ".yaml") {
        assert!(named.contains(&file), "nobody names {file}");
    }
}

#[test]
fn pods_are_modest_and_the_rest_finds_them() {
    let labels = |role: &str| {
        serde_json::json!({
            "app.kubernetes.io/name": "longhaul", "app.kubernetes.io/component": role
        })
    };
    for role in ["coordinator", "worker"] {
        let deployment = yaml(&format!("kubernetes/base/{role}.yaml"));
        let pod = &deployment["spec"]["template"];
        assert_eq!(pod["metadata"]["labels"], labels(role));
        assert_eq!(deployment["spec"]["selector"]["matchLabels"], labels(role));
        let budget = yaml(&format!("kubernetes/base/{role}-budget.yaml"));
        assert_eq!(budget["spec"]["selector"]["matchLabels"], labels(role));
        let spec = &pod["spec"];
        assert_eq!(spec["securityContext"]["runAsNonRoot"], true);
        assert_eq!(spec["automountServiceAccountToken"], false);
        let container = &spec["containers"][0];
        assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
        assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false);
        assert_eq!(container["ports"][0]["containerPort"], PORT);
        assert_eq!(container["livenessProbe"]["httpGet"]["path"], "/healthz");
        assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/readyz");
        let file = checked_arguments(&strings(&container["args"]));
        let mounts = container["volumeMounts"].as_array().unwrap();
        assert!(mounts.iter().any(|m| file.starts_with(m["mountPath"].as_str().unwrap())));
        let secret = spec["volumes"].as_array().unwrap().iter().find(|v| v["name"] == "secrets");
        assert_eq!(secret.unwrap()["secret"]["secretName"], "longhaul-secrets");
    }
    let policy = yaml("kubernetes/base/network-policy.yaml");
    assert_eq!(policy["spec"]["ingress"][0]["ports"][0]["port"], PORT);
    let scaled = yaml("kubernetes/overlays/elastic/scaled-object.yaml");
    assert_eq!(scaled["spec"]["scaleTargetRef"]["name"], "longhaul-worker");
}

#[test]
fn no_secret_stands_in_any_of_it() {
    for file in files(".") {
        // RabbitMQ's own login, which it takes from the same machine only, is no secret.
        let text = text(&file).replace("guest:guest@127.0.0.1", "");
        assert!(!text.contains("kind: Secret\n"), "{file} holds a Secret");
        for (number, line) in text.lines().enumerate() {
            assert!(!holds_secret(line), "{file}:{}: {line}", number + 1);
        }
    }
    assert!(holds_secret("  password: hunter2"));
    assert!(holds_secret("environment: { POSTGRES_PASSWORD: hunter2 }"));
    assert!(holds_secret("  k1: 0123456789abcdef0123456789abcdef"));
    assert!(holds_secret("url: amqp://u:hunter2@mq"));
    assert!(!holds_secret("  password: file:/run/secrets/x"));
}

/// A password that is no reference, a login with one, or what looks like a key.
fn holds_secret(line: &str) -> bool {
    let prose = line.trim_start().starts_with('#');
    let given = !prose
        && line.to_lowercase().match_indices("password").any(|(at, word)| {
            let after = line[at + word.len()..].trim_start();
            let value = after.strip_prefix([':', '=']).map(str::trim_start);
            let open = ["file:", "env:", "/run/", "\"$", "$"];
            value.is_some_and(|v| !v.is_empty() && !open.iter().any(|start| v.starts_with(start)))
        });
    let login = line.split("://").skip(1).any(|rest| {
        let login = rest.split(['/', ' ', '"']).next().and_then(|host| host.split_once('@'));
        // And no pattern that looks for logins.
        let spelt = |c: char| c.is_ascii_alphanumeric() || "-_.%:".contains(c);
        login.is_some_and(|(login, _)| login.contains(':') && login.chars().all(spelt))
    });
    let key = line.split(|c: char| !c.is_ascii_hexdigit()).any(|word| word.len() >= 32);
    given || login || key
}
