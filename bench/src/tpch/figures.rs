//! What the rounds come to: medians, ratios, and the verdict.

use std::fmt::Write as _;
use std::time::Duration;

use super::longhaul::Haul;
use super::pipes::Shape;

/// Moving may take so many times the baseline.
pub(crate) const MOVED_RATIO_MAX: f64 = 1.3;

/// The process may have so much memory resident, in MiB.
pub(crate) const PEAK_MIB_MAX: f64 = 256.0;

/// One round: every shape of the baseline once, and the run, within the same minutes.
pub(crate) struct Round {
    /// The baselines, in the order in which they were asked for.
    pub(crate) pipes: Vec<(Shape, Duration)>,
    /// The run; none where only the baseline was asked for.
    pub(crate) haul: Option<Haul>,
}

/// What was moved.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    /// Rows in the source.
    pub(crate) rows: u64,
    /// Bytes of the source's tables.
    pub(crate) bytes: u64,
}

/// The page that is printed, and whether the bars are met.
///
/// `rounds` must not be empty, and all of them must hold the same shapes.
pub(crate) fn judge(rounds: &[Round], load: Load) -> (String, bool) {
    let mut page = format!(
        "\n{} rows, {} MB in {} tables; medians of {} rounds\n\n\
         {:<30}  {:>8}  {:>8}  {:>11}  {:>12}\n",
        grouped(load.rows),
        grouped(load.bytes / 1_000_000),
        super::TABLES.len(),
        rounds.len(),
        "",
        "seconds",
        "MB/s",
        "rows/s",
        "to baseline",
    );
    let best = best(rounds);
    let base: Vec<_> = rounds.iter().map(|round| round.pipes[best].1.as_secs_f64()).collect();
    for (at, (shape, _)) in rounds[0].pipes.iter().enumerate() {
        let seconds: Vec<_> = rounds.iter().map(|round| round.pipes[at].1.as_secs_f64()).collect();
        let mark = if at == best { "baseline" } else { "slower" };
        line(&mut page, &format!("{mark} ({})", shape.as_str()), &seconds, &base, load);
    }
    let hauls: Vec<_> = rounds.iter().filter_map(|round| round.haul.as_ref()).collect();
    if hauls.is_empty() {
        return (page, true);
    }
    let moved: Vec<_> = hauls.iter().map(|haul| haul.moved.as_secs_f64()).collect();
    let verified: Vec<_> = hauls.iter().map(|haul| haul.verified.as_secs_f64()).collect();
    line(&mut page, "longhaul, moved", &moved, &base, load);
    line(&mut page, "longhaul, moved and verified", &verified, &base, load);
    work(&mut page, &hauls);
    let met = bars(&mut page, &hauls, ratio(&moved, &base));
    (page, met)
}

fn line(page: &mut String, what: &str, seconds: &[f64], base: &[f64], load: Load) {
    let time = median(seconds);
    #[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
    let (bytes, rows) = (load.bytes as f64 / time, load.rows as f64 / time);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rows a second")]
    let rows = grouped(rows as u64);
    let mb = bytes / 1e6;
    let ratio = ratio(seconds, base);
    _ = writeln!(page, "{what:<30}  {time:>8.2}  {mb:>8.1}  {rows:>11}  {ratio:>12.2}");
}

/// The shape with the smallest median: what the run is measured against.
fn best(rounds: &[Round]) -> usize {
    let times = |at: usize| rounds.iter().map(move |round| round.pipes[at].1.as_secs_f64());
    let medians = (0..rounds[0].pipes.len()).map(|at| median(&times(at).collect::<Vec<_>>()));
    let best = medians.enumerate().min_by(|(_, a), (_, b)| a.total_cmp(b));
    best.expect("at least one shape was asked for").0
}

fn work(page: &mut String, hauls: &[&Haul]) {
    let of = |part: fn(&Haul) -> f64| median(&hauls.iter().map(|h| part(h)).collect::<Vec<_>>());
    _ = writeln!(
        page,
        "\nlonghaul's work, summed over its slots: prepare {:.2} s, copy {:.2} s, finish {:.2} s \
         (statistics {:.2} s of it), verify {:.2} s",
        of(|haul| haul.work.prepare),
        of(|haul| haul.work.copy),
        of(|haul| haul.work.finish),
        of(|haul| haul.work.statistics),
        of(|haul| haul.work.verify),
    );
    let cpu: Option<Vec<_>> = hauls.iter().map(|h| h.cpu.map(|cpu| cpu.as_secs_f64())).collect();
    if let Some(cpu) = cpu {
        _ = writeln!(page, "processor time of its process: {:.2} s", median(&cpu));
    }
}

/// Says of each bar whether it is met.
fn bars(page: &mut String, hauls: &[&Haul], moved: f64) -> bool {
    let mut met = true;
    let mut bar = |good: bool, text: String| {
        met &= good;
        _ = writeln!(page, "{}  {text}", if good { "PASS" } else { "FAIL" });
    };
    bar(
        moved <= MOVED_RATIO_MAX,
        format!("moved in {moved:.2} times the baseline; at most {MOVED_RATIO_MAX:.2}"),
    );
    let most = format!("at most {PEAK_MIB_MAX:.0} MiB");
    #[expect(clippy::cast_precision_loss, reason = "KiB of memory stay far below 2^53")]
    let mib = |haul: &&Haul| haul.peak_kib.map(|kib| kib as f64 / 1024.0);
    // The worst round, not the median: memory is a promise.
    let peaks: Option<Vec<f64>> = hauls.iter().map(mib).collect();
    match peaks.map(|peaks| peaks.into_iter().fold(0.0, f64::max)) {
        Some(peak) => bar(peak <= PEAK_MIB_MAX, format!("peak memory {peak:.0} MiB; {most}")),
        None => bar(false, format!("peak memory not known on this system; {most}")),
    }
    let flaws: Vec<_> = hauls.iter().filter_map(|haul| haul.flaw.clone()).collect();
    match flaws.first() {
        None => bar(true, "every run verified, with the source's rows and keys".into()),
        Some(flaw) => bar(false, format!("{} of {} runs: {flaw}", flaws.len(), hauls.len())),
    }
    met
}

/// The median of the ratios within each round: neighbours on the machine come and go between
/// rounds, and slow down both sides of one.
fn ratio(seconds: &[f64], base: &[f64]) -> f64 {
    median(&seconds.iter().zip(base).map(|(one, other)| one / other).collect::<Vec<_>>())
}

/// The middle, or the mean of both middles.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) {
        return f64::midpoint(sorted[middle - 1], sorted[middle]);
    }
    sorted[middle]
}

/// Digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::longhaul::Work;
    use super::*;

    const LOAD: Load = Load { rows: 1_000_000, bytes: 100_000_000 };

    fn round(whole: u64, halved: u64, haul: Haul) -> Round {
        let seconds = Duration::from_secs;
        let pipes = vec![(Shape::Relay, seconds(whole)), (Shape::RelayHalved, seconds(halved))];
        Round { pipes, haul: Some(haul) }
    }

    fn haul(moved: u64) -> Haul {
        Haul {
            moved: Duration::from_secs(moved),
            verified: Duration::from_secs(moved + 5),
            flaw: None,
            peak_kib: Some(100 * 1024),
            cpu: None,
            work: Work::default(),
        }
    }

    #[test]
    fn the_fastest_shape_is_the_baseline_and_the_ratio_is_taken_within_a_round() {
        // The machine was half as fast in the second round, on both sides.
        let rounds = [round(30, 20, haul(24)), round(60, 40, haul(48)), round(30, 20, haul(24))];
        let (page, met) = judge(&rounds, LOAD);
        assert!(met, "{page}");
        assert!(page.contains("baseline (relay-halved)"), "{page}");
        assert!(page.contains("moved in 1.20 times the baseline"), "{page}");
    }

    #[test]
    fn each_bar_can_fail_alone() {
        let slow = haul(27);
        let fat = Haul { peak_kib: Some(257 * 1024), ..haul(20) };
        let blind = Haul { peak_kib: None, ..haul(20) };
        let wrong = Haul { flaw: Some("it ended with 5".into()), ..haul(20) };
        for bad in [slow, fat, blind, wrong] {
            let (page, met) = judge(&[round(30, 20, bad)], LOAD);
            assert!(!met, "{page}");
            assert_eq!(page.matches("FAIL").count(), 1, "{page}");
        }
    }

    #[test]
    fn the_median_is_the_middle() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
    }

    #[test]
    fn digits_are_grouped() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(8_661_245), "8,661,245");
    }
}
