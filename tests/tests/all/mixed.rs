//! Builds of two kinds around one home: whoever cannot read what is there says so, and writes nothing.

use broker::{Broker as _, Task};
use protocol::id::ChunkId;
use protocol::wire::FORMAT;
use tests::fleet::Fleet;

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_home_in_the_format_of_another_build_is_refused_before_anything_is_written() {
    let fleet = Fleet::new(LONGHAUL, 500, "").await;
    let run = fleet.submits(&[]);
    let broker = fleet.broker();
    for other in [FORMAT + 1, FORMAT - 1] {
        fleet.to.run(&format!("UPDATE longhaul.meta SET format = {other}")).await;
        let said = format!("it has format {other}, and this build knows format {FORMAT}");
        let mut coordinator = fleet.starts(&["coordinator"]);
        let refused = coordinator.hears("this home cannot be asked for runs");
        assert!(refused.contains(&said), "{refused}");
        // Nobody of this build rings for it; a task of the other build must not get further.
        let mut worker = fleet.starts(&["worker"]);
        broker.publish(Task::new(run.parse().unwrap(), ChunkId(0), 1)).await.unwrap();
        let refused = worker.hears("this run cannot be opened here");
        assert!(refused.contains(&said), "{refused}");
        for command in [&["status", run.as_str()][..], &["submit"], &["pause", run.as_str()]] {
            let refused = fleet.longhaul(command);
            assert!(refused.code != Some(0) && refused.stderr.contains(&said), "{refused}");
        }
        assert_eq!(fleet.to.ask("SELECT to_regclass('pupil') IS NULL").await, "true");
        assert_eq!(fleet.to.ask("SELECT count(*) FROM longhaul.receipt").await, "0");
        let written = "SELECT count(*) || '/' || max(epoch) || '/' || max(state) FROM longhaul.run";
        assert_eq!(fleet.to.ask(written).await, "1/0/running");
    }
    // The same home, as this build knows it: the run goes on as if nothing had been.
    fleet.to.run(&format!("UPDATE longhaul.meta SET format = {FORMAT}")).await;
    let _crew = [fleet.starts(&["coordinator"]), fleet.starts(&["worker"])];
    let _ = fleet.longhaul(&["watch", &run]).exits(0);
    fleet.is_moved().await;
}
