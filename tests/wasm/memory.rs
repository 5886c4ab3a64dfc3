//! The memory cache, compiled to wasm.

use wasm_bindgen_test::wasm_bindgen_test;

use crate::conformance::memory::memory;
use crate::conformance::{check_table, count, every, for_each_rule, get_with_ttl, run};

macro_rules! rule {
    ($rule:ident, $number:literal) => {
        #[wasm_bindgen_test]
        async fn $rule() {
            assert_eq!(run($number, every, memory).await, count($number, every));
        }
    };
}
for_each_rule!(rule);

#[wasm_bindgen_test]
async fn get_with_ttl_tells_what_is_left() {
    get_with_ttl(memory).await;
}

#[wasm_bindgen_test]
fn the_table_is_whole() {
    check_table();
}
