//! Cache-aside: look, and load what is not there, once for everybody who asks meanwhile.
//!
//! | file | concern |
//! |---|---|
//! | `machine.rs`, `windows.rs` | what is decided, by numbers alone: the npm package uses the same |
//! | `flights.rs` | the flights of a provider by key, who waits, and writes that win over them |
//! | `scope.rs` | to which flight the running code belongs |
//! | `lease.rs` | whose turn it is among processes |
//! | `once.rs` | work that is shared, and not stored |
//! | `call.rs`, `aside.rs`, `sync.rs` | a call from its lookup to its answer, and the methods that make one |
//! | `options.rs`, `loaded.rs`, `monitor.rs`, `runtime.rs`, `random.rs` | what callers say and get |

mod aside;
mod call;
mod flights;
mod lease;
mod loaded;
pub(crate) mod machine;
mod monitor;
pub(crate) mod once;
mod options;
pub(crate) mod random;
mod runtime;
mod scope;
mod sync;
pub(crate) mod windows;

pub use aside::CacheAside;
#[cfg(feature = "macros")]
pub(crate) use aside::get;
pub use flights::{Flights, Write};
pub use lease::Leases;
pub use loaded::{LoadError, Loaded};
pub use monitor::{LoadStats, Monitor};
pub use options::{LoadOptions, OnError};
pub use runtime::Runtime;
