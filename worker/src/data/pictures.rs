//! Pictures in folders, a folder a class, as Omniglot has them (`alphabet/character/image.png`): a folder of such, or a tar
//! archive, plain or gzip.
//!
//! Classes are numbered in the order of their folders' paths, samples stand in the order of theirs. Pictures are grey, of
//! one size, in PNG. Where most of all pixels are light, light and dark change places, so that ink is what is not zero.

use std::{
    fs,
    io::{Cursor, Read},
    path::{Path, PathBuf},
};

use super::{DataError, Dataset, MAX_CONTENT_BYTES, folder};

/// The most pictures.
const MAX_PICTURES: usize = 1 << 20;
/// The deepest folder of pictures.
const MAX_DEPTH: u32 = 8;
/// The largest picture, in bytes of its pixels.
const MAX_PIXELS: usize = 1 << 16;

/// A file and where it is, below the folder or in the archive.
struct Picture {
    path: String,
    bytes: Vec<u8>,
}

/// Whether a folder has pictures, somewhere.
pub(super) fn any(dir: &Path) -> bool {
    paths(dir).is_ok_and(|paths| !paths.is_empty())
}

/// All pictures below a folder.
pub(super) fn from_dir(dir: &Path) -> Result<Dataset, DataError> {
    let mut pictures = Vec::new();
    let mut total = 0;
    for path in paths(dir)? {
        let file = folder::read(&path)?;
        total += file.bytes.len() as u64;
        refuse_too_many(pictures.len(), total)?;
        let relative = path.strip_prefix(dir).unwrap_or(&path);
        pictures.push(Picture {
            path: relative.to_string_lossy().replace('\\', "/"),
            bytes: file.bytes,
        });
    }
    dataset(&dir.display().to_string(), pictures)
}

/// All pictures in a tar archive.
pub(super) fn from_tar(name: &str, content: &[u8]) -> Result<Dataset, DataError> {
    let broken =
        |error: std::io::Error| DataError::Format(format!("{name}: broken archive: {error}"));
    let mut archive = tar::Archive::new(content);
    let mut pictures = Vec::new();
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if !entry.header().entry_type().is_file() || !is_picture(&path) {
            continue;
        }
        refuse_too_many(pictures.len(), 0)?;
        let mut bytes = Vec::new();
        // An entry is part of the content, whatever its header says of its size.
        (&mut entry)
            .take(content.len() as u64)
            .read_to_end(&mut bytes)
            .map_err(broken)?;
        pictures.push(Picture { path, bytes });
    }
    dataset(name, pictures)
}

fn is_picture(path: &str) -> bool {
    path.to_ascii_lowercase().ends_with(".png")
}

fn refuse_too_many(pictures: usize, bytes: u64) -> Result<(), DataError> {
    if pictures < MAX_PICTURES && bytes <= MAX_CONTENT_BYTES {
        return Ok(());
    }
    Err(DataError::Shape(format!(
        "more than {MAX_PICTURES} pictures or {MAX_CONTENT_BYTES} bytes"
    )))
}

/// Files that are called pictures, below a folder.
fn paths(dir: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut found = Vec::new();
    let mut left = vec![(dir.to_owned(), 0)];
    while let Some((dir, depth)) = left.pop() {
        let failed = |source| DataError::Io {
            path: dir.display().to_string(),
            source,
        };
        for entry in fs::read_dir(&dir).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() && depth < MAX_DEPTH {
                left.push((entry.path(), depth + 1));
            } else if kind.is_file() && is_picture(&entry.file_name().to_string_lossy()) {
                refuse_too_many(found.len(), 0)?;
                found.push(entry.path());
            }
        }
    }
    Ok(found)
}

/// Decodes pictures, in the order of their paths.
fn dataset(name: &str, mut pictures: Vec<Picture>) -> Result<Dataset, DataError> {
    pictures.sort_by(|a, b| a.path.cmp(&b.path));
    let (mut size, mut pixels, mut labels) = (None, Vec::new(), Vec::new());
    let mut classes: Vec<&str> = pictures
        .iter()
        .map(|picture| class(&picture.path))
        .collect();
    classes.sort_unstable();
    classes.dedup();
    for picture in &pictures {
        let (this, grey) = decode(&picture.bytes)
            .map_err(|reason| DataError::Format(format!("{name}: {}: {reason}", picture.path)))?;
        let first = *size.get_or_insert(this);
        if first != this {
            return Err(DataError::Shape(format!(
                "{name}: {} has {} x {} pixels, the first picture {} x {}",
                picture.path, this[1], this[0], first[1], first[0]
            )));
        }
        refuse_too_many(0, (pixels.len() + grey.len()) as u64)?;
        pixels.extend(grey);
        let label = classes.binary_search(&class(&picture.path)).unwrap_or(0);
        labels.push(label as u32);
    }
    let Some(size) = size else {
        return Err(DataError::Folder(format!("{name} has no pictures (*.png)")));
    };
    let light = pixels.iter().filter(|&&pixel| pixel > 127).count();
    if 2 * light > pixels.len() {
        pixels.iter_mut().for_each(|pixel| *pixel = 255 - *pixel);
    }
    Dataset::of_images(&size, &pixels, &labels)
}

/// The folder of a picture.
fn class(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Rows and columns, and a byte a pixel.
fn decode(bytes: &[u8]) -> Result<([u32; 2], Vec<u8>), String> {
    let limits = png::Limits {
        bytes: 64 * MAX_PIXELS,
    };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(|error| error.to_string())?;
    let size = [reader.info().height, reader.info().width];
    let count = u64::from(size[0]) * u64::from(size[1]);
    if count > MAX_PIXELS as u64 {
        return Err(format!("more than {MAX_PIXELS} pixels"));
    }
    if reader.output_color_type() != (png::ColorType::Grayscale, png::BitDepth::Eight) {
        return Err("not a grey picture".to_owned());
    }
    let mut grey = vec![0; count as usize];
    reader
        .next_frame(&mut grey)
        .map_err(|error| error.to_string())?;
    Ok((size, grey))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A grey picture of `width` columns and two rows.
    fn picture(width: u32, pixels: &[u8], depth: png::BitDepth) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, 2);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(depth);
        let mut writer = encoder.write_header().expect("a header");
        writer.write_image_data(pixels).expect("pixels");
        writer.finish().expect("an end");
        bytes
    }

    /// Two classes of two pictures, of one bit a pixel: light but for a dot.
    fn pictures() -> Vec<(&'static str, Vec<u8>)> {
        let one_bit = |rows: [u8; 2]| picture(3, &rows, png::BitDepth::One);
        vec![
            ("b/second/2.png", one_bit([0b1110_0000, 0b1100_0000])),
            ("a/first/1.png", one_bit([0b0110_0000, 0b1110_0000])),
            ("a/first/2.PNG", one_bit([0b1010_0000, 0b1110_0000])),
            ("b/second/1.png", one_bit([0b1110_0000, 0b0110_0000])),
        ]
    }

    fn archive(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_cksum();
            builder
                .append_data(&mut header, name, &**bytes)
                .expect("appended");
        }
        builder.into_inner().expect("an archive")
    }

    fn message(files: &[(&str, Vec<u8>)]) -> String {
        let refused = from_tar("x.tar", &archive(files));
        refused.expect_err("refused").to_string()
    }

    #[test]
    fn folders_are_classes_and_ink_is_not_zero() {
        let mut files = pictures();
        files.push(("readme.txt", b"no picture".to_vec()));
        let data = from_tar("x.tar", &archive(&files)).expect("read");
        assert_eq!((data.samples(), data.features(), data.classes()), (4, 6, 2));
        let labels: Vec<u32> = (0..4).map(|sample| data.label(sample)).collect();
        assert_eq!(labels, [0, 0, 1, 1]);
        assert_eq!(data.image(0), Some(&[255, 0, 0, 0, 0, 0][..]));
        assert_eq!(data.image(2), Some(&[0, 0, 0, 255, 0, 0][..]));
    }

    #[test]
    fn a_folder_and_its_archive_are_the_same_data() {
        let dir = tempfile::tempdir().expect("folder");
        assert!(!any(dir.path()));
        for (name, bytes) in pictures() {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, bytes).expect("written");
        }
        assert!(any(dir.path()));
        let folder = from_dir(dir.path()).expect("read");
        let archive = from_tar("x.tar", &archive(&pictures())).expect("read");
        assert_eq!(folder.hash(), archive.hash());
    }

    #[test]
    fn each_mistake_is_named() {
        assert_eq!(message(&[]), "x.tar has no pictures (*.png)");
        let other = picture(8, &[0; 16], png::BitDepth::Eight);
        let files = [&pictures()[..], &[("c/1.png", other)]].concat();
        assert!(message(&files).contains("c/1.png has 8 x 2 pixels, the first picture 3 x 2"));
        assert!(message(&[("a/1.png", b"what?".to_vec())]).starts_with("x.tar: a/1.png: "));
        let large = picture(1 << 16, &vec![0; 1 << 14], png::BitDepth::One);
        assert!(message(&[("a/1.png", large)]).contains("more than 65536 pixels"));
        let mut cut = archive(&pictures());
        cut.truncate(700);
        let error = from_tar("x.tar", &cut).expect_err("refused").to_string();
        assert!(error.contains("broken archive"), "{error}");
    }
}
