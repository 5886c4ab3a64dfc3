//! The commands of the page, run one after the other in an empty folder, as a reader would.
//!
//! In a block of `sh`, each line is a command, and the comments after it are what it prints. A bridge is started in the
//! background and ends when the next one is started; so does a stream, whose lines may take their time. Positions are
//! compared without their epoch, which is random. A block of `toml` that begins with the name of a file is that file.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use super::markdown::blocks;
use servers::process::{Process, run};
use servers::redis::RedisServer;
use servers::{Folder, eventually, free_port};

/// A command and what it should print, if the page says.
#[derive(Default)]
struct Step {
    command: String,
    prints: Vec<String>,
}

fn steps(lines: &[String]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut goes_on = false;
    for line in lines {
        let printed = line.strip_prefix('#').filter(|_| !goes_on);
        match (printed, steps.last_mut()) {
            (Some(printed), Some(step)) => step.prints.push(printed.strip_prefix(' ').unwrap_or(printed).into()),
            (None, Some(step)) if goes_on => step.command.extend(["\n", line]),
            _ => steps.push(Step { command: line.clone(), ..Step::default() }),
        }
        goes_on = line.ends_with('\\');
    }
    steps
}

/// A stream of events, and what should come.
struct Stream {
    step: Step,
    log: String,
    _process: Process,
}

/// Without the epochs of positions, which are 16 hexadecimal digits before a hyphen.
fn without_epochs(text: &str) -> String {
    let is_epoch = |word: &str| word.len() == 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let parts: Vec<&str> = text.split('-').collect();
    let shorten = |part: &str| match part.len().checked_sub(16).and_then(|at| part.split_at_checked(at)) {
        Some((before, word)) if is_epoch(word) => format!("{before}epoch"),
        _ => part.to_owned(),
    };
    parts.into_iter().map(shorten).collect::<Vec<_>>().join("-")
}

/// Whether an event is there only to show that the stream is open.
fn is_heartbeat(event: &str) -> bool {
    event == ": heartbeat" || event.contains("event: heartbeat")
}

struct Reader {
    folder: Folder,
    ports: [(&'static str, u16); 3],
    bridge: Option<Process>,
    streams: Vec<Stream>,
}

impl Reader {
    /// With ports that are free in the place of those of the page.
    fn own(&self, text: &str) -> String {
        self.ports.iter().fold(text.to_owned(), |text, (port, own)| text.replace(port, &own.to_string()))
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// A shell that knows the variables of those before it, and hands its own on.
    fn shell(&self, script: &str) -> Command {
        let mut command = Command::new("bash");
        let script = format!("set -euo pipefail -o allexport\n. ./variables\n{script}\nexport -p > variables");
        let binaries = Path::new(env!("CARGO_BIN_EXE_isocache")).parent().unwrap();
        let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap());
        command.args(["-c", &script]).current_dir(self.folder.path()).env("PATH", path);
        // Nobody's settings of the bridge or of curl.
        command.env("HOME", self.folder.path()).env("NO_PROXY", "*");
        for name in ["ISOCACHE_TOKEN", "ISOCACHE_READ_ONLY_TOKEN", "ISOCACHE_STORE", "RUST_LOG"] {
            command.env_remove(name);
        }
        command
    }

    fn background(&self, script: &str, output: &str) -> Process {
        let file = File::create(self.path(output)).unwrap();
        let mut shell = self.shell(script);
        Process::start(shell.stdout(file.try_clone().unwrap()).stderr(file), self.folder.path()).unwrap()
    }

    fn follow(&mut self, step: Step) {
        let command = self.own(&step.command);
        if command.contains("isocache serve") && !command.contains("--check") {
            assert!(step.prints.is_empty(), "what a bridge prints is not compared");
            self.end_bridge();
            // On the free port, where the page leaves it at the usual one.
            let serve = format!("exec isocache serve --listen 127.0.0.1:{}", self.ports[0].1);
            let mut bridge = self.background(&command.replace("isocache serve", &serve), "bridge.log");
            eventually("the bridge to listen", || {
                assert!(!bridge.has_ended(), "{command}\n{}", self.read("bridge.log"));
                self.read("bridge.log").contains("isocache: listening on").then_some(())
            });
            if command.contains("redis://") {
                // For the connection it takes a second at most, and a busy machine may need more.
                let ready = format!("curl -sf --noproxy '*' http://127.0.0.1:{}/readyz", self.ports[0].1);
                eventually("Redis to reply", || run(&mut self.shell(&ready)).status.success().then_some(()));
            }
            self.bridge = Some(bridge);
        } else if command.starts_with("curl -N") {
            let log = format!("stream-{}.log", self.streams.len());
            let process = self.background(&format!("exec {command} -s"), &log);
            eventually("the stream to begin", || self.read(&log).contains("data: ").then_some(()));
            self.streams.push(Stream { step, log, _process: process });
        } else {
            let output = run(&mut self.shell(&command));
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{command}\n{said}\n{}", self.read("bridge.log"));
            let printed = String::from_utf8(output.stdout).unwrap();
            let [printed, expected] = [printed, step.prints.join("\n")].map(|text| without_epochs(text.trim_end()));
            assert_eq!(printed, expected, "{command}\n{said}");
        }
    }

    fn end_bridge(&mut self) {
        for stream in std::mem::take(&mut self.streams) {
            let expected = without_epochs(&stream.step.prints.join("\n"));
            let events = |text: &str| text.matches("\n\n").count();
            let wanted = events(&(expected.clone() + "\n"));
            let text = eventually("all events of the stream", || {
                let text = without_epochs(&self.read(&stream.log));
                let heard: Vec<&str> =
                    text.split_inclusive("\n\n").filter(|event| !is_heartbeat(event.trim_end())).collect();
                let text = heard.concat();
                (events(&text) >= wanted).then_some(text)
            });
            assert_eq!(text.trim_end(), expected.trim_end());
        }
        let Some(mut bridge) = self.bridge.take() else { return };
        assert!(run(&mut self.shell(&format!("kill {}", bridge.id()))).status.success());
        eventually("the bridge to end", || bridge.has_ended().then_some(()));
    }
}

#[test]
fn the_commands_print_the_documented_output() {
    let redis = RedisServer::plain();
    let ports = [("8079", free_port()), ("9079", free_port()), ("6379", redis.port)];
    let mut reader = Reader { folder: Folder::new(), ports, bridge: None, streams: Vec::new() };
    fs::write(reader.path("variables"), "").unwrap();
    let (mut run, mut compared) = (0, 0);
    for block in blocks() {
        match block.language.as_str() {
            "sh" => {
                for step in steps(&block.lines) {
                    run += 1;
                    compared += usize::from(!step.prints.is_empty());
                    reader.follow(step);
                }
            }
            "toml" => {
                let name = block.lines[0].strip_prefix("# ").expect("a file has its name in its first line");
                fs::write(reader.path(name), reader.own(&block.lines.join("\n"))).unwrap();
            }
            "js" => {}
            other => panic!("a block of {other:?} is neither run nor known to be for reading"),
        }
    }
    reader.end_bridge();
    // The snapshot of the last one.
    assert!(reader.path("cache.snapshot").exists());
    assert!(run >= 30 && compared >= 25, "only {run} commands were run, and {compared} compared");
}
