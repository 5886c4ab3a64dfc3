//! Durations in the options: `300`, `"5m"`, or an expression.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprLit, Lit, Result};

/// The longest ttl, in milliseconds: 2^53.
const MAX_MS: u64 = 1 << 53;

const TOO_LONG: &str = "this duration is longer than the maximum of 2^53 milliseconds";

const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// The expression of the `Duration` for an option.
pub(crate) fn duration(value: &Expr, private: &TokenStream) -> Result<TokenStream> {
    let Expr::Lit(ExprLit { lit, .. }) = value else {
        return Ok(quote_spanned!(value.span()=> #private::duration(#value)));
    };
    let milliseconds = match lit {
        Lit::Int(seconds) if seconds.suffix().is_empty() => {
            let seconds: u64 = seconds.base10_parse()?;
            seconds.checked_mul(1000).ok_or(TOO_LONG)
        }
        Lit::Str(text) => milliseconds(&text.value()),
        _ => Err(
            "invalid duration: write seconds, as in 300, a string with a unit, as in \"5m\", or an expression of type `Duration`",
        ),
    };
    let milliseconds = milliseconds.and_then(|milliseconds| match milliseconds {
        0 => Err("a duration must be at least one millisecond"),
        1..=MAX_MS => Ok(milliseconds),
        _ => Err(TOO_LONG),
    });
    let milliseconds = milliseconds.map_err(|reason| Error::new(value.span(), reason))?;
    Ok(quote!(::core::time::Duration::from_millis(#milliseconds)))
}

/// Parses a string such as `"5m"` to milliseconds.
fn milliseconds(text: &str) -> std::result::Result<u64, &'static str> {
    const FORM: &str = "invalid duration: write an integer and a unit (ms, s, m, h or d), as in \"5m\"";
    let unit = text.find(|c: char| !c.is_ascii_digit()).ok_or(FORM)?;
    let (digits, unit) = text.split_at(unit);
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or(FORM)?;
    if digits.is_empty() {
        return Err(FORM);
    }
    // A number with too many digits is too long in every unit.
    Ok(digits.parse().unwrap_or(u64::MAX).saturating_mul(*factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(source: &str) -> std::result::Result<String, String> {
        let value = syn::parse_str(source).map_err(|error| error.to_string())?;
        duration(&value, &quote!(p)).map(|tokens| tokens.to_string()).map_err(|error| error.to_string())
    }

    fn ms(source: &str) -> Option<u64> {
        of(source).ok()?.rsplit_once("from_millis (")?.1.strip_suffix("u64)")?.parse().ok()
    }

    #[test]
    fn seconds_and_strings() {
        assert_eq!(ms("300"), Some(300_000));
        assert_eq!(ms("\"300ms\""), Some(300));
        assert_eq!(ms("\"30s\""), Some(30_000));
        assert_eq!(ms("\"5m\""), Some(300_000));
        assert_eq!(ms("\"2h\""), Some(7_200_000));
        assert_eq!(ms("\"7d\""), Some(604_800_000));
        assert_eq!(ms("\"9007199254740992ms\""), Some(1 << 53));
    }

    #[test]
    fn invalid_durations_are_refused() {
        for wrong in
            ["0", "\"0s\"", "\"\"", "\"m\"", "\"5\"", "\"5 m\"", "\"-5m\"", "\"5w\"", "0.5", "true", "5u8", "b\"5m\""]
        {
            assert!(of(wrong).is_err(), "{wrong}");
        }
        for long in ["9007199254741", "18446744073709551615", "\"9007199254740993ms\"", "\"99999999999999999999999d\""]
        {
            let error = of(long).unwrap_err();
            assert!(error.contains("longer than the maximum"), "{long}: {error}");
        }
    }

    #[test]
    fn other_expressions_are_passed_on() {
        assert_eq!(of("TTL").unwrap(), "p :: duration (TTL)");
    }
}
