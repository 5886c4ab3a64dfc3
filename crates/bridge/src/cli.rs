//! The command line.
// What stands above arguments is shown in a terminal, not as Markdown.
#![allow(clippy::doc_markdown, rustdoc::bare_urls)]

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use isocache::Ttl;

use super::access::{Claims, Digest, Role, Scope};
use super::{serve, sign};

/// One cache for browsers, edge workers and servers: a store behind HTTP.
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
    /// The store is in memory unless --store says otherwise. Without any token the bridge listens on loopback only, and
    /// asks nobody for one. For anything beyond a try, give it a configuration file: it has tokens of different rights,
    /// limits, origins and TLS.
    #[command(after_help = "Examples:
  isocache serve
  curl http://127.0.0.1:8079/set/greeting/hello
  curl http://127.0.0.1:8079/get/greeting

  ISOCACHE_TOKEN=$(openssl rand -hex 32) isocache serve --store redis://127.0.0.1:6379
  isocache serve --config isocache.toml")]
    Serve(Serve),
    /// Make tokens, and hashes of tokens
    #[command(subcommand)]
    Token(Token),
}

/// What `serve` takes. It goes before what the configuration file says.
#[derive(Args, Debug, Default)]
pub struct Serve {
    /// The configuration file, in TOML
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where to listen; port 0 takes a free one [default: 127.0.0.1:8079]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// What is behind the bridge: `memory`, or a URL: redis://, rediss://, redis-cluster://, redis-sentinel:// [default: memory]
    #[arg(long, value_name = "STORE", env = "ISOCACHE_STORE", hide_env_values = true)]
    pub store: Option<String>,
    /// A token that may do everything that can be passed on; better given as the variable
    #[arg(long, value_name = "TOKEN", env = "ISOCACHE_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// A token that may only read
    #[arg(long, value_name = "TOKEN", env = "ISOCACHE_READ_ONLY_TOKEN", hide_env_values = true)]
    pub read_only_token: Option<String>,
    /// An origin whose pages may ask, such as https://app.example; can be given several times
    #[arg(long, value_name = "ORIGIN")]
    pub allow_origin: Vec<String>,
    /// The file in which the store in memory survives a restart
    #[arg(long, value_name = "FILE")]
    pub snapshot: Option<PathBuf>,
    /// Where to serve /metrics without a token
    #[arg(long, value_name = "ADDRESS")]
    pub metrics_listen: Option<SocketAddr>,
    /// A folder of files to serve to browsers beside the protocol
    #[arg(long, value_name = "FOLDER")]
    pub page: Option<PathBuf>,
    /// A folder for a path below the page, as /isocache/=pkg/dist; can be given several times
    #[arg(long, value_name = "PATH=FOLDER", value_parser = mount)]
    pub page_mount: Vec<(String, PathBuf)>,
    /// On how many threads requests are answered [default: one for each processor]
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// How many connections there may be; those beyond are closed [default: 8192]
    #[arg(long, value_name = "N")]
    pub max_connections: Option<NonZeroUsize>,
    /// How logs are written to standard error
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}

/// How logs are written.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Debug, Subcommand)]
enum Token {
    /// Sign a short-lived token for a browser, with a key of the configuration file
    Mint(Mint),
    /// Print the SHA-256 of a token, which is what the configuration file holds; the token is read from standard input
    Hash,
}

/// What `token mint` takes.
#[derive(Args, Debug)]
pub struct Mint {
    /// The configuration file with the signing keys
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// The signing key; the first one unless told otherwise
    #[arg(long, value_name = "ID")]
    pub key: Option<String>,
    /// Which keys it may reach: those that begin so; can be given several times
    #[arg(long, value_name = "PREFIX", required = true)]
    pub prefix: Vec<String>,
    /// read-only (ro) or read-write (rw)
    #[arg(long, value_name = "ROLE", value_parser = role, default_value = "read-only")]
    pub role: Role,
    /// How long it lives: 90, "30s", "15m", "1h"
    #[arg(long, value_name = "TTL", default_value = "15m")]
    pub ttl: Ttl,
    /// The only origin from which it may be used
    #[arg(long, value_name = "ORIGIN")]
    pub origin: Option<String>,
    /// Which channels it may subscribe to: those that begin so; can be given several times
    #[arg(long, value_name = "PREFIX")]
    pub channel: Vec<String>,
}

fn mount(text: &str) -> Result<(String, PathBuf), String> {
    let (path, folder) = text.split_once('=').ok_or("is written as /path/=folder")?;
    if path.starts_with('/') && path.ends_with('/') {
        Ok((path.to_owned(), folder.into()))
    } else {
        Err("the path begins and ends with a slash".into())
    }
}

fn role(text: &str) -> Result<Role, String> {
    match text {
        "read-only" | "ro" => Ok(Role::ReadOnly),
        "read-write" | "rw" => Ok(Role::ReadWrite),
        _ => Err("is one of read-only (ro), read-write (rw)".into()),
    }
}

/// Runs the command line; the code that the process ends with.
pub fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve(arguments) => serve::main(arguments),
        Command::Token(Token::Mint(arguments)) => sign::main(&arguments).map(|token| println!("{token}")),
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
        return Err("no token on standard input".into());
    }
    println!("{}", Digest::of(token.as_bytes()));
    Ok(())
}

impl Mint {
    /// The claims of the token, which is signed by that key at `now`, in seconds since 1970.
    pub(super) fn claims(&self, key: &str, now: u64) -> Result<Claims, String> {
        let ttl = std::time::Duration::from(self.ttl).as_secs().max(1);
        Ok(Claims {
            key: key.to_owned(),
            role: self.role,
            prefixes: Scope::prefixes(&self.prefix)?,
            channels: Scope::prefixes(&self.channel)?,
            exp: now.saturating_add(ttl),
            nbf: None,
            sub: None,
            origin: self.origin.clone(),
            limits: None,
        })
    }
}
