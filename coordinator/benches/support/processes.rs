//! The processes that the benches start. Linux only (reads `/proc`).
#![allow(dead_code, reason = "each bench uses its own part of it")]

use std::{
    error::Error,
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

const BISTABLE: &str = env!("CARGO_BIN_EXE_bistable");

/// What a bench gets.
pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// A process that does not outlive the bench.
pub struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    /// Asks it to leave, and waits until it has left.
    pub fn leave(mut self) -> Outcome<()> {
        kill_process(Pid::from_child(&self.0), Signal::TERM)?;
        self.0.wait()?;
        Ok(())
    }

    /// Clock ticks of CPU that it has used, user and system.
    pub fn ticks(&self) -> Outcome<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        let after_name = stat.rsplit(')').next().ok_or("no fields")?;
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        Ok(fields[11].parse::<f64>()? + fields[12].parse::<f64>()?)
    }

    /// Bytes of memory that it occupies at the moment.
    pub fn resident(&self) -> Outcome<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next());
        Ok(1024.0 * kilobytes.ok_or("no VmRSS")?.parse::<f64>()?)
    }
}

/// Starts a worker with a thread a core.
pub fn worker(url: &str) -> Outcome<Process> {
    let worker = Command::new(BISTABLE)
        .args(["worker", "--coordinator", url])
        .stderr(Stdio::null())
        .spawn()?;
    Ok(Process(worker))
}

/// Starts a coordinator on `store`; returns it and where it listens.
pub fn serve(store: &str) -> Outcome<(Process, String)> {
    let mut child = Command::new(BISTABLE)
        .args(["serve", "--listen", "127.0.0.1:0", "--store", store])
        .stderr(Stdio::piped())
        .spawn()?;
    let mut lines = BufReader::new(child.stderr.take().ok_or("no stderr")?).lines();
    let process = Process(child);
    for line in lines.by_ref() {
        if let Some((_, url)) = line?.split_once("coordinator on ") {
            let url = url.to_owned();
            // Its log must be read to its end, or it would block.
            std::thread::spawn(move || lines.for_each(drop));
            return Ok((process, url));
        }
    }
    Err("the coordinator ended".into())
}

/// Runs a client; returns what it printed.
pub fn client(url: &str, arguments: &[&str]) -> Outcome<String> {
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
