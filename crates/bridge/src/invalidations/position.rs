//! Positions in the log.

use std::fmt;
use std::str::FromStr;

/// A place in the sequence of changes. As text, it is `<epoch>-<sequence>`, the epoch in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Changes of different epochs cannot be compared.
    pub epoch: u64,
    /// The number of the last change before this place.
    pub sequence: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.epoch, self.sequence)
    }
}

/// The text is not a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a position, which is 16 hexadecimal digits, a hyphen and a number")]
pub struct NotAPosition;

impl FromStr for Position {
    type Err = NotAPosition;

    fn from_str(text: &str) -> Result<Self, NotAPosition> {
        let (epoch, sequence) = text.split_once('-').ok_or(NotAPosition)?;
        let digits = |text: &str, longest, is: fn(&u8) -> bool| {
            (1..=longest).contains(&text.len()) && text.bytes().all(|byte| is(&byte))
        };
        if epoch.len() != 16 || !digits(epoch, 16, u8::is_ascii_hexdigit) || !digits(sequence, 20, u8::is_ascii_digit) {
            return Err(NotAPosition);
        }
        let epoch = u64::from_str_radix(epoch, 16).map_err(|_| NotAPosition)?;
        let sequence = sequence.parse().map_err(|_| NotAPosition)?;
        Ok(Self { epoch, sequence })
    }
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
            assert_eq!(text.parse::<Position>(), Err(NotAPosition), "{text:?}");
        }
        assert_eq!("0000000000000abc-18446744073709551616".parse::<Position>(), Err(NotAPosition));
        assert_eq!("0000000000000abc-+5".parse::<Position>(), Err(NotAPosition));
    }
}
