//! The compile errors of `#[cached]`. `TRYBUILD=overwrite` rewrites the expected outputs.

#[test]
fn errors() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
