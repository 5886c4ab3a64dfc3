//! Addresses, durations and files, as the command line and the configuration file write them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use isocache::Policy;
use isocache::Ttl;
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

/// Parses an address to listen on: an IP address and a port, or `localhost` and a port.
///
/// ```
/// use isocache_bridge::values::parse_address;
///
/// assert_eq!(parse_address("localhost:8079").unwrap().to_string(), "127.0.0.1:8079");
/// assert!(parse_address(":8079").unwrap_err().contains("0.0.0.0:8079"));
/// ```
///
/// # Errors
/// If the text is not such an address. The error shows the expected form.
pub fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let example = "write an IP address and a port, for example 127.0.0.1:8079";
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(address);
    }
    if let Ok(ip) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Err(format!("{text:?} has no port: write {}", SocketAddr::new(ip, 8079)));
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        let is_port = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let problem = if is_port { "is only a port" } else { "has no port" };
        return Err(format!("{text:?} {problem}: {example}"));
    };
    let Ok(port) = port.parse::<u16>() else {
        return Err(format!("{port:?} in {text:?} is not a port between 0 and 65535: {example}"));
    };
    match host {
        "" | "*" => Err(format!(
            "{text:?} does not say on which address to listen: write 127.0.0.1:{port} for this machine only, or \
             0.0.0.0:{port} for every network"
        )),
        _ if host.eq_ignore_ascii_case("localhost") => Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        _ if host.parse::<Ipv6Addr>().is_ok() => {
            Err(format!("{text:?} is ambiguous: write an IPv6 address in brackets, as in [{host}]:{port}"))
        }
        _ => Err(format!("{host:?} in {text:?} is not an IP address: {example}")),
    }
}

/// Parses a duration: a number with one of the units `ms`, `s`, `m`, `h` and `d`. A number without a unit is in seconds.
///
/// # Errors
/// If the text is not a duration. The error shows the expected form.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    // Unlike a TTL, a duration may be zero.
    let number = text.trim_end_matches(|unit: char| unit.is_ascii_lowercase());
    let is_zero = number.parse::<f64>().is_ok_and(|number| number == 0.0);
    let text = if is_zero { text.replacen(number, "1", 1) } else { text.to_owned() };
    let parsed = text.parse::<Ttl>();
    let shown = if is_zero { text.replacen('1', number, 1) } else { text.clone() };
    let duration = parsed.map_err(|_| {
        format!(
            "{shown:?} is not a duration: write a number and one unit, for example \"500ms\", \"30s\", \"5m\" or \"1h\""
        )
    })?;
    Ok(if is_zero { Duration::ZERO } else { duration.into() })
}

struct DurationVisitor;

impl Visitor<'_> for DurationVisitor {
    type Value = Duration;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a duration such as \"30s\", \"5m\" or \"1h\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        parse_duration(text).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, seconds: i64) -> Result<Duration, E> {
        let refused = |_| E::invalid_value(Unexpected::Signed(seconds), &self);
        u64::try_from(seconds).map_err(refused).map(Duration::from_secs)
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<Duration, E> {
        Ok(Duration::from_secs(seconds))
    }
}

/// Reads a duration from a configuration file.
pub(crate) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    deserializer.deserialize_any(DurationVisitor)
}

/// Reads an optional duration from a configuration file.
pub(crate) fn some_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}

/// Reads an eviction policy from a configuration file.
pub(crate) fn policy<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Policy, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "lru" => Ok(Policy::Lru),
        "s3fifo" => Ok(Policy::S3Fifo),
        other => Err(D::Error::custom(format!("{other:?} is not a policy: use \"lru\" or \"s3fifo\""))),
    }
}

/// Reads an address from a configuration file.
pub(crate) fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    parse_address(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// Reads an optional address from a configuration file.
pub(crate) fn some_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    address(deserializer).map(Some)
}

/// A file named by an option or by the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    /// Its path.
    pub path: PathBuf,
    /// Where it is named: the file and line of the configuration, or the option on the command line.
    pub place: String,
}

impl NamedFile {
    /// Reads the file.
    ///
    /// # Errors
    /// If the file cannot be read. The error has the place, the path and the reason.
    pub fn read(&self, what: &str) -> Result<Vec<u8>, String> {
        std::fs::read(&self.path).map_err(|error| self.error(&format!("cannot read the {what}"), &error.to_string()))
    }

    /// Creates an error about the file.
    pub fn error(&self, problem: &str, reason: &str) -> String {
        format!("{}: {problem} {}: {reason}", self.place, self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, address) in [
            ("127.0.0.1:8079", "127.0.0.1:8079"),
            ("0.0.0.0:0", "0.0.0.0:0"),
            ("[::1]:80", "[::1]:80"),
            ("localhost:8079", "127.0.0.1:8079"),
            ("LocalHost:1", "127.0.0.1:1"),
        ] {
            assert_eq!(parse_address(text).unwrap().to_string(), address);
        }
        for (text, says) in [
            (":8079", "127.0.0.1:8079 for this machine only, or 0.0.0.0:8079"),
            ("*:80", "0.0.0.0:80"),
            ("8079", "is only a port"),
            ("", "has no port"),
            ("localhost", "has no port"),
            ("127.0.0.1", "write 127.0.0.1:8079"),
            ("::1", "write [::1]:8079"),
            ("::1:70000", "70000"),
            ("fe80::1:1:80000", "is not a port"),
            ("cache.example:80", "\"cache.example\" in \"cache.example:80\" is not an IP address"),
            ("http://localhost:80", "is not an IP address"),
            ("127.0.0.1:http", "\"http\""),
            ("127.0.0.1:65536", "between 0 and 65535"),
        ] {
            let error = parse_address(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn durations() {
        for (text, ms) in
            [("1h", 3_600_000), ("250ms", 250), ("30", 30_000), ("1.5s", 1500), ("0s", 0), ("0", 0), ("0.0ms", 0)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "soon", "5 m", "1h30m", "-5s", "0x", "1e3", "s", "0 s"] {
            let error = parse_duration(text).unwrap_err();
            assert!(error.contains(&format!("{text:?} is not a duration")) && error.contains("\"1h\""), "{error}");
        }
    }
}
