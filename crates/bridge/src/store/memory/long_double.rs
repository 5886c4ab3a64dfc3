//! The floating-point numbers of `INCRBYFLOAT`: the long doubles of C on x86, which Rust has not.

use rustc_apfloat::ieee::X87DoubleExtended;
use rustc_apfloat::{Float, Status};

/// Redis reads no longer text as a number.
const MAX_TEXT: usize = 5 * 1024 - 1;
/// Digits after the point.
const DECIMALS: usize = 17;
const TEN_TO_DECIMALS: u128 = 10u128.pow(17);
/// Long numbers are kept in limbs of this many decimal digits.
const LIMB_DIGITS: usize = 18;
const LIMB: u128 = 10u128.pow(18);

/// `value + increment` as Redis would print it.
pub(super) fn add(value: &[u8], increment: &[u8]) -> Result<String, Wrong> {
    let value = parse(value).ok_or(Wrong::NotANumber)?;
    let increment = parse(increment).ok_or(Wrong::NotANumber)?;
    let sum = (value + increment).value;
    if sum.is_finite() { Ok(print(sum)) } else { Err(Wrong::NotFinite) }
}

/// Why there is no sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// One of the two is not a number.
    NotANumber,
    /// The sum is not a number, or infinite.
    NotFinite,
}

/// What C's `strtold` makes of the whole text, except what Redis refuses: spaces, NaN, and what is out of range.
fn parse(text: &[u8]) -> Option<X87DoubleExtended> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= MAX_TEXT)?;
    let negative = text.starts_with('-');
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let magnitude = if unsigned.eq_ignore_ascii_case("inf") || unsigned.eq_ignore_ascii_case("infinity") {
        X87DoubleExtended::INFINITY
    } else {
        let hexadecimal = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X"));
        let parsed = match hexadecimal {
            // The parser asks for the exponent that C lets one leave out.
            Some(digits) if is_number(digits, 16) => {
                let exponent = if digits.contains(['p', 'P']) { "" } else { "p0" };
                format!("0x{digits}{exponent}").parse_rounded()
            }
            None if is_number(unsigned, 10) => unsigned.parse_rounded(),
            _ => None,
        };
        let (status, value) = parsed?;
        let vanished = value.is_zero() && status.contains(Status::UNDERFLOW);
        if value.is_infinite() || vanished {
            return None;
        }
        value
    };
    Some(if negative { -magnitude } else { magnitude })
}

trait ParseRounded {
    fn parse_rounded(&self) -> Option<(Status, X87DoubleExtended)>;
}

impl ParseRounded for str {
    fn parse_rounded(&self) -> Option<(Status, X87DoubleExtended)> {
        let parsed = X87DoubleExtended::from_str_r(self, rustc_apfloat::Round::NearestTiesToEven).ok()?;
        Some((parsed.status, parsed.value))
    }
}

/// Whether `text` is digits with at most one point, and at most one exponent in decimal after them.
fn is_number(text: &str, radix: u32) -> bool {
    let exponents: &[char] = if radix == 16 { &['p', 'P'] } else { &['e', 'E'] };
    let (mantissa, exponent) = match text.split_once(exponents) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |text: &str, radix| text.chars().all(|digit| digit.is_digit(radix));
    let exponent_fits = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !digits.is_empty() && all_digits(digits, 10)
    });
    whole.len() + fraction.len() > 0 && all_digits(whole, radix) && all_digits(fraction, radix) && exponent_fits
}

/// The number as C's `%.17Lf` prints it, without the zeros at its end.
fn print(value: X87DoubleExtended) -> String {
    let bits = value.to_bits();
    let mantissa = bits & u128::from(u64::MAX);
    // Numbers too small for an exponent of their own have the lowest one. 15 bits.
    #[allow(clippy::cast_possible_truncation)]
    let exponent = ((bits >> 64) as u32 & 0x7fff).max(1);
    // The value of the mantissa's last bit is two to this power.
    let (left, right) = (exponent.saturating_sub(16383 + 63), (16383 + 63u32).saturating_sub(exponent));
    let mut text = if left > 0 { shifted(mantissa, left) } else { with_fraction(mantissa, right) };
    if value.is_negative() && text != "0" {
        text.insert(0, '-');
    }
    text
}

/// `mantissa / 2^shift` in decimal, rounded to 17 digits after the point, to even.
fn with_fraction(mantissa: u128, shift: u32) -> String {
    // From here on it is less than half of the last digit.
    if shift > 127 {
        return "0".to_owned();
    }
    let whole = mantissa >> shift;
    // Below 2^64 times 10^17: that fits.
    let scaled = (mantissa - (whole << shift)) * TEN_TO_DECIMALS;
    let (floor, rest, half) = (scaled >> shift, scaled & ((1 << shift) - 1), (1u128 << shift) >> 1);
    let up = shift > 0 && (rest > half || (rest == half && floor % 2 == 1));
    let digits = whole * TEN_TO_DECIMALS + floor + u128::from(up);
    let text = format!("{}.{:0DECIMALS$}", digits / TEN_TO_DECIMALS, digits % TEN_TO_DECIMALS);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `mantissa * 2^shift` in decimal.
fn shifted(mantissa: u128, shift: u32) -> String {
    let mut limbs = vec![mantissa % LIMB, mantissa / LIMB];
    let mut left = shift;
    while left > 0 {
        let step = left.min(60);
        let mut carry = 0;
        for limb in &mut limbs {
            let product = (*limb << step) + carry;
            *limb = product % LIMB;
            carry = product / LIMB;
        }
        // Below 2^60 plus one.
        limbs.push(carry % LIMB);
        limbs.push(carry / LIMB);
        while limbs.last() == Some(&0) {
            limbs.pop();
        }
        left -= step;
    }
    let digits = limbs.iter().rev().fold(String::new(), |digits, limb| digits + &format!("{limb:0LIMB_DIGITS$}"));
    let text = digits.trim_start_matches('0');
    if text.is_empty() { "0" } else { text }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(value: &str, increment: &str) -> Result<String, Wrong> {
        add(value.as_bytes(), increment.as_bytes())
    }

    #[test]
    fn sums_are_those_of_redis() {
        // What a Redis 7.0.15 on x86-64 answered.
        for (value, increment, expected) in [
            ("10", "0.1", "10.1"),
            ("3.0e3", "200", "3200"),
            ("10.1", "0x10", "26.1"),
            ("0", "-0", "0"),
            ("1", "-1", "0"),
            ("18.5", "0x.8", "19"),
            ("5.", ".5", "5.5"),
            ("0", "1e-19", "0"),
            ("0", "-1e-19", "0"),
            // Halves of the last digit, which are exact in binary: to even, down and up.
            ("0", "0.000003814697265625", "0.00000381469726562"),
            ("0", "0.000011444091796875", "0.00001144409179688"),
        ] {
            assert_eq!(sum(value, increment).as_deref(), Ok(expected), "{value} + {increment}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", " 1", "1 ", ".", "1e", "0x", "nan", "1e5000", "1e-5000", "abc", "--1", "1_0", "0x1p", "é"] {
            assert_eq!(sum("1", text), Err(Wrong::NotANumber), "{text}");
        }
        assert_eq!(sum("1", "inf"), Err(Wrong::NotFinite));
        assert_eq!(sum("1e4932", "1e4932"), Err(Wrong::NotFinite));
        assert_eq!(sum("1", &"9".repeat(6000)), Err(Wrong::NotANumber));
        assert_eq!(sum("1", "1e99999999999999999999999"), Err(Wrong::NotANumber));
        assert_eq!(sum("1", "0e99999999999999999999999").as_deref(), Ok("1"));
    }
}
