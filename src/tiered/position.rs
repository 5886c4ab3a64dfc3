//! [`Position`]: a place in an invalidation stream.

use std::fmt;
use std::str::FromStr;

use crate::error::CacheError;

/// A place in an invalidation stream. As text, it is `<epoch>-<sequence>`, the epoch in 16 hexadecimal digits.
///
/// ```
/// use isocache::Position;
///
/// let position: Position = "0000000000000abc-812".parse()?;
/// assert_eq!((position.epoch, position.sequence), (0xabc, 812));
/// assert!(!position.is_after(Position { epoch: 0xabc, sequence: 812 }));
/// # Ok::<(), isocache::CacheError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// Places of different epochs cannot be compared.
    pub epoch: u64,
    /// The number of the last change before this place.
    pub sequence: u64,
}

impl Position {
    /// Whether it is known to be later than `other`: of the same epoch, with a greater sequence number.
    #[must_use]
    pub fn is_after(self, other: Self) -> bool {
        self.epoch == other.epoch && self.sequence > other.sequence
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.epoch, self.sequence)
    }
}

impl FromStr for Position {
    type Err = CacheError;

    fn from_str(text: &str) -> Result<Self, CacheError> {
        parse(text).ok_or_else(|| {
            let shown: String = text.chars().take(40).collect();
            let reason = format!("must be 16 hexadecimal digits, a hyphen and a number, not {shown:?}");
            CacheError::invalid("position", reason)
        })
    }
}

fn parse(text: &str) -> Option<Position> {
    let (epoch, sequence) = text.split_once('-')?;
    let digits = |text: &str, longest, is: fn(&u8) -> bool| {
        (1..=longest).contains(&text.len()) && text.bytes().all(|byte| is(&byte))
    };
    if epoch.len() != 16 || !digits(epoch, 16, u8::is_ascii_hexdigit) || !digits(sequence, 20, u8::is_ascii_digit) {
        return None;
    }
    Some(Position { epoch: u64::from_str_radix(epoch, 16).ok()?, sequence: sequence.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read_as_they_are_written() {
        for position in [
            Position { epoch: 0, sequence: 0 },
            Position { epoch: u64::MAX, sequence: u64::MAX },
            Position { epoch: 0xabc, sequence: 812 },
        ] {
            assert_eq!(position.to_string().parse(), Ok(position));
        }
        assert_eq!(Position { epoch: 0xabc, sequence: 812 }.to_string(), "0000000000000abc-812");
    }

    #[test]
    fn anything_else_is_refused() {
        for text in
            ["", "-", "5", "abc-5", "0000000000000abc", "0000000000000abc-", "0000000000000abc-x", "+000000000000abc-5"]
        {
            let error = text.parse::<Position>().unwrap_err();
            assert!(error.to_string().contains("16 hexadecimal digits"), "{text:?}: {error}");
        }
        assert!("0000000000000abc-18446744073709551616".parse::<Position>().is_err());
        assert!("0000000000000abc-+5".parse::<Position>().is_err());
    }

    #[test]
    fn places_of_two_epochs_cannot_be_compared() {
        let at = |epoch, sequence| Position { epoch, sequence };
        assert!(at(1, 2).is_after(at(1, 1)));
        assert!(!at(1, 1).is_after(at(1, 1)));
        assert!(!at(2, 2).is_after(at(1, 1)) && !at(1, 1).is_after(at(2, 2)));
    }
}
