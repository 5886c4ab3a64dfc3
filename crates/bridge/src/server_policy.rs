//! Builds the [`Policy`] of the server from settings and options: everything that SIGHUP can replace while the server runs.

use std::sync::Arc;

use super::access::{Credentials, Digest, Profile, Role, Scope};
use super::cli::Serve;
use super::server::{Origins, Policy, ServerLimits};
use super::settings::Settings;

/// A token shorter than this can be guessed.
const SHORT_TOKEN: usize = 16;

/// The settings of the configuration file, overridden by the options.
pub(super) fn settings(arguments: &Serve) -> Result<Settings, String> {
    let mut settings = match &arguments.config {
        Some(path) => Settings::read(path)?,
        None => Settings::parse("", "", |_| None).map_err(|error| error.to_string())?,
    };
    if let Some(address) = arguments.listen {
        settings.listen.address = address;
    }
    if let Some(address) = arguments.metrics_listen {
        settings.listen.metrics = Some(address);
    }
    if let Some(limit) = arguments.max_connections {
        settings.server.max_connections = limit;
    }
    if let Some(delay) = arguments.shutdown_delay {
        settings.server.shutdown_delay = delay;
    }
    for origin in &arguments.allow_origin {
        settings.access.cors.add(origin.clone()).map_err(|problem| format!("--allow-origin: {problem}"))?;
    }
    for name in &arguments.allow_header {
        settings
            .access
            .cors
            .add_request_header(name.clone())
            .map_err(|problem| format!("--allow-header: {problem}"))?;
    }
    add_tokens(&mut settings, arguments)?;
    Ok(settings)
}

fn add_tokens(settings: &mut Settings, arguments: &Serve) -> Result<(), String> {
    let reader = || {
        let profile = Profile::scoped("read-only token", Role::ReadOnly, Scope::Everything);
        Profile { channels: Scope::Everything, ..profile }
    };
    let given = [(&arguments.token, Profile::admin("token")), (&arguments.read_only_token, reader())];
    for (token, mut profile) in given {
        let Some(token) = token else { continue };
        let name = &profile.name;
        if token.is_empty() {
            return Err(format!(
                "the {name} is empty: set it to a random text, such as the output of `openssl rand -hex 32`"
            ));
        }
        if token.starts_with("iso1.") {
            return Err(format!("the {name} begins with iso1., like a signed token: choose another"));
        }
        if token.len() < SHORT_TOKEN {
            let warning = format!("the {name} has fewer than {SHORT_TOKEN} characters and can be guessed");
            settings.access.warnings.push(warning);
        }
        profile.limits = settings.access.limits.over(&profile.limits);
        settings.access.tokens.add(Digest::of(token.as_bytes()), profile)?;
    }
    Ok(())
}

/// Takes the policy out of the settings, and logs the warnings.
pub(super) fn policy(settings: &mut Settings) -> Result<Policy, String> {
    let access = std::mem::take(&mut settings.access);
    let (listen, server) = (&settings.listen, &settings.server);
    for warning in &access.warnings {
        tracing::warn!("{warning}");
    }
    let address = listen.address;
    let anonymous = access.tokens.is_empty().then(|| {
        let profile = Profile::admin("anonymous");
        Arc::new(Profile { limits: access.limits.over(&profile.limits), ..profile })
    });
    if anonymous.is_some() {
        if !address.ip().is_loopback() {
            return Err(format!(
                "refusing to listen on {address} without a token, because anyone could use the store: set ISOCACHE_TOKEN, add \
                 a [[token]] to the configuration file, or listen on 127.0.0.1"
            ));
        }
        tracing::warn!(
            "no token is configured: every process on this machine has full access, and remote access is refused"
        );
    }
    let loopback = || ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned).to_vec();
    let hosts = listen.hosts.clone().or_else(|| address.ip().is_loopback().then(loopback));
    Ok(Policy {
        tokens: access.tokens,
        anonymous,
        credentials: Credentials { query: listen.query_token },
        origins: Origins::new(access.cors, hosts),
        limits: ServerLimits {
            body_timeout: server.body_timeout,
            max_in_flight: server.max_in_flight,
            max_streams: server.max_streams,
        },
        base_path: listen.base_path.trim_end_matches('/').to_owned(),
    })
}

/// The settings that only a restart changes, as strings to compare. Do not log them: they may contain passwords.
pub(super) fn fixed(settings: &Settings) -> Vec<(&'static str, String)> {
    let server = &settings.server;
    let secret = |secret: &Option<super::access::Secret>| {
        secret.as_ref().map(|secret| Digest::of(secret.expose().as_bytes()).to_string()).unwrap_or_default()
    };
    let store =
        format!("{:?} {} {}", settings.store, secret(&settings.store.url), secret(&settings.store.sentinel_password));
    vec![
        ("[listen] address", settings.listen.address.to_string()),
        ("[listen] metrics", format!("{:?}", settings.listen.metrics)),
        ("[tls], as a whole,", settings.tls.is_some().to_string()),
        ("[store]", store),
        ("[server] command-timeout", format!("{:?}", server.command_timeout)),
        ("[server] head-timeout", format!("{:?}", server.head_timeout)),
        ("[server] write-timeout", format!("{:?}", server.write_timeout)),
        ("[server] keep-alive", format!("{:?}", server.keep_alive)),
        ("[server] shutdown-delay", format!("{:?}", server.shutdown_delay)),
        ("[server] drain-timeout", format!("{:?}", server.drain_timeout)),
        ("[invalidations]", format!("{:?}", settings.announcements)),
        ("[server] max-connections", server.max_connections.to_string()),
    ]
}
