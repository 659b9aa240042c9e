//! The IDX format of MNIST: a magic number, big-endian dimensions, bytes. Plain or gzip.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::MAX_CONTENT_BYTES;

const IMAGES: u32 = 0x0803;
const LABELS: u32 = 0x0801;

/// Bytes that are not the IDX file they should be.
#[derive(Debug, thiserror::Error)]
pub enum IdxError {
    /// Another kind of file.
    #[error(
        "not an IDX {expected} file: it begins with {found:#010x}, an IDX {expected} file begins with {magic:#010x}"
    )]
    Foreign {
        /// What was looked for.
        expected: &'static str,
        /// Its magic number.
        magic: u32,
        /// What is there.
        found: u32,
    },
    /// The two files are swapped.
    #[error("this is an IDX {found} file where an IDX {expected} file belongs")]
    Swapped {
        /// What was looked for.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// It ends too early.
    #[error("truncated: its header announces {expected} bytes, it has {found}")]
    Truncated {
        /// Bytes announced, the header's included.
        expected: u64,
        /// Bytes there.
        found: u64,
    },
    /// It goes on too long.
    #[error("its header announces {expected} bytes, but it has {found}")]
    TooLong {
        /// Bytes announced, the header's included.
        expected: u64,
        /// Bytes there.
        found: u64,
    },
    /// It is larger than anything we read.
    #[error("larger than {MAX_CONTENT_BYTES} bytes")]
    TooLarge,
    /// The gzip stream is broken.
    #[error("broken gzip stream: {0}")]
    Gzip(std::io::Error),
}

/// Where an IDX part's records are within some bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Idx {
    /// Number of records.
    pub count: u32,
    /// Bytes of a record.
    pub item: usize,
    /// First byte of the first record.
    pub data: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Idx {
    /// An image file, whole.
    pub fn images(bytes: &[u8]) -> Result<Self, IdxError> {
        Self::prefix(bytes)?.whole(bytes)
    }

    /// A label file, whole.
    pub fn labels(bytes: &[u8]) -> Result<Self, IdxError> {
        Self::parse(bytes, LABELS)?.whole(bytes)
    }

    /// An image file, with something behind it.
    pub fn prefix(bytes: &[u8]) -> Result<Self, IdxError> {
        Self::parse(bytes, IMAGES)
    }

    fn parse(bytes: &[u8], magic: u32) -> Result<Self, IdxError> {
        check_magic(bytes, magic)?;
        let dimensions = (magic & 0xff) as usize;
        let header = 4 + 4 * dimensions;
        let sizes: Option<Vec<u32>> = (1..=dimensions).map(|d| word(bytes, 4 * d)).collect();
        let sizes = sizes.ok_or(IdxError::Truncated {
            expected: header as u64,
            found: bytes.len() as u64,
        })?;
        let item = sizes[1..]
            .iter()
            .try_fold(1u64, |product, &size| product.checked_mul(u64::from(size)));
        let expected = item
            .and_then(|item| item.checked_mul(u64::from(sizes[0])))
            .and_then(|data| data.checked_add(header as u64))
            .filter(|&expected| expected <= MAX_CONTENT_BYTES)
            .ok_or(IdxError::TooLarge)?;
        if (bytes.len() as u64) < expected {
            return Err(IdxError::Truncated {
                expected,
                found: bytes.len() as u64,
            });
        }
        Ok(Self {
            count: sizes[0],
            // Both are at most `expected`, which is at most 2^30, unless there is no record at all.
            item: item.map_or(0, |item| item.min(MAX_CONTENT_BYTES) as usize),
            data: header,
            end: expected as usize,
        })
    }

    fn whole(self, bytes: &[u8]) -> Result<Self, IdxError> {
        if bytes.len() == self.end {
            return Ok(self);
        }
        Err(IdxError::TooLong {
            expected: self.end as u64,
            found: bytes.len() as u64,
        })
    }

    /// The same part, `offset` bytes further on.
    pub fn shifted(self, offset: usize) -> Self {
        Self {
            data: self.data + offset,
            end: self.end + offset,
            ..self
        }
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at + 4)?;
    word.try_into().ok().map(u32::from_be_bytes)
}

fn kind(magic: u32) -> &'static str {
    if magic == IMAGES { "image" } else { "label" }
}

fn check_magic(bytes: &[u8], magic: u32) -> Result<(), IdxError> {
    let found = word(bytes, 0).ok_or(IdxError::Truncated {
        expected: 8,
        found: bytes.len() as u64,
    })?;
    if found == magic {
        return Ok(());
    }
    Err(match found {
        IMAGES | LABELS => IdxError::Swapped {
            expected: kind(magic),
            found: kind(found),
        },
        _ => IdxError::Foreign {
            expected: kind(magic),
            magic,
            found,
        },
    })
}

/// The content of a file that may be gzip.
pub(super) fn decompress(bytes: &[u8]) -> Result<Vec<u8>, IdxError> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes.to_vec());
    }
    let mut content = Vec::new();
    MultiGzDecoder::new(bytes)
        .take(MAX_CONTENT_BYTES + 1)
        .read_to_end(&mut content)
        .map_err(IdxError::Gzip)?;
    if content.len() as u64 > MAX_CONTENT_BYTES {
        return Err(IdxError::TooLarge);
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(bytes: &[u8]) -> String {
        Idx::images(bytes).expect_err("refused").to_string()
    }

    #[test]
    fn each_mistake_is_named() {
        let labels = [0, 0, 8, 1, 0, 0, 0, 1, 7];
        assert_eq!(
            message(&labels),
            "this is an IDX label file where an IDX image file belongs"
        );
        assert_eq!(
            message(b"\x89PNG...."),
            "not an IDX image file: it begins with 0x89504e47, an IDX image file begins with 0x00000803"
        );
        let short = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3];
        assert_eq!(
            message(&short),
            "truncated: its header announces 24 bytes, it has 19"
        );
        let huge = [
            0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
        ];
        assert_eq!(message(&huge), "larger than 1073741824 bytes");
        let broken = decompress(&[0x1f, 0x8b, 8, 0, 0]).expect_err("refused");
        assert!(broken.to_string().starts_with("broken gzip stream"));
    }
}
