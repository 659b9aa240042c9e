//! What is measured in a simulation: two small sweeps, one of which needs data.

use std::sync::{Arc, LazyLock};

use bistable_common::wire::v1;
use bistable_worker::data::Dataset;

const QUADRATIC: &str = r#"
name = "quadratic"
replicates = 6
test = 4
[problem]
kind = "quadratic"
dim_x = 2
dim_y = 2
[grid]
m1 = [20, 40]
m2 = 8
K = [2, 4]
eta_x = 0.1
eta_y = 0.1
[[solvers]]
preset = "ssgd"
"#;

const REWEIGHTING: &str = r#"
name = "reweighting"
replicates = 4
test = 4
[problem]
kind = "reweighting"
hidden = []
[grid]
m1 = 32
m2 = 8
K = [2, 4]
[[solvers]]
preset = "tsgd"
T = 2
"#;

/// Units in all of them.
pub const UNITS: usize = 6 * (2 + 3) + 4 * 2;

/// The requests that submit them.
pub fn requests() -> [v1::SubmitSweepRequest; 2] {
    [QUADRATIC, REWEIGHTING].map(|document| v1::SubmitSweepRequest {
        document: document.to_owned(),
        format: v1::DocumentFormat::Toml.into(),
        origin: "simulation".to_owned(),
        priority: None,
    })
}

/// What their documents mean by the bundled data. Workers have to fetch it.
pub fn data() -> Arc<Dataset> {
    static DATA: LazyLock<Arc<Dataset>> = LazyLock::new(|| {
        let dataset = Dataset::from_content(content()).expect("a data set");
        Arc::new(dataset)
    });
    Arc::clone(&DATA)
}

/// 80 images of 2 x 2 pixels and their labels, as MNIST's files have them.
fn content() -> Vec<u8> {
    let images = [0x0803, 80, 2, 2].map(u32::to_be_bytes).concat();
    let pixels = (0..80 * 4u32).map(|pixel| (pixel * 37 % 251) as u8);
    let labels = [0x0801, 80].map(u32::to_be_bytes).concat();
    let classes = (0..80u32).map(|label| (label * 7 % 3) as u8);
    images
        .into_iter()
        .chain(pixels)
        .chain(labels)
        .chain(classes)
        .collect()
}
