//! The command line.
// The comments above arguments appear in a terminal, not as Markdown.
#![allow(clippy::doc_markdown, rustdoc::bare_urls)]

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use super::access::{Claims, Digest, Role, Scope};
use super::values::{parse_address, parse_duration};
use super::{serve, sign, simulate};

/// One cache for browsers, edge workers and servers: a store behind HTTP
#[derive(Debug, Parser)]
#[command(name = "isocache", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a store over HTTP with the Upstash Redis REST protocol
    ///
    /// The store is in memory unless --store names another. Without any token the bridge listens on loopback only and asks
    /// for no token. For anything beyond a first try, use a configuration file: it has tokens with different rights,
    /// limits, origins and TLS.
    #[command(after_help = "Examples:
  isocache serve
  curl http://127.0.0.1:8079/set/greeting/hello
  curl http://127.0.0.1:8079/get/greeting

  ISOCACHE_TOKEN=$(openssl rand -hex 32) isocache serve --store redis://127.0.0.1:6379
  isocache serve --config isocache.toml --check
  isocache serve --config isocache.toml")]
    Serve(Box<Serve>),
    /// Find the right size and eviction policy of a cache from recorded accesses
    ///
    /// Prints the hit ratio that a cache would have had, for each policy and size, and the smallest size within one
    /// percentage point of the best. The accesses are an access log, or any list of the keys that were looked up.
    #[command(after_help = "Examples:
  isocache simulate access.log
  isocache simulate access.log --sizes 1k,10k,100k --chart hit-ratio.svg
  isocache simulate requests.csv --column key --output json
  zstd -dc requests.jsonl.zst | isocache simulate - --field request.path")]
    Simulate(Box<simulate::Simulate>),
    /// Sign tokens, and hash tokens
    #[command(subcommand)]
    Token(Token),
}

/// The options of `serve`. They override the configuration file.
#[derive(Args, Clone, Debug, Default)]
pub struct Serve {
    /// The configuration file, in TOML. SIGHUP reads it again
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Check the configuration, the certificates and the store, and exit
    #[arg(long)]
    pub check: bool,
    /// The IP address and the port to listen on; port 0 picks a free one [default: 127.0.0.1:8079]
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    pub listen: Option<SocketAddr>,
    /// `memory`, or the URL of a Redis: redis://, rediss://, redis-cluster://, redis-sentinel:// [default: memory]
    #[arg(long, value_name = "STORE", env = "ISOCACHE_STORE", hide_env_values = true)]
    pub store: Option<String>,
    /// A file with the certificate authorities of Redis, as PEM [default: those of the system]
    #[arg(long, value_name = "FILE")]
    pub store_ca_certificate: Option<PathBuf>,
    /// A file with the client certificate for Redis, as PEM
    #[arg(long, value_name = "FILE", requires = "store_client_key")]
    pub store_client_certificate: Option<PathBuf>,
    /// A file with the private key of the client certificate, as PEM
    #[arg(long, value_name = "FILE", requires = "store_client_certificate")]
    pub store_client_key: Option<PathBuf>,
    /// The ACL user of Redis, instead of the URL's
    #[arg(long, value_name = "NAME")]
    pub store_username: Option<String>,
    /// A file with the password of Redis, which is read again for each connection
    #[arg(long, value_name = "FILE")]
    pub store_password_file: Option<PathBuf>,
    /// The ACL user of the Sentinels themselves
    #[arg(long, value_name = "NAME")]
    pub store_sentinel_username: Option<String>,
    /// The password of the Sentinels themselves; better given as the variable
    #[arg(long, value_name = "PASSWORD", env = "ISOCACHE_SENTINEL_PASSWORD", hide_env_values = true)]
    pub store_sentinel_password: Option<String>,
    /// A token with the role admin; better given as the variable
    #[arg(long, value_name = "TOKEN", env = "ISOCACHE_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// A token that may only read
    #[arg(long, value_name = "TOKEN", env = "ISOCACHE_READ_ONLY_TOKEN", hide_env_values = true)]
    pub read_only_token: Option<String>,
    /// An origin whose pages may use the bridge, such as https://app.example; may be repeated
    #[arg(long, value_name = "ORIGIN")]
    pub allow_origin: Vec<String>,
    /// A request header that these pages may send, such as traceparent; may be repeated
    #[arg(long, value_name = "NAME")]
    pub allow_header: Vec<String>,
    /// The file that keeps the store in memory across restarts
    #[arg(long, value_name = "FILE")]
    pub snapshot: Option<PathBuf>,
    /// Where to serve /metrics without a token
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    pub metrics_listen: Option<SocketAddr>,
    /// A folder of static files to serve besides the protocol
    #[arg(long, value_name = "FOLDER")]
    pub static_files: Option<PathBuf>,
    /// A folder to serve below a path, as in /isocache/=pkg/dist; may be repeated
    #[arg(long, value_name = "PATH=FOLDER", value_parser = mount, requires = "static_files")]
    pub static_mount: Vec<(String, PathBuf)>,
    /// The number of threads [default: one for each processor]
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// The maximum number of connections; more are closed [default: 8192]
    #[arg(long, value_name = "N")]
    pub max_connections: Option<NonZeroUsize>,
    /// How long to keep the port open after SIGTERM while /readyz returns 503, such as 10s [default: 0s]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub shutdown_delay: Option<Duration>,
    /// The format of the logs on standard error
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}

/// The format of the logs.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

#[derive(Debug, Subcommand)]
enum Token {
    /// Sign a short-lived token, for example for a browser, with a key of the configuration file
    #[command(alias = "mint")]
    Sign(Sign),
    /// Print the SHA-256 of a token for the configuration file; the token is read from standard input
    Hash,
}

/// The options of `token sign`.
#[derive(Args, Debug)]
pub struct Sign {
    /// The configuration file with the signing keys
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// The signing key [default: the first one]
    #[arg(long, value_name = "ID")]
    pub key: Option<String>,
    /// A prefix of the keys that the token may use; may be repeated
    #[arg(long, value_name = "PREFIX", required = true)]
    pub prefix: Vec<String>,
    /// read-only (ro) or read-write (rw)
    #[arg(long, value_name = "ROLE", value_parser = role, default_value = "read-only")]
    pub role: Role,
    /// How long the token is valid, such as 30s, 15m or 1h
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "15m")]
    pub ttl: Duration,
    /// The only origin from which the token may be used
    #[arg(long, value_name = "ORIGIN")]
    pub origin: Option<String>,
    /// A prefix of the channels that the token may subscribe to; may be repeated
    #[arg(long, value_name = "PREFIX")]
    pub channel: Vec<String>,
}

fn mount(text: &str) -> Result<(String, PathBuf), String> {
    let (path, folder) = text.split_once('=').ok_or("write it as /path/=folder")?;
    if path.starts_with('/') && path.ends_with('/') {
        Ok((path.to_owned(), folder.into()))
    } else {
        Err(format!("the path {path:?} must begin and end with a slash, as in /path/=folder"))
    }
}

fn role(text: &str) -> Result<Role, String> {
    match text {
        "read-only" | "ro" => Ok(Role::ReadOnly),
        "read-write" | "rw" => Ok(Role::ReadWrite),
        _ => Err("the role is read-only (ro) or read-write (rw)".into()),
    }
}

/// Runs the command line and returns the exit code of the process.
pub fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve(arguments) => serve::main(*arguments),
        Command::Simulate(arguments) => simulate::main(&arguments),
        Command::Token(Token::Sign(arguments)) => sign::main(&arguments).map(|token| println!("{token}")),
        Command::Token(Token::Hash) => hash(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("isocache: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn hash() -> Result<(), String> {
    let mut token = String::new();
    std::io::stdin().read_line(&mut token).map_err(|error| format!("no token on standard input: {error}"))?;
    let token = token.trim_end_matches(['\r', '\n']);
    if token.is_empty() {
        return Err("no token on standard input: run `echo TOKEN | isocache token hash`".into());
    }
    println!("{}", Digest::of(token.as_bytes()));
    Ok(())
}

impl Sign {
    /// The claims of the token. `now` is in seconds since 1970.
    pub(super) fn claims(&self, key: &str, now: u64) -> Result<Claims, String> {
        if self.ttl.is_zero() {
            return Err("--ttl must be greater than 0".into());
        }
        Ok(Claims {
            key: key.to_owned(),
            role: self.role,
            prefixes: Scope::prefixes(&self.prefix)?,
            channels: Scope::prefixes(&self.channel)?,
            exp: now.saturating_add(self.ttl.as_secs().max(1)),
            nbf: None,
            sub: None,
            origin: self.origin.clone(),
            limits: None,
        })
    }
}
