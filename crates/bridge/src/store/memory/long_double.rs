//! The floating-point numbers of `INCRBYFLOAT`: the 80-bit `long double` of C on x86, which Rust lacks.

use rustc_apfloat::ieee::X87DoubleExtended;
use rustc_apfloat::{Float, Status};

/// The maximum length of a number in Redis.
const MAX_TEXT: usize = 5 * 1024 - 1;
/// The number of digits after the decimal point.
const DECIMALS: usize = 17;
const TEN_TO_DECIMALS: u128 = 10u128.pow(17);
/// The number of decimal digits in a limb of a long number.
const LIMB_DIGITS: usize = 18;
const LIMB: u128 = 10u128.pow(18);

/// Returns `value + increment`, formatted as in Redis.
pub(super) fn add(value: &[u8], increment: &[u8]) -> Result<String, SumError> {
    let value = parse(value).ok_or(SumError::NotANumber)?;
    let increment = parse(increment).ok_or(SumError::NotANumber)?;
    let sum = (value + increment).value;
    if sum.is_finite() { Ok(print(sum)) } else { Err(SumError::NotFinite) }
}

/// Why the sum has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SumError {
    /// One of the two is not a number.
    NotANumber,
    /// The sum is NaN or infinite.
    NotFinite,
}

/// Parses the whole text as `strtold` in C does. Like Redis, it refuses spaces, NaN, and numbers that are out of range.
fn parse(text: &[u8]) -> Option<X87DoubleExtended> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= MAX_TEXT)?;
    let negative = text.starts_with('-');
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let magnitude = if unsigned.eq_ignore_ascii_case("inf") || unsigned.eq_ignore_ascii_case("infinity") {
        X87DoubleExtended::INFINITY
    } else {
        let hexadecimal = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X"));
        let parsed = match hexadecimal {
            // The parser requires the exponent, which is optional in C.
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

/// Whether `text` consists of digits with at most one point, and optionally a decimal exponent.
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

/// Formats a number like `%.17Lf` in C, without trailing zeros.
fn print(value: X87DoubleExtended) -> String {
    let bits = value.to_bits();
    let mantissa = bits & u128::from(u64::MAX);
    // Subnormal numbers have the lowest exponent. It has 15 bits, so the cast loses nothing.
    #[allow(clippy::cast_possible_truncation)]
    let exponent = ((bits >> 64) as u32 & 0x7fff).max(1);
    // The last bit of the mantissa has the value 2^left or 2^-right.
    let (left, right) = (exponent.saturating_sub(16383 + 63), (16383 + 63u32).saturating_sub(exponent));
    let mut text = if left > 0 { shifted(mantissa, left) } else { with_fraction(mantissa, right) };
    if value.is_negative() && text != "0" {
        text.insert(0, '-');
    }
    text
}

/// `mantissa / 2^shift` in decimal, rounded to 17 digits after the point, ties to even.
fn with_fraction(mantissa: u128, shift: u32) -> String {
    // The result is less than half of the last digit.
    if shift > 127 {
        return "0".to_owned();
    }
    let whole = mantissa >> shift;
    // The product is below 2^64 times 10^17, which fits.
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

    fn sum(value: &str, increment: &str) -> Result<String, SumError> {
        add(value.as_bytes(), increment.as_bytes())
    }

    #[test]
    fn sums_are_those_of_redis() {
        // The replies of Redis 7.0.15 on x86-64.
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
            // Ties, which are exact in binary, are rounded to even: down and up.
            ("0", "0.000003814697265625", "0.00000381469726562"),
            ("0", "0.000011444091796875", "0.00001144409179688"),
        ] {
            assert_eq!(sum(value, increment).as_deref(), Ok(expected), "{value} + {increment}");
        }
    }

    #[test]
    fn invalid_numbers_are_refused() {
        for text in ["", " 1", "1 ", ".", "1e", "0x", "nan", "1e5000", "1e-5000", "abc", "--1", "1_0", "0x1p", "é"] {
            assert_eq!(sum("1", text), Err(SumError::NotANumber), "{text}");
        }
        assert_eq!(sum("1", "inf"), Err(SumError::NotFinite));
        assert_eq!(sum("1e4932", "1e4932"), Err(SumError::NotFinite));
        assert_eq!(sum("1", &"9".repeat(6000)), Err(SumError::NotANumber));
        assert_eq!(sum("1", "1e99999999999999999999999"), Err(SumError::NotANumber));
        assert_eq!(sum("1", "0e99999999999999999999999").as_deref(), Ok("1"));
    }
}
