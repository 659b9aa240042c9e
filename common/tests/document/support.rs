//! What the tests of sweep documents share: a catalog without files, a document that is right, and ways to break it.

use bistable_common::{
    ids::Hash,
    sweep::{Catalog, DataInfo, DataSource, Format, Source, Sweep, parse},
};

/// Knows the bundled data, every folder, and every hash but one of zeros.
pub struct Fake;

impl Catalog for Fake {
    fn resolve(&self, source: &DataSource) -> Result<DataInfo, String> {
        let (samples, hash) = match source {
            DataSource::Bundled => (5000, Hash::of(b"mnist5k")),
            DataSource::Path(..) => (60000, Hash::of(b"mnist")),
            DataSource::Hash(hash) if hash.0 == [0; 32] => {
                return Err("no data set with this hash is known here".to_owned());
            }
            DataSource::Hash(hash) => (5000, *hash),
        };
        let is = |name| matches!(source, DataSource::Path(path, _) if path.ends_with(name));
        Ok(DataInfo {
            hash,
            samples,
            features: if is("wide") { 70_000 } else { 784 },
            classes: if is("two") { 2 } else { 10 },
            name: "fake".to_owned(),
        })
    }
}

/// A small sweep that is right.
pub const GOOD: &str = r#"name = "good"
replicates = 3

[problem]
kind = "reweighting"

[grid]
m1 = [200, 500]
K = [20, 10]
T = [1, 4]

[[solvers]]
preset = "ssgd"

[[solvers]]
preset = "tsgd"
"#;

pub fn toml(text: &str) -> Source<'_> {
    Source {
        name: "sweep.toml",
        text,
        format: Format::Toml,
    }
}

pub fn json(text: &str) -> Source<'_> {
    Source {
        name: "sweep.json",
        text,
        format: Format::Json,
    }
}

/// The sweep of a document that is right.
pub fn good(text: &str) -> Sweep {
    parse(&toml(text), &Fake).unwrap_or_else(|error| panic!("{}", error.render()))
}

/// The rendered error of a document that is wrong.
pub fn wrong(source: &Source) -> String {
    match parse(source, &Fake) {
        Ok(_) => panic!("accepted:\n{}", source.text),
        Err(error) => error.render(),
    }
}

/// [`GOOD`] with `from` replaced by `to`, which must make it wrong.
pub fn broken(from: &str, to: &str) -> String {
    wrong(&toml(&edited(from, to)))
}

/// [`GOOD`] with `from`, which it must contain, replaced by `to`.
pub fn edited(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from} is not in the good document");
    GOOD.replacen(from, to, 1)
}

/// `text` as it suits a single-level problem: data of two classes, and SGD.
pub fn single_level(text: &str) -> String {
    let (head, _) = text.split_once("[[solvers]]").expect("solvers");
    let head = head.replace("T = [1, 4]\n", "");
    format!("{head}[data]\npath = \"two\"\n[[solvers]]\npreset = \"sgd\"\n")
}

/// A document with one solver, of a problem with tasks.
pub fn of_tasks(text: &str, solver: &str) -> String {
    let (head, _) = text.split_once("[[solvers]]").expect("solvers");
    let head = head.replace("[grid]", "[grid]\nm2 = 1");
    format!("{head}[[solvers]]\n{solver}\n")
}

/// Asserts that a rendered error says each of `parts`.
#[track_caller]
pub fn says(rendered: &str, parts: &[&str]) {
    for part in parts {
        assert!(rendered.contains(part), "`{part}` is not in\n{rendered}");
    }
}
