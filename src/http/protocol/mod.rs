//! The Upstash Redis REST protocol: what goes over the wire between the bridge and its clients.
//!
//! Nothing here does I/O or knows a command's meaning; it turns commands and replies into bytes and back.

mod command;
mod reply;

pub use command::Command;
pub use reply::Reply;
