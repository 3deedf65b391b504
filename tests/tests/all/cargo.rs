//! What cargo says about this workspace, asked offline and with the lock file as it is.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The folder of the root manifest.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("this crate is a folder of the workspace").to_path_buf()
}

/// What every manifest of the workspace says, as `cargo metadata` prints it.
pub(crate) fn manifests() -> Value {
    let json = cargo(&["metadata", "--format-version", "1", "--no-deps"]);
    serde_json::from_str(&json).expect("cargo prints JSON")
}

/// A package that is linked into something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Linked {
    /// Its name.
    pub(crate) name: String,
    /// Its licence expression; empty when its manifest has none.
    pub(crate) licence: String,
}

/// What is linked on Linux into these crates of the workspace (all of them for `None`): normal
/// dependencies of normal dependencies, with features as the resolver sets them. `cargo metadata`
/// would also list what only a disabled feature asks for.
pub(crate) fn linked(package: Option<&str>) -> BTreeSet<Linked> {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut arguments = vec!["tree", "-e", "normal", "--prefix", "none", "-f", "{p}\t{l}"];
    arguments.extend(["--target", &target]);
    match package {
        Some(package) => arguments.extend(["-p", package]),
        None => arguments.push("--workspace"),
    }
    cargo(&arguments).lines().filter_map(read_linked).collect()
}

/// `name v1.2.3 (path)<tab>licence`, with ` (*)` at the end of what was printed before.
fn read_linked(line: &str) -> Option<Linked> {
    let (package, licence) = line.split_once('\t')?;
    let licence = licence.trim_end_matches(" (*)").trim().to_owned();
    Some(Linked { name: package.split(' ').next()?.to_owned(), licence })
}

fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(arguments)
        .args(["--offline", "--locked"])
        .current_dir(root())
        .output()
        .expect("cargo runs these tests, so it is there");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {}: {said}", arguments.join(" "));
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}
