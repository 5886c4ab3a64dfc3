//! The cache in the memory of the process.

mod asynchronous;
mod builder;
mod count;
mod entry;
mod provider;
mod renew;
mod shared;
pub(crate) mod table;

pub use builder::MemoryCacheBuilder;
pub use count::Count;
pub use provider::MemoryCacheProvider;
