//! A process for each peer, so that none profits from what another one has allocated or warmed up.

use std::io::{BufRead, BufReader, Result, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::peers::{PEERS, Peer};
use crate::speed::{Run, Scenario};

/// A process that runs scenarios of one peer, one after another, when it is told to.
pub struct Process {
    child: Child,
    orders: ChildStdin,
    results: BufReader<ChildStdout>,
}

impl Process {
    /// Starts this program again, with the same options.
    pub fn start(peer: &Peer, options: &[String]) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--peer", peer.name]).args(options).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let (orders, results) = (child.stdin.take().expect("it is piped"), child.stdout.take().expect("it is piped"));
        Ok(Self { child, orders, results: BufReader::new(results) })
    }

    /// Runs the scenario of this number once.
    pub fn run(&mut self, scenario: usize) -> Result<Run> {
        writeln!(self.orders, "{scenario}")?;
        let mut line = String::new();
        self.results.read_line(&mut line)?;
        let mut numbers = line.split_whitespace().map(|number| number.parse().expect("the process prints numbers"));
        let mut next = || numbers.next().expect("the process prints two numbers");
        Ok(Run { ns: next(), hit_ratio: next() })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// What such a process does.
pub fn serve(name: &str, scenarios: &[Scenario<'_>]) -> Result<()> {
    let peer = PEERS.iter().find(|peer| peer.name == name).expect("the peer is in the list");
    for line in std::io::stdin().lines() {
        let scenario = &scenarios[line?.parse::<usize>().expect("a number of a scenario")];
        pin(scenario.threads == 1);
        let run = (peer.run)(scenario);
        println!("{} {}", run.ns, run.hit_ratio);
    }
    Ok(())
}

/// Keeps this process on the last processor, or allows it all of them.
#[cfg(target_os = "linux")]
fn pin(to_one: bool) {
    use rustix::thread::{CpuSet, sched_setaffinity};
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let all = ALL.get_or_init(|| processors);
    let mut set = CpuSet::new();
    (0..*all).filter(|at| !to_one || at + 1 == *all).for_each(|at| set.set(at));
    // Where it is not allowed, the rounds spread more.
    _ = sched_setaffinity(None, &set);
}

/// The processors before this process was pinned.
#[cfg(target_os = "linux")]
static ALL: std::sync::OnceLock<usize> = std::sync::OnceLock::new();

#[cfg(not(target_os = "linux"))]
fn pin(_to_one: bool) {}
