//! Where messages begin in the bytes of a call: each has a prefix of a flag and its length.

const PREFIX_BYTES: usize = 5;

/// What is known of a call's messages so far.
#[derive(Default)]
pub(super) struct Messages {
    prefix: [u8; PREFIX_BYTES],
    /// Bytes of the next message's prefix that have come.
    known: usize,
    /// Bytes of the present message that have not.
    missing: usize,
}

impl Messages {
    /// Whether no message has begun that has not ended.
    pub fn are_whole(&self) -> bool {
        self.known == 0 && self.missing == 0
    }

    /// Reads on; how many messages began.
    pub fn read(&mut self, mut bytes: &[u8]) -> u32 {
        let mut begun = 0;
        while let Some((first, rest)) = bytes.split_first() {
            if self.missing > 0 {
                let here = self.missing.min(bytes.len());
                self.missing -= here;
                bytes = &bytes[here..];
                continue;
            }
            self.prefix[self.known] = *first;
            self.known += 1;
            bytes = rest;
            if self.known == PREFIX_BYTES {
                let [_, length @ ..] = self.prefix;
                self.missing = u32::from_be_bytes(length) as usize;
                self.known = 0;
                begun += 1;
            }
        }
        begun
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_however_they_are_cut() {
        let lengths = [0_usize, 3, 300, 0, 1];
        let stream: Vec<u8> = lengths
            .iter()
            .flat_map(|&length| {
                let head = [&[0][..], &(length as u32).to_be_bytes()].concat();
                [head, vec![7; length]].concat()
            })
            .collect();
        for piece in [1, 2, 4, 5, 7, 100, stream.len()] {
            let mut messages = Messages::default();
            let begun: u32 = stream.chunks(piece).map(|bytes| messages.read(bytes)).sum();
            assert_eq!(
                (begun, messages.are_whole()),
                (5, true),
                "pieces of {piece}"
            );
            messages.read(&[0]);
            assert!(!messages.are_whole());
        }
    }
}
