//! `longhaul demo`: a legacy school district, moved and verified on this machine.

use std::path::Path;

use protocol::fault::{Code, Fault};

use crate::args::{Between, Demo, Global};
use crate::command::run;
use crate::exit::Answer;
use crate::progress::Gauge;
use crate::{Probes, demo, progress};

/// Generates the legacy database and moves it.
pub(crate) async fn demo(global: &Global, args: Demo, probes: Probes) -> Answer {
    let legacy = args.dir.join("legacy.db");
    let fresh = args.dir.join("new.db");
    std::fs::create_dir_all(&args.dir).map_err(|error| {
        Fault::new(Code::OutputUnwritable, args.dir.display().to_string()).because(error)
    })?;
    refuse_others(&legacy, demo::is_ours)?;
    if args.target.is_none() {
        refuse_others(&fresh, demo::is_result)?;
    }
    progress::say(&format!(
        "generating about {} rows in {}",
        progress::grouped(args.rows),
        legacy.display()
    ));
    remove(&legacy)?;
    let (path, rows) = (legacy.clone(), args.rows);
    let mut gauge = Gauge::new(global.progress, "generate", rows);
    tokio::task::spawn_blocking(move || {
        let mut tables = std::collections::BTreeMap::new();
        demo::generate(&path, rows, &mut |table, done| {
            tables.insert(table.to_owned(), done);
            gauge.far(tables.values().sum());
        })
    })
    .await
    .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
    let to = match args.target {
        Some(url) => url,
        None => {
            // The last demo's result is not worth keeping.
            remove(&fresh)?;
            format!("sqlite:{}", fresh.display())
        }
    };
    let from = format!("sqlite:{}", legacy.display());
    let set = vec!["name=demo".to_string()];
    let between = Between { from: Some(from), to: Some(to), set, ..Between::default() };
    run::start(global, between, None, false, probes).await
}

/// Refuses to take the place of a file that no demo made.
fn refuse_others(database: &Path, is_ours: fn(&Path) -> bool) -> Result<(), Fault> {
    let empty = std::fs::metadata(database).map_or(true, |file| file.len() == 0);
    if empty || is_ours(database) {
        return Ok(());
    }
    Err(Fault::new(Code::OutputUnwritable, database.display().to_string())
        .saying("the file is there, and no demo of this build made it; it was not touched")
        .next("Name another folder with `--dir`, or move the file away."))
}

fn remove(database: &Path) -> Result<(), Fault> {
    for end in ["", "-wal", "-shm", "-journal"] {
        let path = format!("{}{end}", database.display());
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Fault::new(Code::OutputUnwritable, path).because(error));
            }
            _ => {}
        }
    }
    Ok(())
}
