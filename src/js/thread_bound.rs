//! JavaScript objects in providers, which must be `Send` and `Sync`.
//!
//! A JavaScript object cannot leave its thread. So it is kept in a thread-local table, and the provider holds its
//! number.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use super::object::Object;

thread_local! {
    static OBJECTS: RefCell<BTreeMap<u32, Object>> = const { RefCell::new(BTreeMap::new()) };
}

/// The number of an object in the table. Dropping it removes the object.
pub(super) struct ThreadBound(u32);

impl ThreadBound {
    pub(super) fn new(object: Object) -> Self {
        // One counter for all threads, so that the number is unknown on any other thread.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        OBJECTS.with_borrow_mut(|objects| objects.insert(number, object));
        Self(number)
    }

    /// Returns the object; `None` on any thread but its own.
    pub(super) fn object(&self) -> Option<Object> {
        OBJECTS.with_borrow(|objects| objects.get(&self.0).cloned())
    }
}

impl Drop for ThreadBound {
    fn drop(&mut self) {
        // Fails while the thread ends, when the table is already gone.
        let object = OBJECTS.try_with(|objects| objects.borrow_mut().remove(&self.0));
        drop(object);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen::{JsCast, JsValue};
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn an_object_goes_with_its_holder() {
        let count = || OBJECTS.with_borrow(BTreeMap::len);
        let before = count();
        let held = ThreadBound::new(JsValue::from_str("it").unchecked_into());
        let other = ThreadBound::new(JsValue::NULL.unchecked_into());
        assert_eq!(JsValue::from(held.object().unwrap()), JsValue::from_str("it"));
        assert_eq!(count(), before + 2);
        drop(held);
        assert_eq!(JsValue::from(other.object().unwrap()), JsValue::NULL);
        drop(other);
        assert_eq!(count(), before);
    }
}
