//! Files that may be gzip.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::MAX_CONTENT_BYTES;

/// Bytes that cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It is larger than anything we read.
    #[error("larger than {MAX_CONTENT_BYTES} bytes")]
    TooLarge,
    /// The gzip stream is broken.
    #[error("broken gzip stream: {0}")]
    Gzip(std::io::Error),
}

/// The content of a file that may be gzip; no more than [`MAX_CONTENT_BYTES`] of it are ever in memory.
pub(super) fn unpack(bytes: &[u8]) -> Result<Vec<u8>, UnpackError> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return match bytes.len() as u64 > MAX_CONTENT_BYTES {
            true => Err(UnpackError::TooLarge),
            false => Ok(bytes.to_vec()),
        };
    }
    let mut content = Vec::new();
    MultiGzDecoder::new(bytes)
        .take(MAX_CONTENT_BYTES + 1)
        .read_to_end(&mut content)
        .map_err(UnpackError::Gzip)?;
    if content.len() as u64 > MAX_CONTENT_BYTES {
        return Err(UnpackError::TooLarge);
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_stream_is_named() {
        let broken = unpack(&[0x1f, 0x8b, 8, 0, 0]).expect_err("refused");
        assert!(broken.to_string().starts_with("broken gzip stream"));
    }
}
