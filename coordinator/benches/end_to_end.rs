//! A sweep from submit to digest with real processes, a coordinator and a worker: experiments a second, and the
//! coordinator's share of the CPU. Linux only (reads `/proc`).
//!
//!     cargo bench -p bistable-coordinator --bench end_to_end

use std::{
    error::Error,
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Instant,
};

const BISTABLE: &str = env!("CARGO_BIN_EXE_bistable");

type Outcome<T> = Result<T, Box<dyn Error>>;

/// A process that does not outlive the bench.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    /// Clock ticks of CPU that it has used, user and system.
    fn ticks(&self) -> Outcome<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        let after_name = stat.rsplit(')').next().ok_or("no fields")?;
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        Ok(fields[11].parse::<f64>()? + fields[12].parse::<f64>()?)
    }
}

fn serve(store: &Path) -> Outcome<(Process, String)> {
    let mut child = Command::new(BISTABLE)
        .args(["serve", "--listen", "127.0.0.1:0", "--store"])
        .arg(store)
        .stderr(Stdio::piped())
        .spawn()?;
    let mut lines = BufReader::new(child.stderr.take().ok_or("no stderr")?).lines();
    let process = Process(child);
    for line in lines.by_ref() {
        if let Some((_, url)) = line?.split_once("http://") {
            let url = format!("http://{url}");
            // Its log must be read to its end, or it would block.
            std::thread::spawn(move || lines.for_each(drop));
            return Ok((process, url));
        }
    }
    Err("the coordinator ended".into())
}

fn client(url: &str, arguments: &[&str]) -> Outcome<String> {
    let output = Command::new(BISTABLE)
        .args(arguments)
        .args(["--coordinator", url])
        .stderr(Stdio::null())
        .output()?;
    if !output.status.success() {
        return Err(format!("{arguments:?} failed").into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Runs a sweep of `experiments` experiments, and prints how it went.
fn measure(name: &str, document: &str, experiments: f64) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("sweep.toml");
    fs::write(&file, document)?;
    let (coordinator, url) = serve(&folder.path().join("store.sqlite"))?;
    let worker = Command::new(BISTABLE)
        .args(["worker", "--coordinator", &url])
        .stderr(Stdio::null())
        .spawn()?;
    let worker = Process(worker);
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
