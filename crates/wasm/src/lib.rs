//! The WebAssembly interface of the npm package: it only converts numbers.
//!
//! Keys and values stay in JavaScript. A lookup makes no call: JavaScript writes the stamp of the slot it found into
//! the engine's table, and takes victims from the engine's queue itself. `Engine::tables` describes what it may do, and
//! the header in `slots.rs` how the two exchange state.
//!
//! Functions take and return only numbers, and their names begin with `engine_`: JavaScript calls them without the glue
//! that wasm-bindgen would generate. `pkg/src/wasm.ts` declares them.

#![cfg(all(target_arch = "wasm32", target_os = "unknown"))]
#![forbid(unsafe_code)]

mod pattern;
mod slots;

use lol_alloc::{FreeListAllocator, LockedAllocator};

/// The smallest allocator that frees memory. Speed does not matter: the engine allocates rarely and in large blocks.
#[global_allocator]
static ALLOCATOR: LockedAllocator<FreeListAllocator> = LockedAllocator::new(FreeListAllocator::new());

/// Addresses and lengths have 32 bits on this target.
#[allow(clippy::cast_possible_truncation)]
fn address<E>(pointer: *const E) -> u32 {
    pointer as usize as u32
}

#[allow(clippy::cast_possible_truncation)]
fn length(length: usize) -> u32 {
    length as u32
}

/// Pushes onto a list. Returns false if memory cannot be allocated.
fn push<E>(list: &mut Vec<E>, one: E) -> bool {
    if list.len() == list.capacity() && list.try_reserve(1).is_err() {
        return false;
    }
    // Without this check, there would be a path that panics.
    if list.len() < list.capacity() {
        list.push(one);
    }
    true
}
