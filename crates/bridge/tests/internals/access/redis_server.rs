//! A redis-server on a Unix socket that ends with the test.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redis::{Client, Connection, Value};

const LIMIT: Duration = Duration::from_secs(300);

pub struct Server {
    process: Child,
    folder: PathBuf,
}

impl Server {
    pub fn start(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("isocache-access-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let process = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--unixsocket"])
            .arg(socket(&folder))
            .arg("--dir")
            .arg(&folder)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server does not start; on Debian and Ubuntu: apt-get install redis-server");
        Self { process, folder }
    }

    /// A connection, once the server listens.
    pub fn connect(&self) -> Connection {
        let client = Client::open(format!("unix://{}", socket(&self.folder).display())).unwrap();
        let started = Instant::now();
        let connection = loop {
            match client.get_connection() {
                Ok(connection) => break connection,
                Err(error) => assert!(started.elapsed() < LIMIT, "redis-server does not reply: {error}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        connection.set_read_timeout(Some(LIMIT)).unwrap();
        connection.set_write_timeout(Some(LIMIT)).unwrap();
        connection
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("redis.sock")
}

/// A key that Redis finds in a command, and whether it reads and writes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    pub key: Vec<u8>,
    pub reads: bool,
    pub writes: bool,
}

/// The replies of `COMMAND GETKEYSANDFLAGS`; `None` if Redis finds no keys or an error.
pub fn keys_of(connection: &mut Connection, commands: &[isocache_protocol::Command]) -> Vec<Option<Vec<Found>>> {
    let mut replies = Vec::with_capacity(commands.len());
    for some in commands.chunks(500) {
        let mut pipe = redis::pipe();
        for command in some {
            let ask = pipe.cmd("COMMAND").arg("GETKEYSANDFLAGS");
            command.args().for_each(|arg| {
                ask.arg(arg);
            });
        }
        let packed = pipe.get_packed_pipeline();
        connection.send_packed(&packed);
        for _ in some {
            replies.push(connection.receive().map(|value| found(&value)));
        }
    }
    replies
}

trait Raw {
    fn send_packed(&mut self, bytes: &[u8]);
    fn receive(&mut self) -> Option<Value>;
}

impl Raw for Connection {
    fn send_packed(&mut self, bytes: &[u8]) {
        self.send_packed_command(bytes).expect("redis-server takes commands");
    }

    fn receive(&mut self) -> Option<Value> {
        match self.recv_response() {
            Ok(Value::ServerError(_)) => None,
            Ok(value) => Some(value),
            Err(error) if error.is_io_error() || error.is_timeout() => panic!("redis-server went away: {error}"),
            Err(_) => None,
        }
    }
}

fn found(value: &Value) -> Vec<Found> {
    let Value::Array(keys) = value else { panic!("not a list of keys: {value:?}") };
    let flags = |value: &Value| -> Vec<String> { redis::from_redis_value(value.clone()).unwrap() };
    let mut found: Vec<Found> = keys
        .iter()
        .map(|pair| {
            let Value::Array(pair) = pair else { panic!("not a key with flags: {pair:?}") };
            let [Value::BulkString(key), names] = &pair[..] else { panic!("not a key with flags: {pair:?}") };
            let (reads, writes) = access_of(&flags(names));
            Found { key: key.clone(), reads, writes }
        })
        .collect();
    found.sort();
    found
}

/// What the flags of a key mean, as in the ACLs of Redis. A key without any tells at least whether it is there.
pub fn access_of(flags: &[String]) -> (bool, bool) {
    let any = |names: &[&str]| flags.iter().any(|flag| names.contains(&flag.as_str()));
    let writes = any(&["insert", "delete", "update"]);
    (any(&["access"]) || !writes, writes)
}
