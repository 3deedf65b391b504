//! The one executable: parses, assembles, names every concrete thing.
//!
//! It is the only place where the two sides of the house meet: a coordinator and its workers are
//! put together here, around a broker and a ledger of this process or, on a fleet, of servers.
//! It alone reads the command line, the environment, files of settings, and signals.
//!
//! `args` says what can be asked, `command` has one file for each, `assemble` opens what they
//! need, `execute` is a run in this process, `progress` narrates it on stderr, and `render` writes
//! the answers on stdout.

mod args;
mod assemble;
mod command;
pub mod config;
pub mod demo;
mod execute;
mod exit;
mod find;
mod fleet;
mod notify;
mod origin;
mod person;
mod progress;
mod render;
mod signals;
mod watch;

use std::sync::Arc;

use endpoint::Target;

use args::{Args, Command};
use exit::Answer;

/// Who listens at the points of the protocol, and who stands between: nobody, but in tests.
#[derive(Clone)]
pub struct Probes {
    /// At the points of a worker.
    pub worker: worker::Probe,
    /// At the points of the coordinator.
    pub coordinator: coordinator::Probe,
    /// Stands between a run and its target.
    pub target: Between,
}

/// Something put between a run and its target.
pub type Between = Arc<dyn Fn(Arc<dyn Target>) -> Arc<dyn Target> + Send + Sync>;

impl Default for Probes {
    fn default() -> Self {
        let target: Between = Arc::new(|target| target);
        Self { worker: worker::no_probe(), coordinator: coordinator::no_probe(), target }
    }
}

/// Has panics told in the log, with their place in the code and without the values that they may quote.
/// Where they are caught, work goes on.
pub fn tell_of_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        let said = protocol::fault::literal(panic.payload()).unwrap_or_default();
        tracing::error!(%at, said, "gave up on something unexpected");
    }));
}

/// Does what the command line asks, and returns the exit code.
pub async fn run(arguments: impl IntoIterator<Item = std::ffi::OsString>, probes: Probes) -> u8 {
    let arguments: Vec<_> = arguments.into_iter().collect();
    origin::remember(arguments.iter());
    let args = match Args::read(arguments) {
        Ok(args) => args,
        Err(error) => {
            // Asking for help is not an error; clap knows which of its "errors" are.
            return match error.print() {
                Err(unheard) if unheard.kind() != std::io::ErrorKind::BrokenPipe => 2,
                Ok(()) | Err(_) => u8::try_from(error.exit_code()).unwrap_or(2),
            };
        }
    };
    progress::init(args.global.progress);
    let service = matches!(args.command, Command::Coordinator(_) | Command::Worker(_));
    progress::init_logs(args.global.log.as_deref(), service);
    let global = args.global.clone();
    let command = || "this command".to_owned();
    let done = protocol::fault::bulkhead(command, dispatch(args, probes)).await;
    match done.and_then(render::was_written) {
        Ok(code) => code,
        Err(failure) => {
            render::failure(&failure, global.output);
            failure.exit()
        }
    }
}

async fn dispatch(args: Args, probes: Probes) -> Answer {
    let global = &args.global;
    match args.command {
        Command::Demo(demo) => command::demo::demo(global, demo, probes).await,
        Command::Init(args) => command::init::init(global, args).await,
        Command::Check(args) => command::check::check(global, args),
        Command::Run(run) => command::run::run(global, run, probes).await,
        Command::Plan(plan) => command::plan::plan(global, plan).await,
        Command::Status(status) => command::status::status(global, status).await,
        Command::Submit(submit) => command::submit::submit(global, submit).await,
        Command::Coordinator(role) => command::coordinator::coordinator(role, probes).await,
        Command::Worker(role) => command::worker::worker(role, probes).await,
        Command::Watch(of) => command::watch::watch(global, of).await,
        Command::Pause(of) => command::pause::pause(global, of).await,
        Command::Cancel(cancel) => command::cancel::cancel(global, cancel).await,
        Command::Limit(limit) => command::limit::limit(global, limit).await,
        Command::Retry(of) => command::retry::retry(global, of).await,
        Command::Workers(of) => command::workers::workers(global, of).await,
        Command::Runs(of) => command::runs::runs(global, of).await,
        Command::Resume(resume) => command::resume::resume(global, resume, probes).await,
        Command::Verify(of) => command::verify::verify(global, of).await,
        Command::Report(of) => command::report::report(global, of).await,
        Command::Rejects(args) => command::rejects::rejects(global, args, probes).await,
        Command::Events(events) => command::events::events(global, events).await,
        Command::Clean(args) => command::clean::clean(global, args).await,
        Command::Revise(args) => command::revise::revise(global, args).await,
        Command::Forget(of) => command::forget::forget(global, of).await,
        Command::Environments(of) => command::environments::environments(global, &of),
        Command::Doctor(doctor) => command::doctor::doctor(global, &doctor).await,
        Command::Schema(args) => command::schema::schema(&args),
        Command::Explain(explain) => command::explain::explain(global, &explain),
        Command::Completions(args) => command::completions::completions(&args),
        Command::Man(args) => command::man::man(&args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A caller may run it as a task.
    #[test]
    fn a_command_can_be_spawned() {
        fn spawnable(_: impl Future<Output = u8> + Send + 'static) {}
        spawnable(run(Vec::<std::ffi::OsString>::new(), Probes::default()));
    }
}
