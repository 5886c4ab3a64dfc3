//! Map keys as text.

use serde::Serialize;

use super::Refused;
use super::encoder::Encoder;

/// Returns the text of a map key: a string itself, the digits of an integer, the name of a `bool`.
pub(super) fn name<T: Serialize + ?Sized>(key: &T) -> Result<String, Refused> {
    let mut encoder = Encoder::default();
    key.serialize(&mut encoder)?;
    let text = match encoder.out.as_slice() {
        b"t" => Some(&b"true"[..]),
        b"f" => Some(&b"false"[..]),
        [b'i', digits @ .., b';'] => Some(digits),
        [b's', text @ ..] => text.splitn(2, |byte| *byte == b':').nth(1),
        _ => None,
    };
    let text = text.and_then(|text| std::str::from_utf8(text).ok());
    text.map(str::to_owned).ok_or_else(|| {
        Refused("have a map with a key other than a string, a character, an integer or a bool".to_owned())
    })
}
