//! Implements the traits of a provider that wraps a [`Remote`](super::Remote) in a field named `remote`.

/// Implements [`CacheProvider`](crate::CacheProvider), [`CounterProvider`](crate::CounterProvider) and the other traits
/// that remote providers share.
macro_rules! delegate_to_remote {
    ($provider:ident) => {
        impl<T: MaybeSend, S: Serializer<T>> CacheProvider<T> for $provider<T, S> {
            fn get(&self, key: &str) -> impl Future<Output = Result<Option<T>>> + MaybeSend {
                self.remote.get(key)
            }

            fn set(&self, key: &str, value: T, ttl: Option<Duration>) -> impl Future<Output = Result<()>> + MaybeSend {
                self.remote.set(key, &value, ttl)
            }

            fn delete(&self, key: &str) -> impl Future<Output = Result<bool>> + MaybeSend {
                self.remote.delete(key)
            }

            fn exists(&self, key: &str) -> impl Future<Output = Result<bool>> + MaybeSend {
                self.remote.exists(key)
            }

            fn clear_pattern(&self, pattern: &str) -> impl Future<Output = Result<u64>> + MaybeSend {
                self.remote.clear_pattern(pattern)
            }

            fn get_stats(&self) -> impl Future<Output = Result<CacheStats>> + MaybeSend {
                self.remote.get_stats()
            }

            fn get_with_ttl(&self, key: &str) -> impl Future<Output = Result<Option<WithTtl<T>>>> + MaybeSend {
                self.remote.get_with_ttl(key)
            }

            fn get_many(&self, keys: &[&str]) -> impl Future<Output = Result<Vec<Option<T>>>> + MaybeSend {
                self.remote.get_many(keys)
            }

            fn set_many(
                &self,
                entries: Vec<(&str, T, Option<Duration>)>,
            ) -> impl Future<Output = Result<()>> + MaybeSend {
                self.remote.set_many(entries)
            }

            fn delete_many(&self, keys: &[&str]) -> impl Future<Output = Result<u64>> + MaybeSend {
                self.remote.delete_many(keys)
            }

            fn loading(&self) -> Option<&dyn $crate::Loading<T>> {
                Some(&self.remote)
            }
        }

        impl<T: MaybeSend, S: Serializer<T>> CounterProvider for $provider<T, S> {
            fn increment(
                &self,
                key: &str,
                by: i64,
                ttl: Option<Duration>,
            ) -> impl Future<Output = Result<i64>> + MaybeSend {
                self.remote.increment(key, by, ttl)
            }

            fn increment_within(
                &self,
                key: &str,
                by: i64,
                bounds: std::ops::RangeInclusive<i64>,
                ttl: Option<Duration>,
            ) -> impl Future<Output = Result<$crate::BoundedIncrement>> + MaybeSend {
                self.remote.increment_within(key, by, bounds, ttl)
            }
        }

        impl<T: MaybeSend, S: Serializer<T>> $crate::TouchProvider<T> for $provider<T, S> {
            fn ttl(&self, key: &str) -> impl Future<Output = Result<Option<Duration>>> + MaybeSend {
                self.remote.ttl(key)
            }

            fn touch(&self, key: &str, ttl: Option<Duration>) -> impl Future<Output = Result<bool>> + MaybeSend {
                self.remote.touch(key, ttl)
            }

            fn get_and_touch(
                &self,
                key: &str,
                ttl: Option<Duration>,
            ) -> impl Future<Output = Result<Option<T>>> + MaybeSend {
                self.remote.get_and_touch(key, ttl)
            }
        }

        impl<T: MaybeSend, S: Serializer<T>> $crate::KeysProvider for $provider<T, S> {
            fn keys<'a>(&'a self, pattern: &str) -> Result<$crate::Keys<'a>> {
                self.remote.keys(pattern)
            }

            fn exists_many(&self, keys: &[&str]) -> impl Future<Output = Result<Vec<bool>>> + MaybeSend {
                self.remote.exists_many(keys)
            }

            fn delete_many_each(&self, keys: &[&str]) -> impl Future<Output = Result<Vec<bool>>> + MaybeSend {
                self.remote.delete_many_each(keys)
            }
        }

        impl<T: MaybeSend, S: Serializer<T>> $crate::AtomicProvider<T> for $provider<T, S> {
            fn set_if_absent(
                &self,
                key: &str,
                value: T,
                ttl: Option<Duration>,
            ) -> impl Future<Output = Result<bool>> + MaybeSend {
                self.remote.set_if_absent(key, &value, ttl)
            }

            fn get_and_delete(&self, key: &str) -> impl Future<Output = Result<Option<T>>> + MaybeSend {
                self.remote.get_and_delete(key)
            }

            fn replace(
                &self,
                key: &str,
                value: T,
                ttl: Option<Duration>,
            ) -> impl Future<Output = Result<bool>> + MaybeSend {
                self.remote.replace(key, &value, ttl)
            }
        }

        impl<T, S> Clone for $provider<T, S> {
            fn clone(&self) -> Self {
                Self { remote: self.remote.clone() }
            }
        }
    };
}

pub(crate) use delegate_to_remote;
