//! One Redis or Valkey.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::clock::ServerClock;
use super::process::{Process, run};
use super::{Folder, eventually, free_port};

/// The options of a server.
#[derive(Clone, Default)]
pub struct Options {
    /// Lines of its configuration, such as `maxmemory 10mb`.
    pub config: Vec<String>,
    /// Another program instead of `redis-server`.
    pub program: Option<PathBuf>,
    /// Listens on a Unix socket and not on a port.
    pub unix: bool,
    /// Accepts only TLS.
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
    process: Option<Process>,
    folder: Folder,
    options: Options,
    pub port: u16,
    pub certificates: Option<Certificates>,
}

impl RedisServer {
    /// Starts a server on a port, with default options.
    pub fn plain() -> Self {
        Self::start(Options::default())
    }

    /// Starts a server and waits until it replies.
    pub fn start(options: Options) -> Self {
        let folder = Folder::new();
        let certificates = options.tls.then(|| certificates(&folder));
        let mut server = Self { process: None, folder, options, port: 0, certificates };
        // Another process may take the port between the search and the start.
        for _ in 0..5 {
            server.port = free_port();
            if server.try_start() {
                return server;
            }
        }
        panic!("the server ends as soon as it starts\n{}", server.log());
    }

    fn try_start(&mut self) -> bool {
        let program = self.options.program.clone().unwrap_or_else(|| "redis-server".into());
        let mut command = Command::new(program);
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        command.current_dir(self.folder.path()).stderr(log.try_clone().unwrap()).stdout(log);
        command.arg("-").stdin(Stdio::piped());
        if let Some(clock) = &self.options.clock {
            clock.apply(&mut command);
        }
        let mut process = Process::start(&mut command, self.folder.path())
            .expect("the server does not start; on Debian and Ubuntu: apt-get install redis-server");
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
        let mut stdin = process.stdin().unwrap();
        std::io::Write::write_all(&mut stdin, config.as_bytes()).unwrap();
        drop(stdin);
        // The server's own log tells, before it loads its data: a reply at the port may come from another server while
        // ours finds the port taken.
        let listens = eventually("the server to listen or to end", || {
            let ready = self.log().contains("Server initialized");
            if process.has_ended() { Some(false) } else { ready.then_some(true) }
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

    /// Ends the server at once, like a crash.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it again after [`kill`](Self::kill), on the same port. It is then empty.
    pub fn restart(&mut self) {
        assert!(self.process.is_none() && self.try_start(), "it does not start again\n{}", self.log());
    }

    /// Adds a line to the configuration of the next start.
    pub fn set_config(&mut self, line: &str) {
        self.options.config.push(line.to_owned());
    }

    /// Suspends the process until [`thaw`](Self::thaw). Its connections stay open.
    pub fn freeze(&self) {
        self.process.as_ref().expect("it runs").freeze(true);
    }

    pub fn thaw(&self) {
        self.process.as_ref().expect("it runs").freeze(false);
    }

    pub fn runs(&self) -> bool {
        self.process.is_some()
    }

    /// The ID of its process.
    pub fn process_id(&self) -> u32 {
        self.process.as_ref().expect("it runs").id()
    }

    /// Runs a command with `redis-cli`, and returns its output; with TLS, as the client with the generated certificate.
    pub fn cli(&self, args: &[&str]) -> String {
        let mut command = Command::new("redis-cli");
        if self.options.unix {
            command.arg("-s").arg(self.socket());
        } else {
            command.args(["-p", &self.port.to_string()]);
        }
        if self.options.tls {
            command.current_dir(self.folder.path());
            command.args(["--tls", "--cacert", "ca.pem", "--cert", "client.pem", "--key", "client.key"]);
        }
        let output = run(command.args(args));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }
}

/// Writes an authority, and the certificates of a server and a client, into the folder of a server.
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
    let ca = ca.pem();
    let server = [("ca.pem", &ca), ("server.pem", &server), ("server.key", &server_key)];
    for (name, text) in server.into_iter().chain([("client.pem", &client), ("client.key", &client_key)]) {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    Certificates { ca, client, client_key }
}
