//! [`Ttl`]: how long an entry is fresh.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::error::{CacheError, Result};

/// The longest ttl, in milliseconds: about 285,000 years. [`Duration::MAX`] stands for no expiry.
pub const MAX_TTL_MS: u64 = (1 << 53) - 1;

/// A ttl in text form: `300` or `"300"` (seconds), `"300ms"`, `"30s"`, `"5m"`, `"2h"`, `"7d"`.
///
/// Methods take a ttl as `Option<Duration>`; this type parses the text form used on command lines, in attributes and in
/// configuration files.
///
/// ```
/// use isocache::Ttl;
/// use std::time::Duration;
///
/// let ttl: Ttl = "5m".parse()?;
/// assert_eq!(Duration::from(ttl), Duration::from_secs(300));
/// assert_eq!(Ttl::from_seconds(300.0)?, ttl);
/// assert_eq!(ttl.to_string(), "5m");
/// # Ok::<(), isocache::CacheError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ttl {
    ms: u64,
}

/// The units, largest first, in milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

impl Ttl {
    /// Creates a ttl from seconds. A fraction of a millisecond is rounded up.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] for NaN, for 0 or less, and for more than [`MAX_TTL_MS`].
    pub fn from_seconds(seconds: f64) -> Result<Self> {
        Self::from_ms(seconds * 1000.0, || format!("{seconds}"))
    }

    /// Returns the ttl in milliseconds, at least 1.
    #[must_use]
    pub fn as_millis(self) -> u64 {
        self.ms
    }

    fn from_ms(ms: f64, shown: impl Fn() -> String) -> Result<Self> {
        let ms = ms.ceil();
        // MAX_TTL_MS is an integer below 2^53.
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        if ms > 0.0 && ms <= MAX_TTL_MS as f64 {
            return Ok(Self { ms: ms as u64 });
        }
        Err(CacheError::invalid("ttl", format!("must be from 1 ms to {MAX_TTL_MS} ms, not {}", shown())))
    }
}

impl TryFrom<Duration> for Ttl {
    type Error = CacheError;

    fn try_from(duration: Duration) -> Result<Self> {
        Ok(Self { ms: whole_ms(duration)? })
    }
}

impl From<Ttl> for Duration {
    fn from(ttl: Ttl) -> Self {
        Self::from_millis(ttl.ms)
    }
}

impl FromStr for Ttl {
    type Err = CacheError;

    fn from_str(text: &str) -> Result<Self> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let factor = match unit {
            "" => Some(1000),
            _ => UNITS.iter().find(|(name, _)| *name == unit).map(|(_, ms)| *ms),
        };
        let (Ok(number), Some(factor)) = (number.parse::<f64>(), factor) else {
            return Err(CacheError::invalid(
                "ttl",
                format!("must be a number of seconds or use one unit of ms, s, m, h, d, such as \"90m\", not {text:?}"),
            ));
        };
        // The factors are small integers.
        #[allow(clippy::cast_precision_loss)]
        Self::from_ms(number * factor as f64, || format!("{text:?}"))
    }
}

impl fmt::Display for Ttl {
    /// Formats with the largest unit that gives a whole number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, ms) = UNITS.iter().find(|(_, ms)| self.ms.is_multiple_of(*ms)).unwrap_or(&UNITS[4]);
        write!(f, "{}{unit}", self.ms / ms)
    }
}

/// Serializes as text, such as `"5m"`.
#[cfg(feature = "serde")]
impl serde::Serialize for Ttl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Deserializes from text, such as `"5m"`, or a number of seconds.
#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Ttl {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = Ttl;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of seconds, or a number with one of the units ms, s, m, h, d")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Ttl, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_f64<E: serde::de::Error>(self, seconds: f64) -> Result<Ttl, E> {
                Ttl::from_seconds(seconds).map_err(E::custom)
            }

            #[allow(clippy::cast_precision_loss, reason = "beyond 2^53 it is out of range in any case")]
            fn visit_u64<E: serde::de::Error>(self, seconds: u64) -> Result<Ttl, E> {
                self.visit_f64(seconds as f64)
            }

            #[allow(clippy::cast_precision_loss, reason = "as for visit_u64")]
            fn visit_i64<E: serde::de::Error>(self, seconds: i64) -> Result<Ttl, E> {
                self.visit_f64(seconds as f64)
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// A validated ttl in whole milliseconds; `None` if the entry does not expire. Every ttl is resolved to this form once,
/// where it enters the library.
pub(crate) type TtlMs = Option<u64>;

/// Resolves a ttl; [`Duration::MAX`] means no expiry. A fraction of a millisecond is rounded up.
///
/// # Errors
/// [`CacheError::InvalidArgument`] for zero, and for more than [`MAX_TTL_MS`].
pub(crate) fn ttl_ms(ttl: Option<Duration>) -> Result<TtlMs> {
    ttl.filter(|ttl| *ttl != Duration::MAX).map(whole_ms).transpose()
}

/// Converts a duration to milliseconds. A fraction of a millisecond is rounded up.
///
/// # Errors
/// [`CacheError::InvalidArgument`] for zero, and for more than [`MAX_TTL_MS`].
pub(crate) fn whole_ms(ttl: Duration) -> Result<u64> {
    let fraction = u64::from(ttl.subsec_nanos().div_ceil(1_000_000));
    match ttl.as_secs().checked_mul(1000).and_then(|ms| ms.checked_add(fraction)) {
        Some(ms @ 1..=MAX_TTL_MS) => Ok(ms),
        _ => Err(CacheError::invalid(
            "ttl",
            format!("must be from 1 ms to {MAX_TTL_MS} ms, not {ttl:?}; Duration::MAX is no expiry"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_parsed() {
        let cases = [
            ("300", 300_000),
            ("300ms", 300),
            ("30s", 30_000),
            ("5m", 300_000),
            ("2h", 7_200_000),
            ("7d", 604_800_000),
            ("1.5s", 1500),
            ("0.1ms", 1),
        ];
        for (text, ms) in cases {
            assert_eq!(text.parse::<Ttl>().unwrap().as_millis(), ms, "{text}");
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "m", "5 m", "5M", "-5m", "0", "0s", "1e3", "..", "5min", "999999999999999d", "inf", "NaN"] {
            let error = text.parse::<Ttl>().unwrap_err().to_string();
            assert!(error.starts_with("invalid argument ttl: "), "{text}: {error}");
        }
        for seconds in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300] {
            assert!(Ttl::from_seconds(seconds).is_err(), "{seconds}");
        }
        assert!(Ttl::try_from(Duration::ZERO).is_err());
        assert!(Ttl::try_from(Duration::MAX).is_err());
    }

    #[test]
    fn a_fraction_of_a_millisecond_counts_as_a_whole_one() {
        assert_eq!(whole_ms(Duration::from_nanos(1)), Ok(1));
        assert_eq!(whole_ms(Duration::from_micros(1001)), Ok(2));
        assert_eq!(whole_ms(Duration::from_millis(MAX_TTL_MS)), Ok(MAX_TTL_MS));
    }

    #[test]
    fn it_is_displayed_as_it_is_written() {
        for text in ["300ms", "30s", "5m", "2h", "7d", "1500ms"] {
            assert_eq!(text.parse::<Ttl>().unwrap().to_string(), text);
        }
    }
}
