//! Hit ratios of eviction policies over recorded accesses, for the command `isocache simulate`.
//!
//! [`Input`] reads accesses from bytes as they arrive, [`Simulation`] runs policies over them at several sizes, and
//! [`Report`] shows the result.
//!
//! ```
//! use isocache_simulate::{Input, InputOptions, Policy, Simulation};
//!
//! let mut input = Input::new(InputOptions::default());
//! input.push(b"a\nb\na\nc\nb\n")?;
//! let recorded = input.finish()?;
//! let simulation = Simulation { policies: vec![Policy::Lru, Policy::Optimum], sizes: Some(vec![1, 2, 3]) };
//! let report = simulation.run(&recorded, |_done, _of| {});
//! assert_eq!(report.hits(Policy::Lru, 2), Some(1));
//! assert_eq!(report.hits(Policy::Optimum, 2), Some(2));
//! # Ok::<(), String>(())
//! ```

#![forbid(unsafe_code)]

mod formats;
mod input;
mod policies;
mod report;
mod run;
mod sizes;
mod trace;

pub use formats::Format;
pub use input::{Input, InputOptions, Recorded, UnreadableLine};
pub use policies::Policy;
pub use report::{Cell, Recommendation, Report};
pub use run::Simulation;
pub use sizes::parse_sizes;
pub use trace::{MAX_REQUESTS, Trace};
