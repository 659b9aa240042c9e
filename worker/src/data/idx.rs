//! The IDX format of MNIST: a magic number that tells type and dimensions, big-endian sizes, values.
//!
//! Features are unsigned bytes or floats in records of 1 to 3 dimensions, labels unsigned bytes or integers of 16 or 32
//! bits.

use super::MAX_CONTENT_BYTES;

/// What most files begin with; the type is the third byte, the number of dimensions the fourth.
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
}

/// The type of an IDX file's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    /// An unsigned byte.
    Byte,
    /// A signed integer of 16 bits.
    Short,
    /// A signed integer of 32 bits.
    Int,
    /// A float of 32 bits.
    Float,
}

impl Type {
    const ALL: [(u8, Self); 4] = [
        (0x08, Self::Byte),
        (0x0b, Self::Short),
        (0x0c, Self::Int),
        (0x0d, Self::Float),
    ];

    pub fn bytes(self) -> usize {
        match self {
            Self::Byte => 1,
            Self::Short => 2,
            Self::Int | Self::Float => 4,
        }
    }

    fn code(self) -> u8 {
        let found = Self::ALL.iter().find(|(_, kind)| *kind == self);
        found.map_or(0, |(code, _)| *code)
    }
}

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Images,
    Labels,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Images => "image",
            Self::Labels => "label",
        }
    }

    /// What its files usually begin with.
    fn magic(self) -> u32 {
        match self {
            Self::Images => IMAGES,
            Self::Labels => LABELS,
        }
    }

    /// The type and the number of dimensions, if a file that begins so is one of these.
    fn read(self, magic: u32) -> Option<(Type, usize)> {
        let [0, 0, code, dimensions] = magic.to_be_bytes() else {
            return None;
        };
        let (_, kind) = Type::ALL.into_iter().find(|(known, _)| *known == code)?;
        let fits = match self {
            Self::Images => {
                matches!(kind, Type::Byte | Type::Float) && (2..=4).contains(&dimensions)
            }
            Self::Labels => kind != Type::Float && dimensions == 1,
        };
        fits.then_some((kind, usize::from(dimensions)))
    }
}

/// Where an IDX part's records are within some bytes.
#[derive(Debug, Clone)]
pub(super) struct Idx {
    /// What its values are.
    pub kind: Type,
    /// Number of records.
    pub count: u32,
    /// Sizes of a record.
    pub shape: Vec<u32>,
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
        Self::parse(bytes, Role::Labels)?.whole(bytes)
    }

    /// An image file, with something behind it.
    pub fn prefix(bytes: &[u8]) -> Result<Self, IdxError> {
        Self::parse(bytes, Role::Images)
    }

    fn parse(bytes: &[u8], role: Role) -> Result<Self, IdxError> {
        let (kind, dimensions) = read_magic(bytes, role)?;
        let header = 4 + 4 * dimensions;
        let sizes: Option<Vec<u32>> = (1..=dimensions).map(|d| word(bytes, 4 * d)).collect();
        let sizes = sizes.ok_or(IdxError::Truncated {
            expected: header as u64,
            found: bytes.len() as u64,
        })?;
        let item = sizes[1..]
            .iter()
            .try_fold(kind.bytes() as u64, |product, &size| {
                product.checked_mul(u64::from(size))
            });
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
            kind,
            count: sizes[0],
            shape: sizes[1..].to_vec(),
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

fn read_magic(bytes: &[u8], role: Role) -> Result<(Type, usize), IdxError> {
    let found = word(bytes, 0).ok_or(IdxError::Truncated {
        expected: 8,
        found: bytes.len() as u64,
    })?;
    if let Some(read) = role.read(found) {
        return Ok(read);
    }
    let other = match role {
        Role::Images => Role::Labels,
        Role::Labels => Role::Images,
    };
    Err(match other.read(found) {
        Some(_) => IdxError::Swapped {
            expected: role.name(),
            found: other.name(),
        },
        None => IdxError::Foreign {
            expected: role.name(),
            magic: role.magic(),
            found,
        },
    })
}

/// A header, to which the values are to be appended.
pub(super) fn header(kind: Type, sizes: &[u32]) -> Vec<u8> {
    let mut bytes = vec![0, 0, kind.code(), sizes.len() as u8];
    bytes.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
    bytes
}

/// A label file of the narrowest type that has room for the largest.
pub(super) fn label_file(labels: &[u32]) -> Vec<u8> {
    let largest = labels.iter().copied().max().unwrap_or(0);
    let kind = match largest {
        0..=0xff => Type::Byte,
        0x100..=0x7fff => Type::Short,
        _ => Type::Int,
    };
    let mut bytes = header(kind, &[labels.len() as u32]);
    for label in labels {
        bytes.extend_from_slice(&label.to_be_bytes()[4 - kind.bytes()..]);
    }
    bytes
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
    }

    #[test]
    fn labels_take_the_narrowest_type() {
        for (largest, kind) in [
            (255, Type::Byte),
            (1622, Type::Short),
            (0x7fff, Type::Short),
            (0x8000, Type::Int),
        ] {
            let file = label_file(&[3, largest]);
            let read = Idx::labels(&file).expect("valid");
            assert_eq!((read.kind, read.count), (kind, 2));
        }
    }
}
