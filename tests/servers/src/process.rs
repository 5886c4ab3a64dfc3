//! Processes that end: those that serve with the test, those that are asked in good time.

use std::io::Read;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::thread::spawn;

use super::{eventually, within};

/// A server's process. It ends when this is dropped, and also when the test itself is killed or never drops it, as values
/// in statics are not: a shell beside it waits for its input to end, which the system closes with the test.
pub struct Process {
    server: Child,
    watcher: Child,
    /// Held open, never written to.
    _alive: ChildStdin,
}

impl Process {
    /// `folder` goes with the process if the test is killed.
    pub fn start(command: &mut Command, folder: &Path) -> std::io::Result<Self> {
        let server = command.spawn()?;
        let script = r#"read -r _; kill -KILL "$1" 2>/dev/null; rm -rf "$2""#;
        let mut watcher = Command::new("sh");
        watcher.args(["-c", script, "sh", &server.id().to_string()]).arg(folder);
        // Of nobody's output, since whoever reads it waits for all its writers to end.
        watcher.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // A group of its own, so that what ends the test from the keyboard leaves it to its work.
        std::os::unix::process::CommandExt::process_group(&mut watcher, 0);
        let mut watcher = watcher.spawn()?;
        let alive = watcher.stdin.take().expect("it was asked for");
        Ok(Self { server, watcher, _alive: alive })
    }

    pub fn id(&self) -> u32 {
        self.server.id()
    }

    pub fn stdin(&mut self) -> Option<ChildStdin> {
        self.server.stdin.take()
    }

    pub fn has_ended(&mut self) -> bool {
        self.server.try_wait().unwrap().is_some()
    }

    /// Stops the process where it is, or lets it go on.
    pub fn freeze(&self, frozen: bool) {
        let signal = if frozen { "-STOP" } else { "-CONT" };
        let status = Command::new("sh").args(["-c", r#"kill "$0" "$1""#, signal, &self.id().to_string()]).status();
        assert!(status.unwrap().success(), "no signal {signal}");
        // A signal may arrive a little later than it was sent. Where there is no such file, that has to do.
        eventually("the signal to arrive", || {
            let Ok(state) = std::fs::read_to_string(format!("/proc/{}/stat", self.id())) else { return Some(()) };
            let stopped = state.rsplit(')').next().is_some_and(|rest| rest.starts_with(" T"));
            (stopped == frozen).then_some(())
        });
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The watcher goes first: once the server has been waited for, its number may be another's.
        for child in [&mut self.watcher, &mut self.server] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What a command prints and how it ends.
///
/// # Panics
/// If it cannot be started, or does not end within [`PATIENCE`](super::PATIENCE).
pub fn run(command: &mut Command) -> Output {
    run_within(command, super::PATIENCE)
}

/// [`run`] with another limit, for what takes longer.
pub fn run_within(command: &mut Command, limit: std::time::Duration) -> Output {
    fn read(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<Vec<u8>> {
        spawn(move || {
            let mut all = Vec::new();
            let _ = from.read_to_end(&mut all);
            all
        })
    }
    let program = command.get_program().display().to_string();
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.unwrap_or_else(|error| panic!("{program} does not start: {error}"));
    let (stdout, stderr) = (read(child.stdout.take().unwrap()), read(child.stderr.take().unwrap()));
    let Some(status) = within(limit, || child.try_wait().unwrap()) else {
        let _ = (child.kill(), child.wait());
        panic!("in vain waited for {program} to end");
    };
    Output { status, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() }
}
