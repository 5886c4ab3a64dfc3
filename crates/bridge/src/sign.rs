//! `isocache token sign`.

use isocache::{Clock, UnixClock};

use super::access::{AccessConfig, Document};
use super::cli::Sign;

/// Signs a token.
///
/// # Errors
/// The reason why the token cannot be signed.
pub(super) fn main(arguments: &Sign) -> Result<String, String> {
    let name = arguments.config.display().to_string();
    let text = std::fs::read_to_string(&arguments.config).map_err(|error| format!("cannot read {name}: {error}"))?;
    let mut document = Document::parse(&name, &text).map_err(|error| error.to_string())?;
    let id = arguments.key.as_deref();
    let key = AccessConfig::take_signing_key(&mut document, id, |name| std::env::var(name).ok());
    let key = key.map_err(|error| error.to_string())?;
    let now = UnixClock.now_ms() / 1000;
    key.sign(&arguments.claims(key.id(), now)?, now)
}
