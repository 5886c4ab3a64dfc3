//! The bridge as a process of its own, and what processes use.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use servers::redis::RedisServer;

/// The token of the bridges.
pub const TOKEN: &str = "a-token-that-is-only-good-for-benchmarks";

/// The unit of processor time in `/proc`, which is the same on all Linux systems.
const TICKS_PER_SECOND: f64 = 100.0;

/// A running bridge. It ends with its value.
pub struct Bridge {
    process: Child,
    pub address: SocketAddr,
}

impl Bridge {
    /// Starts a bridge before this store, with this number of threads and these options.
    pub fn start(store: &str, threads: usize, options: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_isocache"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--store", store, "--threads", &threads.to_string()]);
        command.args(options).env("ISOCACHE_TOKEN", TOKEN).env("RUST_LOG", "error");
        let mut process = command.stdout(Stdio::piped()).spawn().expect("the bridge does not start");
        let stdout = process.stdout.take().expect("it is piped");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("the bridge says where it listens");
        let address = line.trim().rsplit('/').next().and_then(|address| address.parse().ok());
        Self { process, address: address.expect("the line ends with an address") }
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The process of a server.
pub fn pid_of(redis: &RedisServer) -> u32 {
    let info = redis.cli(&["INFO", "server"]);
    let line = info.lines().find_map(|line| line.strip_prefix("process_id:"));
    line.and_then(|pid| pid.trim().parse().ok()).expect("INFO tells the process")
}

/// The processor time that a process has used, in seconds: its own and what the system did for it.
pub fn processor_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
    // The second field is a name in brackets, which may hold spaces; user and system time are the 14th and 15th.
    let (_, fields) = stat.rsplit_once(") ").expect("the name is in brackets");
    let ticks = fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<f64>().expect("a number"));
    ticks.sum::<f64>() / TICKS_PER_SECOND
}

/// The resident memory of a process, in bytes.
pub fn resident_bytes(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).and_then(|kib| kib.parse::<f64>().ok());
    kib.expect("VmRSS is there") * 1024.0
}
