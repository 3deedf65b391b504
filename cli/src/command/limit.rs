//! `longhaul limit`: what a run may take, changed while a fleet carries it or before it is resumed.

use protocol::fault::{Code, Fault};
use protocol::run::Steering;

use crate::args::{Global, Limit, Output};
use crate::exit::{self, Answer};
use crate::fleet::meant::Meant;
use crate::{find, progress, render};

/// Bytes in a megabyte.
const MEGABYTE: u64 = 1_000_000;

/// Changes limits. They are kept in the run's home, so they outlive whoever heard them.
pub(crate) async fn limit(global: &Global, args: Limit) -> Answer {
    let mut meant = Meant::find(global, &args.of, find::Which::Unfinished).await?;
    find::refuse_final(&meant.found.record)?;
    let run = meant.found.record.run;
    let mut steering = meant.found.record.steering.clone();
    for change in &args.changes {
        apply(&mut steering, change)?;
    }
    meant.found.home.steer(run, &steering).await?;
    match global.output {
        Output::Json => render::answer_json(&steering),
        Output::Text => render::answer(&render::steering::text(&steering)),
    }
    progress::say(&if meant.found.record.fleet {
        "coordinators and workers take it up within a few seconds".into()
    } else {
        format!("it counts from the next `longhaul resume {}` on", run.short())
    });
    Ok(exit::OK)
}

fn apply(steering: &mut Steering, change: &str) -> Result<(), Fault> {
    let wrong = |said: &str| {
        Fault::new(Code::Usage, change).saying(said).next(
            "Write `slots=8`, `rows_per_second=20000`, `bytes_per_second=…`, \
             `megabytes_per_second=40`, `rejects=100` or `priority=7`; `none` goes back to the plan.",
        )
    };
    let (key, value) = change.split_once('=').ok_or_else(|| wrong("it is no key=value"))?;
    let number = match value {
        "none" => None,
        digits => match digits.replace('_', "").parse::<u64>() {
            Ok(number) if number > 0 || matches!(key, "priority" | "rejects") => Some(number),
            Ok(_) => return Err(wrong("to let nothing through, pause the run")),
            Err(_) => return Err(wrong("this is not a whole number")),
        },
    };
    let too_large = || wrong("this number is too large");
    match key {
        "slots" => {
            steering.slots = number.map(u32::try_from).transpose().map_err(|_| too_large())?
        }
        "rows_per_second" => steering.rows_per_second = number,
        "bytes_per_second" => steering.bytes_per_second = number,
        "megabytes_per_second" => {
            let bytes = |n: u64| n.checked_mul(MEGABYTE).ok_or_else(too_large);
            steering.bytes_per_second = number.map(bytes).transpose()?;
        }
        "rejects" => steering.rejects = number,
        "priority" => {
            let fits = |n: u64| u8::try_from(n).ok().filter(|n| *n <= Steering::PRIORITY_MAX);
            let priority = fits(number.unwrap_or(Steering::PRIORITY.into()));
            steering.priority = priority.ok_or_else(|| wrong("a priority is 0 to 9"))?;
        }
        _ => return Err(wrong("no limit has this name")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_set_and_taken_away() {
        let mut steering = Steering::default();
        for change in [
            "slots=8",
            "rows_per_second=20_000",
            "megabytes_per_second=40",
            "priority=0",
            "rejects=0",
        ] {
            apply(&mut steering, change).unwrap();
        }
        let wanted = Steering {
            priority: 0,
            slots: Some(8),
            rows_per_second: Some(20_000),
            bytes_per_second: Some(40_000_000),
            rejects: Some(0),
            retries: 0,
        };
        assert_eq!(steering, wanted);
        for change in [
            "slots=none",
            "rows_per_second=none",
            "bytes_per_second=none",
            "priority=none",
            "rejects=none",
        ] {
            apply(&mut steering, change).unwrap();
        }
        assert_eq!(steering, Steering::default());
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        let mut steering = Steering::default();
        for wrong in [
            "slots",
            "slots=0",
            "slots=many",
            "slots=5000000000",
            "priority=10",
            "colour=4",
            "slots=-1",
        ] {
            assert_eq!(apply(&mut steering, wrong).unwrap_err().code(), Code::Usage, "{wrong}");
        }
        assert_eq!(steering, Steering::default());
    }
}
