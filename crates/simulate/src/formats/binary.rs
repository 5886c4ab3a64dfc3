//! Numbers of 4 bytes.

use crate::trace::Trace;

/// Takes bytes as they arrive, and keeps those of an incomplete number.
#[derive(Default)]
pub(crate) struct Words {
    rest: Vec<u8>,
}

impl Words {
    /// Returns false if there is no room for another request.
    pub(crate) fn push(&mut self, mut bytes: &[u8], trace: &mut Trace) -> bool {
        while !self.rest.is_empty() && !bytes.is_empty() {
            self.rest.push(bytes[0]);
            bytes = &bytes[1..];
            if self.rest.len() == 4 {
                if !trace.push(&self.rest) {
                    return false;
                }
                self.rest.clear();
            }
        }
        let (words, rest) = bytes.as_chunks::<4>();
        self.rest.extend_from_slice(rest);
        words.iter().all(|word| trace.push(word))
    }

    /// The number of bytes left over at the end.
    pub(crate) fn rest(&self) -> usize {
        self.rest.len()
    }
}
