//! What is built on providers: the rate limiter, the invalidator and the session store.
#![cfg(not(target_arch = "wasm32"))]

mod invalidator;
mod limiter;
mod limiter_vectors;
mod sessions;
mod sliding_window;
mod token_bucket;
mod tower;
mod uncounted;
mod user_sessions;
