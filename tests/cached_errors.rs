//! What `#[cached]` says of what it cannot do. To write the expected texts anew: `TRYBUILD=overwrite`.
#![cfg(not(target_arch = "wasm32"))]

#[test]
fn errors() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
