//! Processes that end: servers with the test, and commands within a time limit.

use std::io::Read;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::thread::spawn;

use super::{eventually, within};

/// A server's process. It ends when this is dropped, and also when the test is killed or never drops it, as with values
/// in statics: a shell beside it waits for its input to end, which the system closes with the test.
pub struct Process {
    server: Child,
    watcher: Child,
    /// Held open, never written to.
    _alive: ChildStdin,
}

impl Process {
    /// `folder` is removed with the process if the test is killed.
    pub fn start(command: &mut Command, folder: &Path) -> std::io::Result<Self> {
        let server = command.spawn()?;
        let script = r#"read -r _; kill -KILL "$1" 2>/dev/null; rm -rf "$2""#;
        let mut watcher = Command::new("sh");
        watcher.args(["-c", script, "sh", &server.id().to_string()]).arg(folder);
        // It inherits no output, because a reader of the output waits for all its writers to end.
        watcher.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // A separate process group, so that an interrupt from the keyboard does not stop it.
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

    /// Suspends the process, or lets it continue.
    pub fn freeze(&self, frozen: bool) {
        let signal = if frozen { "-STOP" } else { "-CONT" };
        let status = Command::new("sh").args(["-c", r#"kill "$0" "$1""#, signal, &self.id().to_string()]).status();
        assert!(status.unwrap().success(), "no signal {signal}");
        // A signal may arrive a little later than it was sent. Without such a file, this has to do.
        eventually("the signal to arrive", || {
            let Ok(state) = std::fs::read_to_string(format!("/proc/{}/stat", self.id())) else { return Some(()) };
            let stopped = state.rsplit(')').next().is_some_and(|rest| rest.starts_with(" T"));
            (stopped == frozen).then_some(())
        });
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The watcher goes first: once the server has been waited for, another process may have its number.
        for child in [&mut self.watcher, &mut self.server] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Runs a command, and returns its output and status.
///
/// # Panics
/// If it cannot be started, or does not end within [`PATIENCE`](super::PATIENCE).
pub fn run(command: &mut Command) -> Output {
    run_within(command, super::PATIENCE)
}

/// [`run`] with another limit, for slower commands.
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
