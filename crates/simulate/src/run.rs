//! Runs policies over a trace.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::input::Recorded;
use crate::policies::Policy;
use crate::report::{Cell, Report, recommend};
use crate::sizes::automatic;
use crate::trace::Trace;

/// How often the interval around the recommended size is halved, if sizes are chosen automatically.
const REFINEMENTS: u32 = 5;

/// The policies and sizes to simulate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simulation {
    /// The policies, each once.
    pub policies: Vec<Policy>,
    /// The sizes in entries, in ascending order; by default they depend on the number of keys.
    pub sizes: Option<Vec<u32>>,
}

impl Default for Simulation {
    /// All policies, at sizes that are chosen automatically.
    fn default() -> Self {
        Self { policies: Policy::ALL.to_vec(), sizes: None }
    }
}

impl Simulation {
    /// Runs the simulation on all processors, or on one in WebAssembly. Calls `progress` from time to time with the
    /// work done and the total.
    pub fn run(&self, recorded: &Recorded, progress: impl Fn(usize, usize) + Sync) -> Report {
        let trace = &recorded.trace;
        let sizes = self.sizes.clone().unwrap_or_else(|| automatic(trace.keys()));
        // The most expensive first, so that no processor is left with one at the end.
        let of = |policy: &Policy| sizes.iter().map(|&size| (*policy, size)).collect::<Vec<_>>();
        let jobs: Vec<(Policy, u32)> = self.policies.iter().rev().flat_map(of).collect();
        let offered: Vec<Policy> = self.policies.iter().copied().filter(|policy| policy.is_offered()).collect();
        let later = if self.sizes.is_none() { offered.len() * REFINEMENTS as usize } else { 0 };
        let total = jobs.len() + later;
        let mut cells = on_all_processors(&jobs, trace, &|done| progress(done, total));
        cells.sort_by_key(|cell| (self.policies.iter().position(|&policy| policy == cell.policy), cell.size));
        let mut recommendations = Vec::new();
        for (policy, done) in offered.into_iter().zip(1..) {
            let own: Vec<Cell> = cells.iter().copied().filter(|cell| cell.policy == policy).collect();
            let refinements = if self.sizes.is_none() { REFINEMENTS } else { 0 };
            recommendations.extend(recommend(&own, trace, refinements));
            progress(jobs.len() + done * refinements as usize, total);
        }
        Report::new(recorded, sizes, self.policies.clone(), cells, recommendations)
    }
}

#[cfg(target_arch = "wasm32")]
fn on_all_processors(jobs: &[(Policy, u32)], trace: &Trace, progress: &(impl Fn(usize) + Sync)) -> Vec<Cell> {
    work(jobs, trace, progress, &AtomicUsize::new(0), &AtomicUsize::new(0))
}

#[cfg(not(target_arch = "wasm32"))]
fn on_all_processors(jobs: &[(Policy, u32)], trace: &Trace, progress: &(impl Fn(usize) + Sync)) -> Vec<Cell> {
    use std::sync::{Mutex, PoisonError};

    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let cells = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(jobs.len());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let own = work(jobs, trace, progress, &next, &done);
                cells.lock().unwrap_or_else(PoisonError::into_inner).extend(own);
            });
        }
    });
    cells.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Runs jobs until none are left.
fn work(
    jobs: &[(Policy, u32)],
    trace: &Trace,
    progress: &impl Fn(usize),
    next: &AtomicUsize,
    done: &AtomicUsize,
) -> Vec<Cell> {
    let mut cells = Vec::new();
    while let Some(&(policy, size)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
        cells.push(Cell::simulate(policy, size, trace));
        progress(done.fetch_add(1, Ordering::Relaxed) + 1);
    }
    cells
}
