//! Redis without a bridge, by its own tool.

use std::process::Command;

use crate::requests::VALUE_BYTES;
use servers::redis::RedisServer;

/// What `redis-benchmark` says of GET.
#[derive(Clone, Copy, Debug)]
pub struct Direct {
    pub commands_per_second: f64,
    pub p50_us: f64,
    pub p99_us: f64,
}

/// Runs `redis-benchmark` with this number of GETs.
pub fn get(redis: &RedisServer, connections: usize, pipeline: usize, commands: usize) -> Direct {
    // It reads one key, which has to be there.
    let key = "key:__rand_int__";
    if redis.cli(&["STRLEN", key]) == "0" {
        redis.cli(&["SET", key, &"v".repeat(VALUE_BYTES)]);
    }
    let mut command = Command::new("redis-benchmark");
    command.args(["-p", &redis.port.to_string(), "-t", "get", "--csv"]);
    for (option, number) in [("-c", connections), ("-P", pipeline), ("-n", commands)] {
        command.args([option, &number.to_string()]);
    }
    let output = command.output().expect("redis-benchmark does not start: is redis-tools installed?");
    let text = String::from_utf8_lossy(&output.stdout);
    // "GET","rps","avg","min","p50","p95","p99","max", all in milliseconds
    let line = text.lines().rfind(|line| line.starts_with("\"GET\"")).expect("redis-benchmark prints a line for GET");
    let fields: Vec<f64> = line.split(',').skip(1).map(|field| field.trim_matches('"').parse().unwrap()).collect();
    Direct { commands_per_second: fields[0], p50_us: fields[3] * 1000.0, p99_us: fields[5] * 1000.0 }
}
