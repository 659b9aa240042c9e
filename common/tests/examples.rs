//! Every sample sweep is right.

use std::{error::Error, fs, path::Path};

use bistable_common::{
    ids::Hash,
    plan::Plan,
    sweep::{Catalog, DataInfo, DataSource, Format, Source, parse},
};

/// The data sets that the samples name: the bundled one, and full MNIST in a folder.
struct Shelf;

impl Catalog for Shelf {
    fn resolve(&self, source: &DataSource) -> Result<DataInfo, String> {
        let samples = match source {
            DataSource::Bundled => 5000,
            DataSource::Dir(_) => 60000,
            DataSource::Hash(_) => return Err("a sample names its data".to_owned()),
        };
        Ok(DataInfo {
            hash: Hash::of(&[]),
            samples,
            features: 784,
            classes: 10,
            name: "mnist".to_owned(),
        })
    }
}

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
        names.push(stem);
    }
    names.sort();
    let samples = ["figure1", "figure2", "quadratic", "quickstart"];
    assert!(
        samples.iter().all(|name| names.iter().any(|n| n == name)),
        "{names:?}"
    );
    Ok(())
}
