//! What `#[cached]` says of what it cannot do. To write the expected texts anew: `TRYBUILD=overwrite`.

#[test]
fn errors() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
