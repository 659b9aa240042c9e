//! Where the training files of an MNIST-style folder are.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use super::{DataError, MAX_CONTENT_BYTES};

/// A file, read.
pub(super) struct File {
    pub name: String,
    pub bytes: Vec<u8>,
}

/// Where torchvision and others put the files, below the folder that the user names.
const PLACES: [&str; 6] = [
    "",
    "raw",
    "MNIST/raw",
    "FashionMNIST/raw",
    "KMNIST/raw",
    "mnist",
];
const IMAGES: [&str; 2] = ["train-images-idx3-ubyte", "train-images.idx3-ubyte"];
const LABELS: [&str; 2] = ["train-labels-idx1-ubyte", "train-labels.idx1-ubyte"];

/// The image file and the label file of the training set in `dir`.
pub(super) fn training_files(dir: &Path) -> Result<[File; 2], DataError> {
    let places: Vec<PathBuf> = PLACES
        .iter()
        .map(|place| dir.join(place))
        .filter(|place| find(place, &IMAGES).is_some())
        .collect();
    match places.as_slice() {
        [] => Err(DataError::Folder(format!(
            "no MNIST-style data in {0}: looked for {1} and {1}.gz there and in raw/, MNIST/raw/, FashionMNIST/raw/, KMNIST/raw/ and mnist/ below it",
            dir.display(),
            IMAGES[0]
        ))),
        [place] => files_in(place),
        [one, other, ..] => Err(DataError::Folder(format!(
            "{} holds more than one data set ({} and {}): name one of them",
            dir.display(),
            one.display(),
            other.display()
        ))),
    }
}

fn files_in(place: &Path) -> Result<[File; 2], DataError> {
    let file = |names: &[&str; 2]| {
        let path = find(place, names).ok_or_else(|| {
            DataError::Folder(format!(
                "{} lacks {} (or {}.gz)",
                place.display(),
                names[0],
                names[0]
            ))
        })?;
        read(&path)
    };
    Ok([file(&IMAGES)?, file(&LABELS)?])
}

fn find(place: &Path, names: &[&str; 2]) -> Option<PathBuf> {
    names
        .iter()
        .flat_map(|name| [place.join(name), place.join(format!("{name}.gz"))])
        .find(|path| path.is_file())
}

pub(super) fn read(path: &Path) -> Result<File, DataError> {
    let name = path.display().to_string();
    let failed = |source| DataError::Io {
        path: name.clone(),
        source,
    };
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(MAX_CONTENT_BYTES + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    Ok(File { name, bytes })
}

#[cfg(test)]
mod tests {
    use super::super::Dataset;
    use super::*;

    const TINY_IMAGES: [u8; 18] = [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 9, 8];
    const TINY_LABELS: [u8; 9] = [0, 0, 8, 1, 0, 0, 0, 1, 7];

    fn write(dir: &Path, place: &str) {
        let place = dir.join(place);
        fs::create_dir_all(&place).expect("folder");
        fs::write(place.join(IMAGES[0]), TINY_IMAGES).expect("images");
        fs::write(place.join(LABELS[0]), TINY_LABELS).expect("labels");
    }

    #[test]
    fn flat_and_torchvision_layouts_are_read() {
        for place in ["", "MNIST/raw"] {
            let dir = tempfile::tempdir().expect("folder");
            write(dir.path(), place);
            let data = Dataset::from_dir(dir.path()).expect("found");
            assert_eq!((data.samples(), data.features(), data.label(0)), (1, 2, 7));
        }
    }

    #[test]
    fn gzip_and_plain_files_are_the_same_data() {
        use std::io::Write;
        let plain = tempfile::tempdir().expect("folder");
        write(plain.path(), "");
        let packed = tempfile::tempdir().expect("folder");
        write(packed.path(), "");
        fs::remove_file(packed.path().join(IMAGES[0])).expect("removed");
        let file = fs::File::create(packed.path().join(format!("{}.gz", IMAGES[0]))).expect("file");
        let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::default());
        gzip.write_all(&TINY_IMAGES)
            .and_then(|()| gzip.try_finish())
            .expect("written");
        let hash = |dir: &Path| Dataset::from_dir(dir).expect("read").hash();
        assert_eq!(hash(plain.path()), hash(packed.path()));
    }

    #[test]
    fn what_is_missing_is_named() {
        let dir = tempfile::tempdir().expect("folder");
        let error = Dataset::from_dir(dir.path())
            .expect_err("empty")
            .to_string();
        assert!(error.starts_with("no MNIST-style data in"), "{error}");
        write(dir.path(), "");
        fs::remove_file(dir.path().join(LABELS[0])).expect("removed");
        let error = Dataset::from_dir(dir.path()).expect_err("half").to_string();
        assert!(error.contains("lacks train-labels-idx1-ubyte"), "{error}");
        write(dir.path(), "raw");
        let error = Dataset::from_dir(dir.path()).expect_err("two").to_string();
        assert!(error.contains("more than one data set"), "{error}");
    }
}
