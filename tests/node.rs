//! The rules for providers in WebAssembly, in Node: `wasm-pack test --node -- --test node`.
#![cfg(target_arch = "wasm32")]

mod conformance;

use conformance::memory::memory;
use conformance::{check_table, count, every, for_each_rule, get_with_ttl, run};
use wasm_bindgen_test::wasm_bindgen_test;

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
