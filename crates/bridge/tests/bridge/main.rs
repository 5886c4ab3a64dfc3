//! `isocache serve` as a process, tested over the network: attacks, failures, and exact replies.
#![cfg(all(unix, not(target_arch = "wasm32")))]

mod attacks;
mod client;
mod deploy;
mod docs;
mod faults;
mod invalidations;
mod replies;
mod support;
mod tenants;

/// Runs each function, which takes a [`support::StoreKind`], as two tests: with the store in memory, and with a Redis.
macro_rules! on_both_stores {
    ($($name:ident),+ $(,)?) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::support::StoreKind::memory()).await;
            })+
        }
        mod redis {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::support::StoreKind::redis()).await;
            })+
        }
    };
}
use on_both_stores;
