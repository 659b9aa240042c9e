//! The last lines of this process's log, for those who later ask why a unit failed here.

use std::{
    collections::VecDeque,
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tracing_subscriber::fmt::MakeWriter;

/// Lines that are kept.
const LINES: usize = 20;

/// Bytes that are kept of a line.
const LINE_BYTES: usize = 512;

static LAST: Mutex<VecDeque<String>> = Mutex::new(VecDeque::new());

fn last() -> MutexGuard<'static, VecDeque<String>> {
    LAST.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The last lines, oldest first. Empty if the process keeps no journal.
pub(crate) fn recent() -> Vec<String> {
    last().iter().cloned().collect()
}

fn shortened(line: &str) -> &str {
    let mut fits = (0..=line.len().min(LINE_BYTES)).rev();
    let end = fits.find(|&end| line.is_char_boundary(end));
    &line[..end.unwrap_or(0)]
}

/// Takes log lines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Journal;

impl io::Write for Journal {
    /// One event, as the formatter writes it.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let mut last = last();
        for line in text.lines() {
            last.push_back(shortened(line).to_owned());
            if last.len() > LINES {
                last.pop_front();
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Journal {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn the_last_lines_are_kept_and_long_ones_cut() {
        for number in 0..30 {
            let line = format!("{number} {}\n", "é".repeat(400));
            Journal.write_all(line.as_bytes()).expect("a journal");
        }
        let lines = recent();
        assert_eq!(lines.len(), LINES);
        assert!(lines[0].starts_with("10 é"), "{}", lines[0]);
        assert!(lines.iter().all(|line| line.len() <= LINE_BYTES));
    }
}
