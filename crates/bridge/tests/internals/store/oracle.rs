//! A real Redis without a client library in between, so that tests see its exact replies and errors.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use isocache_protocol::{Command, Reply};

use super::support::Folder;

const LIMIT: Duration = Duration::from_secs(300);

/// A server with one database and without a port. It ends with the test.
pub struct Oracle {
    process: Child,
    stream: BufReader<UnixStream>,
    _folder: Folder,
}

impl Oracle {
    pub fn start() -> Self {
        let folder = Folder::new();
        let socket = folder.path().join("redis.sock");
        let mut process = std::process::Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--databases", "1", "--unixsocket"])
            .arg(&socket)
            .arg("--dir")
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server does not start; on Debian and Ubuntu: apt-get install redis-server");
        let started = Instant::now();
        let stream = loop {
            match UnixStream::connect(&socket) {
                Ok(stream) => break stream,
                Err(error) if started.elapsed() > LIMIT => {
                    let _ = process.kill();
                    let _ = process.wait();
                    panic!("redis-server does not reply: {error}");
                }
                Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
        };
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_write_timeout(Some(LIMIT)).unwrap();
        Self { process, stream: BufReader::new(stream), _folder: folder }
    }

    pub fn run(&mut self, commands: &[Command]) -> Vec<Reply> {
        let mut request = Vec::new();
        for command in commands {
            request.extend_from_slice(format!("*{}\r\n", command.len()).as_bytes());
            for arg in command.args() {
                request.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
                request.extend_from_slice(arg);
                request.extend_from_slice(b"\r\n");
            }
        }
        self.stream.get_mut().write_all(&request).unwrap();
        commands.iter().map(|_| self.reply()).collect()
    }

    /// The reply to `EXEC`: the list, or the text of the error.
    pub fn transaction(&mut self, commands: &[Command]) -> Result<Vec<Reply>, String> {
        let all: Vec<Command> = [["MULTI"].iter().collect()]
            .into_iter()
            .chain(commands.iter().cloned())
            .chain([["EXEC"].iter().collect()])
            .collect();
        match self.run(&all).pop() {
            Some(Reply::Array(replies)) => Ok(replies),
            Some(Reply::Error(text)) => Err(String::from_utf8(text.to_vec()).unwrap()),
            other => panic!("no reply to EXEC: {other:?}"),
        }
    }

    fn reply(&mut self) -> Reply {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line).unwrap();
        assert!(line.ends_with(b"\r\n"), "redis-server went away");
        line.truncate(line.len() - 2);
        let kind = line.remove(0);
        let number = || std::str::from_utf8(&line).unwrap().parse::<i64>().unwrap();
        match kind {
            b'+' => Reply::Status(line.into()),
            b'-' => Reply::Error(line.into()),
            b':' => Reply::Integer(number()),
            b'$' | b'*' if number() < 0 => Reply::Nil,
            b'$' => {
                let mut bytes = vec![0; usize::try_from(number()).unwrap() + 2];
                self.stream.read_exact(&mut bytes).unwrap();
                bytes.truncate(bytes.len() - 2);
                Reply::bulk(bytes)
            }
            b'*' => Reply::Array((0..number()).map(|_| self.reply()).collect()),
            other => panic!("not RESP2: {other}"),
        }
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
