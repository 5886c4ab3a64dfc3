//! Who may do what: tokens, what they may do, and the decision on every command. No I/O, and no time of its own.
//!
//! [`decide()`] is the only way to the store.

mod config;
mod decide;
mod document;
pub mod keys;
mod limits;
pub mod minted;
mod options;
mod profile;
mod rate;
mod refusal;
mod scan;
mod scope;
pub mod table;
mod token;

pub use config::{AccessConfig, Cors};
pub(crate) use decide::decide_known;
pub use decide::{Decision, decide, decide_psubscribe, decide_subscribe};
pub use document::{ConfigError, Document};
pub use limits::{Limits, SomeLimits};
pub use minted::{Claims, SigningKey};
pub use profile::{Allow, Profile, Role};
pub use rate::{RateLimiter, Wait};
pub use refusal::Refusal;
pub use scan::ScanFilter;
pub use scope::Scope;
pub use token::{Credentials, Digest, Secret, Tokens, Unauthorized, bearer};
