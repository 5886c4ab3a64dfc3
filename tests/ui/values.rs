use isocache::{MemoryCacheProvider, cached};
use std::sync::LazyLock;

#[derive(Clone)]
pub struct User;

#[cached]
async fn not_serialize(id: u64) -> Option<User> { None }

static NUMBERS: LazyLock<MemoryCacheProvider<u64>> = LazyLock::new(MemoryCacheProvider::default);

#[cached(provider = NUMBERS)]
async fn other_values(id: u64) -> String { id.to_string() }

#[cached(provider = 5)]
async fn no_provider(id: u64) -> u64 { id }

#[cached(provider = isocache::default_cache())]
fn not_in_memory(id: u64) -> u64 { id }

fn main() {}
