//! The origins of pages that may use the bridge, and the host names of the bridge.

use axum::body::Body;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Response};
use isocache_protocol::headers::{CONTENT_TYPE_JSON, CORS_EXPOSED_HEADERS, CORS_REQUEST_HEADERS};

use super::request::header;
use super::response::{Failure, response};
use crate::access::Cors;

/// The allowed origins and host names.
#[derive(Debug)]
pub struct Origins {
    cors: Cors,
    /// The host names of the bridge; any if `None`.
    hosts: Option<Vec<String>>,
}

impl Origins {
    /// `hosts` are names without a port. They are required on loopback: a page could otherwise reach the bridge by a
    /// name of its own that resolves to loopback.
    pub fn new(cors: Cors, hosts: Option<Vec<String>>) -> Self {
        Self { cors, hosts }
    }

    /// Whether pages of this origin may read the responses.
    fn allows(&self, origin: &[u8]) -> bool {
        self.cors.origins.iter().any(|allowed| allowed.as_bytes() == origin)
    }

    /// Refuses a host name that is not one of the bridge's.
    ///
    /// # Errors
    /// A failure of status 421.
    pub fn check_host(&self, headers: &HeaderMap, authority: Option<&str>) -> Result<(), Failure> {
        let Some(hosts) = &self.hosts else { return Ok(()) };
        let named = authority.map(str::as_bytes).or_else(|| header(headers, "host"));
        let named = named.and_then(|host| std::str::from_utf8(host).ok()).map(without_port);
        match named {
            Some(name) if hosts.iter().any(|host| host.eq_ignore_ascii_case(name)) => Ok(()),
            _ => Err(Failure::new(421, "ERR refused by the bridge: it does not serve this host name")),
        }
    }

    /// Refuses a request from a page of another site. Without a token in a header, the bridge would execute such a
    /// request, although the page cannot read the response.
    ///
    /// # Errors
    /// A failure of status 403.
    pub fn check_page(&self, headers: &HeaderMap) -> Result<(), Failure> {
        let own = header(headers, "host");
        let foreign = match header(headers, "origin") {
            Some(origin) => {
                let host = origin.splitn(3, |byte| *byte == b'/').nth(2);
                !self.allows(origin) && (host.is_none() || host != own)
            }
            // Requests for images and links have no origin, but say whether they come from the same site.
            None => header(headers, "sec-fetch-site").is_some_and(|site| site != b"same-origin" && site != b"none"),
        };
        if foreign { Err(Failure::new(403, "ERR refused by the bridge: this origin is not allowed")) } else { Ok(()) }
    }

    /// The response to a preflight request.
    pub fn preflight(&self, headers: &HeaderMap) -> Response<Body> {
        if self.cors.origins.is_empty() || header(headers, "origin").is_none() {
            return Failure::method().into_response();
        }
        let mut preflight = response(204, CONTENT_TYPE_JSON, Body::empty());
        self.mark(headers, &mut preflight);
        if preflight.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
            let allowed = preflight.headers_mut();
            allowed.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, POST, PUT"));
            let names =
                CORS_REQUEST_HEADERS.iter().copied().chain(self.cors.request_headers.iter().map(String::as_str));
            if let Ok(names) = HeaderValue::from_str(&names.collect::<Vec<_>>().join(", ")) {
                allowed.insert(ACCESS_CONTROL_ALLOW_HEADERS, names);
            }
            allowed.insert(ACCESS_CONTROL_MAX_AGE, self.cors.max_age.as_secs().into());
        }
        preflight
    }

    /// Lets pages of an allowed origin read a response.
    pub fn mark(&self, request: &HeaderMap, response: &mut Response<Body>) {
        if self.cors.origins.is_empty() {
            return;
        }
        let headers = response.headers_mut();
        headers.append(VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = header(request, "origin").filter(|origin| self.allows(origin))
            && let Ok(origin) = HeaderValue::from_bytes(origin)
        {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            if let Ok(names) = HeaderValue::from_str(&CORS_EXPOSED_HEADERS.join(", ")) {
                headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, names);
            }
        }
    }
}

/// `localhost:80` and `[::1]:80` without their port.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn origins() -> Origins {
        let cors = Cors { origins: vec!["https://app.example".into()], ..Cors::default() };
        Origins::new(cors, Some(vec!["localhost".into(), "127.0.0.1".into(), "[::1]".into()]))
    }

    #[test]
    fn only_the_own_names_are_answered() {
        for (host, own) in [
            ("localhost:8080", true),
            ("LOCALHOST", true),
            ("127.0.0.1:1", true),
            ("[::1]:80", true),
            ("[::1]", true),
            ("evil.example", false),
            ("localhost.evil.example", false),
            ("", false),
        ] {
            assert_eq!(origins().check_host(&headers(&[("host", host)]), None).is_ok(), own, "{host}");
        }
        assert!(origins().check_host(&headers(&[]), None).is_err());
        assert!(origins().check_host(&headers(&[("host", "evil.example")]), Some("localhost:1")).is_ok());
        assert!(Origins::new(Cors::default(), None).check_host(&headers(&[]), None).is_ok());
    }

    #[test]
    fn pages_of_other_sites_are_refused_where_there_is_no_token() {
        let host = ("host", "localhost:8080");
        for (more, fair) in [
            (vec![], true),
            (vec![("origin", "http://localhost:8080")], true),
            (vec![("origin", "https://app.example")], true),
            (vec![("origin", "http://localhost:9999")], false),
            (vec![("origin", "null")], false),
            (vec![("sec-fetch-site", "cross-site")], false),
            (vec![("sec-fetch-site", "same-site")], false),
            (vec![("sec-fetch-site", "none")], true),
        ] {
            let pairs: Vec<_> = more.iter().copied().chain([host]).collect();
            assert_eq!(origins().check_page(&headers(&pairs)).is_ok(), fair, "{more:?}");
        }
    }
}
