//! Every sample sweep is right.

use std::{error::Error, fs, path::Path};

use bistable_common::{
    ids::Hash,
    plan::Plan,
    spec::{ProblemSpec, presets::PRESETS},
    sweep::{Catalog, DataInfo, DataSource, Format, Source, parse, words},
};

/// The data sets that the samples name: the bundled one, the file beside them, and full MNIST in a folder.
struct Shelf;

impl Catalog for Shelf {
    fn resolve(&self, source: &DataSource) -> Result<DataInfo, String> {
        let (samples, features, classes) = match source {
            DataSource::Bundled => (5000, 784, 10),
            DataSource::Path(path, _) if path.ends_with("a8a-1000.libsvm.gz") => (1000, 119, 2),
            DataSource::Path(..) => (60000, 784, 10),
            DataSource::Hash(_) => return Err("a sample names its data".to_owned()),
        };
        Ok(DataInfo {
            hash: Hash::of(&[]),
            samples,
            features,
            classes,
            name: "any".to_owned(),
        })
    }
}

/// Identifier and canonical form of samples, which no later version may change.
const PINNED: [(&str, &str, &str); 4] = [
    (
        "quickstart",
        "a19713216259b77c",
        "dd3e89c94c57c10029882bfc8959366d436613b3821e51e97f564d63161041b3",
    ),
    (
        "figure1",
        "f4043af535abc22d",
        "fbf844f9cddb2140c26e733b68c65b9501cfa529e284536d22fca59a73ee8b90",
    ),
    (
        "figure2",
        "c44b64a22b8d6a75",
        "5e8804a3d53dd88a56267bf766541f7419e98f696468d67129e7a92fab726bf2",
    ),
    (
        "quadratic",
        "c1d1008b271a5bad",
        "d38452ad83a29f5ebb3b2c6c0940ec455b49d6178995acc1cff81cb9850fac61",
    ),
];

#[test]
fn every_example_is_right() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/examples");
    let mut names = Vec::new();
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let name = path.display().to_string();
        let source = Source {
            name: &name,
            text: &fs::read_to_string(&path)?,
            format: Format::Toml,
        };
        let sweep = parse(&source, &Shelf).map_err(|error| error.render())?;
        let stem = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        assert_eq!(sweep.name(), stem, "an example is called as its file");
        assert!(Plan::new(sweep.facts()).units() > 0);
        if let Some((_, id, canonical)) = PINNED.iter().find(|(name, ..)| *name == stem) {
            let bytes = sweep.to_canonical_json();
            assert_eq!(sweep.id().to_string(), *id, "{stem}");
            assert_eq!(Hash::of(bytes.as_bytes()).to_string(), *canonical, "{stem}");
        }
        names.push(stem);
    }
    let pinned = PINNED.iter().map(|(name, ..)| *name);
    let samples: Vec<_> = pinned
        .chain(["hyper-cleaning", "minimax", "logistic", "binary-logistic"])
        .chain(["hyper-representation", "distillation", "few-shot"])
        .collect();
    assert!(
        samples.iter().all(|name| names.iter().any(|n| n == name)),
        "{names:?}"
    );
    Ok(())
}

#[test]
fn the_readme_has_every_preset_in_its_order() {
    let readme = include_str!("../../README.md");
    let rows = PRESETS.map(|preset| {
        let solver = preset.solver(preset.inner_steps.count());
        let all = ProblemSpec::defaults().into_iter();
        let fitting = all.filter(|problem| solver.fits(problem, &[1000]).is_ok());
        let fits = words::problems(&fitting.map(|problem| problem.name()).collect::<Vec<_>>());
        let (name, summary, source) = (preset.name, preset.summary, preset.source);
        format!("| `{name}` | {summary} | {source} | {fits} |\n")
    });
    assert!(readme.contains(&rows.concat()), "{}", rows.concat());
}
