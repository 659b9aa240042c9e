//! What the operating system knows of this process, under the names that everyone uses for it.

use std::{
    fs,
    sync::atomic::AtomicU64,
    time::{SystemTime, UNIX_EPOCH},
};

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::{Registry, Unit},
};

/// Ticks a second in `/proc`, on every architecture that matters: part of Linux's interface.
const TICKS: f64 = 100.0;

/// Seconds since the epoch.
pub(super) fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64())
}

/// The metrics of a process that started at `started`. What the system does not tell is left out.
pub(super) fn metrics(started: f64) -> Registry {
    let mut registry = Registry::with_prefix("process");
    let start = Gauge::<f64, AtomicU64>::default();
    start.set(started);
    let help = "When the process started, in seconds since the Unix epoch";
    registry.register_with_unit("start_time", help, Unit::Seconds, start);
    if let Some(seconds) = cpu_seconds() {
        let cpu = Counter::<f64, AtomicU64>::default();
        cpu.inc_by(seconds);
        let help = "Processor time used, by the program and by the system for it";
        registry.register_with_unit("cpu", help, Unit::Seconds, cpu);
    }
    if let Some(bytes) = resident_bytes() {
        let memory = Gauge::<i64>::default();
        memory.set(bytes);
        registry.register_with_unit("resident_memory", "Memory in use", Unit::Bytes, memory);
    }
    registry
}

fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in parentheses, and may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS)
}

fn resident_bytes() -> Option<i64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: i64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_takes_time_and_room() {
        let mut sum = 0.0_f64;
        while cpu_seconds().expect("a stat file") == 0.0 {
            sum += (0..100_000).map(f64::from).map(f64::sqrt).sum::<f64>();
        }
        assert!(sum >= 0.0);
        assert!(resident_bytes().expect("a status file") > 1 << 18);
    }
}
