//! A sweep from submit to digest with real processes, a coordinator and a worker: experiments a second, and the
//! coordinator's share of the CPU. Linux only (reads `/proc`).
//!
//!     cargo bench -p bistable-coordinator --bench end_to_end

#[path = "support/processes.rs"]
mod processes;

use std::{fs, time::Instant};

use processes::{Outcome, client, serve, worker};

/// Runs a sweep of `experiments` experiments, and prints how it went.
fn measure(name: &str, document: &str, experiments: f64) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("sweep.toml");
    fs::write(&file, document)?;
    let store = folder.path().join("store.sqlite");
    let (coordinator, url) = serve(&store.display().to_string())?;
    let worker = worker(&url)?;
    #[expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
    let start = Instant::now();
    let before = [coordinator.ticks()?, worker.ticks()?];
    let submitted = client(&url, &["submit", &file.display().to_string(), "--json"])?;
    let id = submitted
        .split('"')
        .nth(3)
        .ok_or("no identifier")?
        .to_owned();
    client(&url, &["watch", &id])?;
    let seconds = start.elapsed().as_secs_f64();
    let used = [
        coordinator.ticks()? - before[0],
        worker.ticks()? - before[1],
    ];
    println!(
        "{name}: {experiments} experiments in {seconds:.2} s, {:.0} a second; coordinator {:.2} % of the CPU used",
        experiments / seconds,
        100.0 * used[0] / (used[0] + used[1])
    );
    Ok(())
}

fn main() -> Outcome<()> {
    let network = "name = \"network\"\nreplicates = 1\n[problem]\nkind = \"reweighting\"\n\
        [grid]\nm1 = 200\nK = 500\n[[solvers]]\npreset = \"ssgd\"\n";
    let trivial = "name = \"trivial\"\nreplicates = 100\n[problem]\nkind = \"quadratic\"\n\
        [grid]\nm1 = 320\nm2 = 20\nK = 20\neta_x = 0.1\neta_y = 0.1\n[[solvers]]\npreset = \"ssgd\"\n";
    measure("784-256-10, K = 500, T = 1", network, 200.0)?;
    measure("quadratic, K = 20, T = 1", trivial, 32_000.0)
}
