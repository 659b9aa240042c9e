//! What a monitor says, as Prometheus would read it.
#![allow(dead_code, reason = "each test binary uses its own part of it")]

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read, Write},
    net::TcpStream,
};

/// Asks for a page; returns the status and the body.
pub fn get(addr: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(addr).expect("a monitor");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("a reader");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    (status.expect("a status"), body.to_owned())
}

/// The metrics of a moment.
#[derive(Debug)]
pub struct Scrape {
    /// Values by series, which are written as in the text.
    series: BTreeMap<String, f64>,
    kinds: BTreeMap<String, String>,
    helps: BTreeSet<String>,
}

impl Scrape {
    pub fn of(addr: &str) -> Self {
        let (status, text) = get(addr, "/metrics");
        assert_eq!(status, 200, "{text}");
        Self::read(&text)
    }

    fn read(text: &str) -> Self {
        let mut scrape = Self {
            series: BTreeMap::new(),
            kinds: BTreeMap::new(),
            helps: BTreeSet::new(),
        };
        for line in text.lines() {
            scrape.read_line(line);
        }
        scrape
    }

    fn read_line(&mut self, line: &str) {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some("HELP"), Some(name), Some(help)) => {
                assert!(help.len() > 8, "{line}");
                assert!(self.helps.insert(name.to_owned()), "twice: {line}");
            }
            (Some("#"), Some("TYPE"), Some(name), Some(kind)) => {
                let known = self.kinds.insert(name.to_owned(), kind.to_owned());
                assert_eq!(known, None, "twice: {line}");
            }
            _ => {
                let (series, value) = line.rsplit_once(' ').expect("a sample");
                let value = value.parse().expect("a number");
                let known = self.series.insert(series.to_owned(), value);
                assert_eq!(known, None, "twice: {line}");
            }
        }
    }

    /// The value of a series.
    pub fn value(&self, series: &str) -> f64 {
        let value = self.series.get(series).copied();
        value.unwrap_or_else(|| panic!("no {series} in {:#?}", self.series))
    }

    /// The sum of all series of a name.
    pub fn sum(&self, name: &str) -> f64 {
        self.named(name).map(|(_, value)| value).sum()
    }

    /// All series of a name.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> + 'a {
        let all = self
            .series
            .iter()
            .map(|(series, value)| (&**series, *value));
        all.filter(move |(series, _)| name_of(series) == name)
    }

    /// The names of all series, those of the parts of histograms included.
    pub fn names(&self) -> BTreeSet<&str> {
        self.series.keys().map(|series| name_of(series)).collect()
    }

    /// Every sample is declared and explained, and named as is usual.
    pub fn check(&self) {
        let declared: BTreeSet<_> = self.kinds.keys().cloned().collect();
        assert_eq!(declared, self.helps);
        for series in self.series.keys() {
            let name = name_of(series);
            let family = self.family(name);
            let kind = self.kinds.get(family);
            let kind = kind.unwrap_or_else(|| panic!("{name} is not declared"));
            check_name(family, kind);
        }
    }

    /// What a series belongs to.
    fn family<'a>(&self, name: &'a str) -> &'a str {
        let parts = ["_bucket", "_sum", "_count"].into_iter();
        let mut families = parts.filter_map(|part| name.strip_suffix(part));
        families
            .find(|family| {
                self.kinds
                    .get(*family)
                    .is_some_and(|kind| kind == "histogram")
            })
            .unwrap_or(name)
    }
}

fn name_of(series: &str) -> &str {
    series.split('{').next().unwrap_or(series)
}

fn check_name(name: &str, kind: &str) {
    let ours = name.starts_with("bistable_") || name.starts_with("process_");
    let plain = |c: char| c.is_ascii_lowercase() || c == '_';
    assert!(ours && name.chars().all(plain), "{name}");
    assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
    assert!(
        matches!(kind, "counter" | "gauge" | "histogram"),
        "{name} {kind}"
    );
    let words: Vec<_> = name.split('_').collect();
    for odd in [
        "ms",
        "us",
        "milliseconds",
        "microseconds",
        "minutes",
        "kib",
        "mb",
        "count",
        "sum",
    ] {
        assert!(!words.contains(&odd), "{name} is not in base units");
    }
}
