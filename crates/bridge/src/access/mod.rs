//! Access: tokens, their rights, and the decision on every command. It does no I/O and reads no clock.
//!
//! [`authorize()`] is the only way to the store.

mod authorize;
mod config;
mod document;
pub mod keys;
mod limits;
mod options;
mod profile;
mod refusal;
mod request_quota;
mod scan;
mod scope;
pub mod signed_token;
pub mod table;
mod token;

pub(crate) use authorize::authorize_known;
pub use authorize::{Decision, authorize, authorize_psubscribe, authorize_subscribe};
pub use config::{AccessConfig, Cors};
pub use document::{ConfigError, Document};
pub use limits::{Limits, SomeLimits};
pub use profile::{Allow, Profile, Role};
pub use refusal::Refusal;
pub use request_quota::{RequestQuota, Wait};
pub use scan::ScanFilter;
pub use scope::Scope;
pub use signed_token::{Claims, SigningKey};
pub use token::{Credentials, Digest, Secret, Tokens, Unauthorized, bearer};
