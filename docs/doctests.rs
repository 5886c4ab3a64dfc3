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
    index: "index.md",
    start: "start/rust.md",
    loading: "guide/loading.md",
    single_flight: "guide/single-flight.md",
    freshness: "guide/freshness.md",
    keys: "guide/keys.md",
    invalidation: "guide/invalidation.md",
    tags: "guide/tags.md",
    limiter: "guide/limiter.md",
    sessions: "guide/sessions.md",
    leases: "guide/leases.md",
    memory: "guide/memory.md",
    http: "guide/http.md",
    coherence: "coherence.md",
    sizing: "sizing.md",
    from_cached: "migrate/cached.md",
    from_moka: "migrate/moka.md",
}
