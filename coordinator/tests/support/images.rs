//! A data set of the user's own, which no worker has.

use std::path::PathBuf;

use crate::processes::Runs;

const SAMPLES: u32 = 400;
const SIDE: u32 = 6;

/// An IDX file: its type and dimensions, then `bytes`.
fn idx(kind: u8, dimensions: &[u32], bytes: impl Iterator<Item = u8>) -> Vec<u8> {
    let mut file = vec![0, 0, 8, kind];
    file.extend(dimensions.iter().flat_map(|size| size.to_be_bytes()));
    file.extend(bytes);
    file
}

/// A data set as torchvision lays it out; images of a class resemble each other.
pub fn folder(runs: &Runs) -> PathBuf {
    let class = |sample: u32| (sample * 7 % 10) as u8;
    let pixel = |at: u32| {
        let (sample, place) = (at / (SIDE * SIDE), at % (SIDE * SIDE));
        let noise = at.wrapping_mul(2_654_435_761) >> 26;
        if place % 10 == u32::from(class(sample)) {
            190 + noise as u8
        } else {
            noise as u8
        }
    };
    let images = idx(
        3,
        &[SAMPLES, SIDE, SIDE],
        (0..SAMPLES * SIDE * SIDE).map(pixel),
    );
    let labels = idx(1, &[SAMPLES], (0..SAMPLES).map(class));
    runs.write("data/MNIST/raw/train-images-idx3-ubyte", images);
    runs.write("data/MNIST/raw/train-labels-idx1-ubyte", labels);
    runs.folder.path().join("data")
}
