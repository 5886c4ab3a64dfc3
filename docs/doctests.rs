//! Runs the Rust examples of the README and the pages beside this file, as doctests.
//!
//! A page with Rust blocks that is not in this list fails `tests/js/docs.test.mjs`.

/// A module for each page, whose documentation is the page.
macro_rules! pages {
    ($($module:ident: $path:literal,)*) => {
        $(
            #[doc = include_str!($path)]
            pub mod $module {}
        )*
    };
}

pages! {
    readme: "../README.md",
}
