//! From a `SET` by somebody else to the drop of the near copy: what tracking takes.

use std::fmt::Write;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use isocache::{CacheProvider, Invalidation, InvalidationSource, RedisCacheProvider};
use tokio::runtime::Runtime;

/// How long one announcement may take before the measurement is given up.
const LIMIT: Duration = Duration::from_secs(10);

/// Microseconds of each write, sorted.
pub struct Lag(Vec<f64>);

impl Lag {
    /// Writes one key after the other, and waits for the announcement of each.
    pub fn measure(runtime: &Runtime, url: &str, writes: usize) -> Self {
        let far = || RedisCacheProvider::<u64>::builder(url).namespace("lag").build().expect("the URL is valid");
        let (sender, events) = channel();
        let source = far().invalidations();
        let announce = std::sync::Arc::new(move |event| drop(sender.send((event, Instant::now()))));
        let running = runtime.spawn(source.run(None, announce));
        wait(&events, |event| matches!(event, Invalidation::Connected { .. }));
        let writer = far();
        let mut times = Vec::with_capacity(writes);
        for number in 0..writes as u64 {
            let begun = Instant::now();
            runtime.block_on(writer.set("k", number, None)).expect("the server runs");
            let announced = wait(&events, |event| matches!(event, Invalidation::Keys { .. }));
            times.push(announced.duration_since(begun).as_secs_f64() * 1e6);
        }
        running.abort();
        times.sort_by(f64::total_cmp);
        Self(times)
    }

    pub fn markdown(&self) -> String {
        let mut text = String::from("\n## From a SET to the announcement of its key, microseconds\n\n");
        text += "Native tracking, from before the SET is sent by another connection of this process.\n\n";
        text += "| writes | p50 | p99 |\n|---|---|---|\n";
        let at = |hundredths: usize| self.0[(self.0.len() - 1) * hundredths / 100];
        let _ = writeln!(text, "| {} | {:.0} | {:.0} |", self.0.len(), at(50), at(99));
        text
    }
}

/// When the first event that is meant came.
fn wait(events: &Receiver<(Invalidation, Instant)>, is_meant: impl Fn(&Invalidation) -> bool) -> Instant {
    loop {
        let (event, time) = events.recv_timeout(LIMIT).expect("the source announces");
        if is_meant(&event) {
            return time;
        }
    }
}
