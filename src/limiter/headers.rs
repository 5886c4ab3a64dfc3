//! The headers of a response to a limited request.

use std::time::Duration;

use super::RateLimit;
use crate::error::{CacheError, Result};

/// The name of the policy in headers, if none is given.
#[cfg(feature = "tower")]
pub(crate) const DEFAULT_POLICY: &str = "default";

impl RateLimit {
    /// Returns the headers `ratelimit-policy` and `ratelimit` of `draft-ietf-httpapi-ratelimit-headers-10`, and
    /// `retry-after` for a refused request: their names and values. `policy` is the name of the limit in them. Times
    /// are in whole seconds, rounded up. If the store has failed, there is no `ratelimit`.
    ///
    /// ```
    /// use isocache::{MemoryCacheProvider, RateLimiter};
    /// use std::time::Duration;
    ///
    /// # pollster::block_on(async {
    /// let counters = MemoryCacheProvider::<i64>::default();
    /// let limiter = RateLimiter::token_bucket(counters, 100, Duration::from_secs(60))?;
    /// let headers = limiter.check("10.0.0.7", "/").await?.headers("api")?;
    /// assert_eq!(headers[0], ("ratelimit-policy", r#""api";q=100;w=60"#.to_string()));
    /// assert_eq!(headers[1], ("ratelimit", r#""api";r=99;t=1"#.to_string()));
    /// # Ok::<(), isocache::CacheError>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] for a policy that is empty or not printable ASCII.
    pub fn headers(&self, policy: &str) -> Result<Vec<(&'static str, String)>> {
        let name = quoted(policy)?;
        let reset = seconds(self.reset_after);
        let mut headers = vec![("ratelimit-policy", format!("{name};q={};w={}", self.limit, seconds(self.window)))];
        if self.error.is_none() {
            headers.push(("ratelimit", format!("{name};r={};t={reset}", self.remaining)));
        }
        if !self.allowed {
            headers.push(("retry-after", reset.to_string()));
        }
        Ok(headers)
    }
}

/// A string of a structured field.
pub(crate) fn quoted(policy: &str) -> Result<String> {
    if policy.is_empty() || !policy.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(CacheError::invalid("policy", format!("{policy:?} is empty or not printable ASCII")));
    }
    Ok(format!("\"{}\"", policy.replace('\\', r"\\").replace('"', "\\\"")))
}

fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}
