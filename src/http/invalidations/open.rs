//! Requests for announcements, and the errors if they fail.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use isocache_protocol::reply_json::Strings;
use isocache_protocol::{Reply, path, reply_from_json};

use super::HttpInvalidations;
use crate::error::{CacheError, Result};
use crate::http::errors;
use crate::http::transport::{Head, Opened, PlatformTransport, TransportError, sleep};
use crate::tiered::Position;

/// The number of bytes of an error that are read.
const LONGEST_ERROR: usize = 64 * 1024;

/// Why there are no announcements.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: CacheError,
    /// The delay that the server requests.
    pub(super) retry_after: Option<Duration>,
    /// Whether the next attempt will most likely fail too, unless somebody intervenes.
    pub(super) is_permanent: bool,
    /// Whether the server refused the token.
    pub(super) is_token: bool,
}

impl From<CacheError> for Failure {
    fn from(error: CacheError) -> Self {
        Self { error, retry_after: None, is_permanent: false, is_token: false }
    }
}

/// A response to a request for announcements, and the name that the request was sent under.
pub(super) struct Announced {
    pub(super) opened: Opened,
    pub(super) name: Option<Arc<str>>,
}

impl HttpInvalidations {
    /// Requests announcements since a position, as a stream or as one response, and refuses any other response.
    pub(super) async fn open(
        &self,
        transport: &PlatformTransport,
        since: Option<Position>,
        accept: &'static str,
    ) -> Result<Announced, Failure> {
        let name = self.own.as_ref().map(super::super::origin::OwnOrigin::name);
        let url = self.url(since, name.as_deref())?;
        let opened = self.session.get(transport, url, accept).await?;
        let is_expected =
            |kind: &str| kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(accept));
        if opened.head.status == 200 && opened.head.content_type.as_deref().is_some_and(is_expected) {
            return Ok(Announced { opened, name });
        }
        Err(self.refused(opened).await)
    }

    /// The URL, with the namespace of the provider as the prefix.
    fn url(&self, since: Option<Position>, name: Option<&str>) -> Result<String> {
        let since = since.map(|since| since.to_string());
        let pairs = [("prefix", self.namespace.prefix()), ("since", since.as_deref()), ("origin", name)];
        let pairs = pairs.iter().filter_map(|(name, value)| Some((name.as_bytes(), Some((*value)?.as_bytes()))));
        let query = path::query(pairs).map_err(|error| CacheError::invalid("namespace", error.to_string()))?;
        let separator = if query.is_empty() { "" } else { "?" };
        Ok(format!("{}/invalidations{separator}{query}", self.session.url))
    }

    async fn refused(&self, opened: Opened) -> Failure {
        let Head { status, retry_after, .. } = opened.head;
        let url = &self.session.url;
        let body = match opened.read(LONGEST_ERROR).await {
            Ok(response) => response.body,
            Err(TransportError::TooLong) => Vec::new(),
            Err(TransportError::NotSent(reason) | TransportError::Broken(reason)) => {
                return errors::connection(url, &reason).into();
            }
        };
        let text = match reply_from_json::reply(&body, Strings::Plain) {
            Ok(Reply::Error(text)) => Some(String::from_utf8_lossy(&text).into_owned()),
            _ => None,
        };
        let foreign = |got: &str| errors::without_invalidations(url, got);
        let is_temporary = matches!(status, 408 | 429 | 500 | 502..=504);
        let error = match (status, text) {
            // A server of the protocol that takes the path for a command, unknown or with the wrong arguments.
            (400, Some(text)) if text.contains("nknown command") || text.contains("invalidations'") => foreign(&text),
            (401 | 403, Some(text)) => CacheError::Refused(format!("{url}/invalidations: {text}")),
            (_, Some(text)) if !matches!(status, 200..=399 | 404 | 405) => errors::of_status(status, url, &text),
            _ if is_temporary => errors::of_status(status, url, &format!("status {status}")),
            (401 | 403, None) => CacheError::Refused(format!("{url}/invalidations: status {status}")),
            (200, _) => foreign("a response that is not of this kind"),
            _ => foreign(&format!("status {status}")),
        };
        Failure { error, retry_after, is_permanent: !is_temporary, is_token: status == 401 }
    }

    /// Waits for `work`, up to the time limit of an operation of the provider.
    pub(super) async fn limited<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let limit = self.session.timeout;
        match select(pin!(work), pin!(sleep(limit))).await {
            Either::Left((result, _)) => result,
            Either::Right(_) => Err(errors::timed_out(&self.session.url, limit).into()),
        }
    }
}
