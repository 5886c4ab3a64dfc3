//! Detects the end of a reply, while its bytes arrive.

use smallvec::SmallVec;

use super::item::{Budget, Item};
use super::{RespError, RespLimits};

/// Finds the end of one reply in a growing buffer, inspecting each item only once.
///
/// ```
/// use isocache_protocol::resp::{ReplyScanner, RespLimits};
///
/// let mut scanner = ReplyScanner::new(&RespLimits::default());
/// assert_eq!(scanner.scan(b"*2\r\n:1\r\n$3"), Ok(None));
/// assert_eq!(scanner.scan(b"*2\r\n:1\r\n$3\r\nabc\r\n+next"), Ok(Some(17)));
/// ```
#[derive(Debug)]
pub struct ReplyScanner {
    budget: Budget,
    /// The end of the items seen.
    at: usize,
    /// The arrays that are not complete: how many items each still needs.
    open: SmallVec<[Open; 4]>,
}

#[derive(Debug)]
struct Open {
    missing: usize,
    is_attribute: bool,
}

impl ReplyScanner {
    /// Creates a scanner for one reply within these limits.
    pub fn new(limits: &RespLimits) -> Self {
        Self { budget: Budget::new(limits), at: 0, open: SmallVec::new() }
    }

    /// Returns the length of the first reply in `buffer`, or `None` until it is complete. Each call must pass the same
    /// bytes as the previous one, and may add more. Once it has returned a length, the scanner cannot be reused.
    ///
    /// # Errors
    /// [`RespError`] if the bytes are not RESP, or exceed the limits.
    pub fn scan(&mut self, buffer: &[u8]) -> Result<Option<usize>, RespError> {
        loop {
            let Some((item, next)) = self.budget.read(buffer, self.at)? else { return Ok(None) };
            let (missing, is_attribute) = match item {
                Item::Array(count) => (count, false),
                Item::Attribute(count) => (count, true),
                _ => (0, false),
            };
            if matches!(item, Item::Array(_) | Item::Attribute(_)) {
                self.budget.descend(self.at, self.open.len() + 1)?;
            }
            self.at = next;
            if missing > 0 {
                self.open.push(Open { missing, is_attribute });
            } else if !is_attribute && self.is_complete() {
                return Ok(Some(next));
            }
        }
    }

    /// Counts one complete item, and the arrays that it completes. Returns whether the whole reply is complete.
    fn is_complete(&mut self) -> bool {
        while let Some(open) = self.open.last_mut() {
            open.missing -= 1;
            if open.missing > 0 {
                return false;
            }
            let is_attribute = open.is_attribute;
            self.open.pop();
            if is_attribute {
                return false;
            }
        }
        true
    }
}
