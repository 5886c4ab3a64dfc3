//! One Redis or Valkey.

use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::clock::ServerClock;
use super::{Folder, eventually, free_port};

/// What a server is started with.
#[derive(Clone, Default)]
pub struct Options {
    /// Lines of its configuration, such as `maxmemory 10mb`.
    pub config: Vec<String>,
    /// Another program than `redis-server`.
    pub program: Option<PathBuf>,
    /// Listens on a Unix socket and on no port.
    pub unix: bool,
    /// Talks TLS only.
    pub tls: bool,
    pub clock: Option<ServerClock>,
}

impl Options {
    pub fn config(lines: &[&str]) -> Self {
        Self { config: lines.iter().map(|&line| line.to_owned()).collect(), ..Self::default() }
    }
}

/// Certificates as PEM, made for one server.
pub struct Certificates {
    pub ca: String,
    pub client: String,
    pub client_key: String,
}

/// A running server.
pub struct RedisServer {
    process: Option<Child>,
    folder: Folder,
    options: Options,
    pub port: u16,
    pub certificates: Option<Certificates>,
}

impl RedisServer {
    /// A server on a port, with nothing special.
    pub fn plain() -> Self {
        Self::start(Options::default())
    }

    /// Starts a server and waits until it answers.
    pub fn start(options: Options) -> Self {
        let folder = Folder::new();
        let certificates = options.tls.then(|| certificates(&folder));
        let mut server = Self { process: None, folder, options, port: 0, certificates };
        // Somebody else may take the port between the search and the start.
        for _ in 0..5 {
            server.port = free_port();
            if server.try_start() {
                return server;
            }
        }
        panic!("redis-server does not start; on Debian and Ubuntu: apt-get install redis-server\n{}", server.log());
    }

    fn try_start(&mut self) -> bool {
        let program = self.options.program.clone().unwrap_or_else(|| "redis-server".into());
        let mut command = Command::new(program);
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        command.current_dir(self.folder.path()).stdin(Stdio::null()).stderr(log.try_clone().unwrap()).stdout(log);
        command.arg("-").stdin(Stdio::piped());
        if let Some(clock) = &self.options.clock {
            clock.apply(&mut command);
        }
        let mut process = command.spawn().expect("the server does not start: is redis-server installed?");
        let (port, socket) = (self.port, self.socket());
        let listening = if self.options.unix {
            format!("port 0\nunixsocket {}", socket.display())
        } else if self.options.tls {
            let files = "tls-cert-file server.pem\ntls-key-file server.key\ntls-ca-cert-file ca.pem";
            format!("port 0\ntls-port {port}\n{files}")
        } else {
            format!("port {port}")
        };
        let (folder, more) = (self.folder.path().display(), self.options.config.join("\n"));
        let config = format!("bind 127.0.0.1\nsave \"\"\ndir {folder}\n{listening}\n{more}\n");
        let mut stdin = process.stdin.take().unwrap();
        std::io::Write::write_all(&mut stdin, config.as_bytes()).unwrap();
        drop(stdin);
        let listens = eventually("redis-server to listen or to end", || {
            if process.try_wait().unwrap().is_some() {
                return Some(false);
            }
            let listens = if self.options.unix {
                std::os::unix::net::UnixStream::connect(self.socket()).is_ok()
            } else {
                TcpStream::connect(("127.0.0.1", self.port)).is_ok()
            };
            listens.then_some(true)
        });
        self.process = Some(process);
        listens
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// The URL, without user and password.
    pub fn url(&self) -> String {
        match &self.options {
            Options { unix: true, .. } => format!("unix://{}", self.socket().display()),
            Options { tls: true, .. } => format!("rediss://localhost:{}", self.port),
            _ => format!("redis://127.0.0.1:{}", self.port),
        }
    }

    /// Ends the server at once, as a crash does.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Starts it again after [`kill`](Self::kill), on the same port. It is empty then.
    pub fn restart(&mut self) {
        assert!(self.process.is_none() && self.try_start(), "it does not start again\n{}", self.log());
    }

    /// Adds a line to the configuration of the next start.
    pub fn set_config(&mut self, line: &str) {
        self.options.config.push(line.to_owned());
    }

    /// Stops the process where it is, until [`thaw`](Self::thaw). Its connections stay open.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let process = self.process.as_ref().expect("it runs");
        assert!(Command::new("kill").args([signal, &process.id().to_string()]).status().unwrap().success());
    }

    /// What `redis-cli` prints for a command.
    pub fn cli(&self, args: &[&str]) -> String {
        let mut command = Command::new("redis-cli");
        if self.options.unix {
            command.arg("-s").arg(self.socket());
        } else {
            command.args(["-p", &self.port.to_string()]);
        }
        let output = command.args(args).output().expect("redis-cli does not start; is redis-tools installed?");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Writes an authority and a server's certificate into the folder of a server.
fn certificates(folder: &Folder) -> Certificates {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
    let ca_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = authority.self_signed(&ca_key).unwrap();
    let issuer = Issuer::from_params(&authority, &ca_key);
    let issue = |names: &[&str]| {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names.clone()).unwrap();
        params.distinguished_name.push(DnType::CommonName, names[0].as_str());
        let certificate = params.signed_by(&key, &issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    };
    let (server, server_key) = issue(&["localhost", "127.0.0.1"]);
    let (client, client_key) = issue(&["client"]);
    for (name, text) in [("ca.pem", &ca.pem()), ("server.pem", &server), ("server.key", &server_key)] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    Certificates { ca: ca.pem(), client, client_key }
}
