//! The in-process cache.

mod advice;
mod atomic;
mod builder;
mod cache;
mod counter;
mod entry;
mod ghosts;
mod iterate;
mod loading;
mod locks;
mod namespace;
mod near_copies;
mod part;
mod provider;
mod shards;
mod shared;
pub(crate) mod table;
#[cfg(test)]
mod tests;
mod touch;

pub use builder::MemoryCacheBuilder;
pub use cache::MemoryCache;
pub use counter::Count;
pub use entry::OnOversize;
pub use iterate::DumpedEntry;
pub use provider::MemoryCacheProvider;
