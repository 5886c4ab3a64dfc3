//! The memory cache as a [`CacheProvider`]. Nothing here waits.

use std::time::Duration;

use super::provider::MemoryCacheProvider;
use crate::error::Result;
use crate::load::Flights;
use crate::provider::{CacheProvider, MaybeSend, WithTtl};
use crate::stats::CacheStats;

impl<T: Clone + Send + MaybeSend> CacheProvider<T> for MemoryCacheProvider<T> {
    async fn get(&self, key: &str) -> Result<Option<T>> {
        self.get_sync(key)
    }

    async fn set(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<()> {
        self.set_sync(key, value, ttl)
    }

    async fn delete(&self, key: &str) -> Result<bool> {
        self.delete_sync(key)
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        self.exists_sync(key)
    }

    async fn clear_pattern(&self, pattern: &str) -> Result<u64> {
        self.clear_pattern_sync(pattern)
    }

    async fn get_stats(&self) -> Result<CacheStats> {
        Ok(self.stats())
    }

    async fn get_with_ttl(&self, key: &str) -> Result<Option<WithTtl<T>>> {
        self.get_with_ttl_sync(key)
    }

    async fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<T>>> {
        self.get_many_sync(keys)
    }

    async fn set_many(&self, entries: Vec<(&str, T, Option<Duration>)>) -> Result<()> {
        self.set_many_sync(entries)
    }

    async fn delete_many(&self, keys: &[&str]) -> Result<u64> {
        self.delete_many_sync(keys)
    }

    fn get_now(&self, key: &str) -> Option<Result<Option<T>>> {
        Some(self.get_sync(key))
    }

    fn peek_now(&self, key: &str) -> Option<Result<Option<WithTtl<T>>>> {
        Some(self.peek_with_ttl(key))
    }

    fn flights(&self) -> Option<&Flights> {
        Some(&self.shared.flights)
    }
}
