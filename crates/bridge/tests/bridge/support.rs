//! The bridge as a process: start, log, signals, end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use crate::client::{Caller, client};
use servers::clock::ServerClock;
use servers::redis::{Options, RedisServer};
use servers::{Folder, PATIENCE, eventually};

/// The store behind a bridge.
pub enum StoreKind {
    Memory,
    Redis(RedisServer),
    /// A server that the test does not own, at a URL.
    Url(String),
}

impl StoreKind {
    pub fn memory() -> Self {
        Self::Memory
    }

    pub fn redis() -> Self {
        Self::Redis(RedisServer::start(Options::default()))
    }

    pub fn is_redis(&self) -> bool {
        !matches!(self, Self::Memory)
    }

    fn url(&self) -> String {
        match self {
            Self::Memory => "memory".into(),
            Self::Redis(server) => server.url(),
            Self::Url(url) => url.clone(),
        }
    }
}

/// Limits that a busy machine does not reach: a bridge has them where the configuration of a test does not say otherwise.
const PATIENT: [&str; 4] = ["command-timeout", "head-timeout", "body-timeout", "write-timeout"];

/// A configuration with these limits.
fn patient(config: &str) -> String {
    const HEAD: &str = "[server]\n";
    let (before, section) = config.split_once(HEAD).unwrap_or((config, ""));
    let own = || section.lines().take_while(|line| !line.starts_with('['));
    let missing = PATIENT.iter().filter(|name| !own().any(|line| line.starts_with(**name)));
    let limits: Vec<String> = missing.map(|name| format!("{name} = \"5m\"\n")).collect();
    format!("{before}\n{HEAD}{}{section}", limits.concat())
}

/// The configuration and the options of a bridge.
#[derive(Clone, Default)]
pub struct Start {
    /// The text of its configuration file; none if empty. `{folder}` in it is a folder of this start's own.
    pub config: String,
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
    pub clock: Option<ServerClock>,
    /// The folder for files that outlive one run.
    pub folder: Option<Arc<Folder>>,
    /// The command that runs it, with its first arguments, if it is not run directly.
    pub runner: Vec<String>,
    /// Whether a bridge that runs has no configuration file if the text is empty, and the default limits.
    pub is_bare: bool,
    /// Whether the file has the limits of [`patient`].
    pub is_patient: bool,
}

impl Start {
    pub fn config(text: impl Into<String>) -> Self {
        Self { config: text.into(), ..Self::default() }
    }

    pub fn args(args: &[&str]) -> Self {
        Self::default().arg(args)
    }

    pub fn arg(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|&arg| arg.to_owned()));
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// The folder, created if it does not exist.
    pub fn folder(&mut self) -> Arc<Folder> {
        Arc::clone(self.folder.get_or_insert_with(|| Arc::new(Folder::new())))
    }

    /// The command `isocache serve`, with the configuration file written.
    fn command(&mut self) -> Command {
        let mut words = self.runner.iter().map(String::as_str).chain([env!("CARGO_BIN_EXE_isocache")]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words);
        for name in ["ISOCACHE_TOKEN", "ISOCACHE_READ_ONLY_TOKEN", "ISOCACHE_STORE", "RUST_LOG"] {
            command.env_remove(name);
        }
        command.arg("serve").args(&self.args);
        if !self.args.iter().any(|arg| arg == "--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        if !self.config.is_empty() || self.is_patient {
            command.arg("--config").arg(self.config_file());
        }
        if let Some(clock) = &self.clock {
            clock.apply(&mut command);
        }
        command
    }

    /// Writes the configuration file.
    pub fn config_file(&mut self) -> PathBuf {
        let folder = self.folder();
        let file = folder.path().join("isocache.toml");
        let config = if self.is_patient { patient(&self.config) } else { self.config.clone() };
        let text = config.replace("{folder}", &folder.path().display().to_string());
        std::fs::write(&file, text).unwrap();
        file
    }

    /// Runs a bridge that must fail to start.
    pub fn fails(mut self) -> Output {
        let mut command = self.command();
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let ended = ends(&mut process);
        if ended.is_none() {
            let _ = process.kill();
        }
        let output = process.wait_with_output().unwrap();
        assert!(ended.is_some(), "it started: {output:?}");
        output
    }
}

/// How a process ended; `None` if it does not end in time.
fn ends(process: &mut Child) -> Option<ExitStatus> {
    let started = std::time::Instant::now();
    while started.elapsed() < PATIENCE {
        if let Some(status) = process.try_wait().unwrap() {
            return Some(status);
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    None
}

/// A running bridge and its store. Dropping it ends the process.
pub struct Bridge {
    process: Child,
    pub address: SocketAddr,
    pub scheme: String,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
    pub client: reqwest::Client,
    pub store: StoreKind,
    pub start: Start,
}

impl Bridge {
    /// Starts a bridge, and waits until it listens, and is connected with the Redis of its own that runs.
    pub fn start(store: StoreKind, mut start: Start) -> Self {
        start.is_patient = !start.is_bare;
        let mut command = start.command();
        // A configuration may name the store itself.
        if !start.config.contains("[store]\nurl") && !start.env.iter().any(|(name, _)| name == "ISOCACHE_STORE") {
            command.args(["--store", &store.url()]);
        }
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let reader = collect(process.stderr.take().unwrap(), Arc::clone(&log));
        let (sender, line) = mpsc::channel();
        let stdout = process.stdout.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let line = line.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            let _ = process.kill();
            panic!("the bridge does not start: {}", text(&log))
        });
        let url = line.strip_prefix("isocache: listening on ").unwrap_or_else(|| panic!("{line}"));
        let (scheme, address) = url.split_once("://").unwrap();
        let (scheme, address) = (scheme.to_owned(), address.parse().unwrap());
        let bridge = Self { process, address, scheme, log, reader: Some(reader), client: client(), store, start };
        if matches!(&bridge.store, StoreKind::Redis(server) if server.runs()) && bridge.scheme == "http" {
            bridge.reaches_its_store();
        }
        bridge
    }

    /// Waits until it is connected with its store, for which it takes a second at most: a busy machine may need more.
    pub fn reaches_its_store(&self) {
        eventually("the bridge to reach its store", || {
            let mut stream = TcpStream::connect(self.address).ok()?;
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            write!(stream, "GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").ok()?;
            let mut response = String::new();
            stream.read_to_string(&mut response).ok()?;
            response.starts_with("HTTP/1.1 200 ").then_some(())
        });
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// A caller with a token.
    pub fn caller(&self, token: &str) -> Caller {
        Caller { client: self.client.clone(), base: self.url(""), token: Some(token.into()) }
    }

    /// A caller without a token.
    pub fn nobody(&self) -> Caller {
        Caller { token: None, ..self.caller("") }
    }

    /// The Redis behind it.
    pub fn redis(&mut self) -> &mut RedisServer {
        let StoreKind::Redis(server) = &mut self.store else { panic!("there is no Redis") };
        server
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        text(&self.log)
    }

    /// Waits until its log has these words.
    pub fn logs(&self, words: &str) {
        eventually(words, || self.log().contains(words).then_some(()));
    }

    /// Where it serves its metrics without a token, started with `--metrics-listen 127.0.0.1:0`.
    pub fn metrics_address(&self) -> SocketAddr {
        eventually("the address of the metrics", || {
            let log = self.log();
            let (_, rest) = log.split_once("metrics on http://")?;
            rest.split_once("/metrics")?.0.parse().ok()
        })
    }

    /// Sends it a signal, such as `-TERM`.
    pub fn signal(&self, signal: &str) {
        send(signal, self.process.id());
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits for its end. Returns how it ended, and its log.
    pub fn wait(mut self) -> (ExitStatus, String, StoreKind, Start) {
        let status = ends(&mut self.process).unwrap_or_else(|| panic!("the bridge does not end: {}", self.log()));
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        let log = self.log();
        (status, log, std::mem::replace(&mut self.store, StoreKind::Memory), std::mem::take(&mut self.start))
    }

    /// Ends it with SIGTERM. It must exit successfully.
    pub fn stop(self) -> (String, StoreKind, Start) {
        self.signal("-TERM");
        let (status, log, store, start) = self.wait();
        assert_eq!(status.code(), Some(0), "{log}");
        (log, store, start)
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Sends a signal to a process.
pub fn send(signal: &str, process: u32) {
    assert!(Command::new("kill").args([signal, &process.to_string()]).status().unwrap().success());
}

fn text(log: &Mutex<String>) -> String {
    log.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn collect(mut from: impl Read + Send + 'static, into: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..read]);
            into.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
        }
    })
}

/// Runs another command of `isocache` with this standard input, and with a clock if one is given.
pub fn isocache(args: &[&str], input: &str, clock: Option<&ServerClock>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_isocache"));
    if let Some(clock) = clock {
        clock.apply(&mut command);
    }
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    // It may end before it has read its input.
    let _ = process.stdin.take().unwrap().write_all(input.as_bytes());
    process.wait_with_output().unwrap()
}
