//! `isocache token mint`.

use isocache::{Clock, UnixClock};

use super::cli::Mint;
use super::settings::Settings;

/// A signed token; or in a sentence, why there is none.
pub(super) fn main(arguments: &Mint) -> Result<String, String> {
    let settings = Settings::read(&arguments.config)?;
    let mut keys = settings.access.tokens.keys().iter();
    let key = match &arguments.key {
        Some(id) => keys.find(|key| key.id() == id).ok_or_else(|| format!("there is no signing key {id:?}"))?,
        None => keys.next().ok_or("the configuration has no [[signing.keys]]")?,
    };
    let now = UnixClock.now_ms() / 1000;
    key.mint(&arguments.claims(key.id(), now)?, now)
}
