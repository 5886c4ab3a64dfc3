//! The limits of a token.

use serde::{Deserialize, Serialize};

/// Limits on the requests of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The maximum length of a request body, in bytes.
    pub max_body_bytes: u64,
    /// The maximum length of an argument, and of a value that is extended up to an offset, in bytes.
    pub max_value_bytes: u64,
    /// The maximum length of a response, in bytes.
    pub max_response_bytes: u64,
    /// The maximum number of commands in a pipeline or a transaction.
    pub max_pipeline_commands: u64,
    /// The maximum number of arguments of a command, including its name.
    pub max_arguments: u64,
    /// The maximum number of requests in progress.
    pub max_in_flight: u64,
    /// The maximum number of open streams of server-sent events.
    pub max_streams: u64,
    /// The average number of commands per second; unlimited if absent.
    pub commands_per_second: Option<u64>,
    /// The number of commands in a burst; `commands_per_second` if absent.
    pub commands_burst: Option<u64>,
    /// The average number of bytes of requests and responses per second; unlimited if absent.
    pub bytes_per_second: Option<u64>,
    /// The number of bytes in a burst; `bytes_per_second` if absent.
    pub bytes_burst: Option<u64>,
}

const MIB: u64 = 1024 * 1024;

impl Limits {
    /// The default limits of a token that may write.
    pub const WRITING: Self = Self {
        max_body_bytes: 10 * MIB,
        max_value_bytes: 10 * MIB,
        max_response_bytes: 16 * MIB,
        max_pipeline_commands: 1000,
        max_arguments: 32_768,
        max_in_flight: 256,
        max_streams: 16,
        commands_per_second: None,
        commands_burst: None,
        bytes_per_second: None,
        bytes_burst: None,
    };

    /// The default limits of a token that only reads.
    pub const READING: Self = Self { max_body_bytes: MIB, ..Self::WRITING };
}

/// Optional limits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
#[allow(missing_docs, reason = "the fields are those of Limits")]
pub struct SomeLimits {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_body_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_value_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_response_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_pipeline_commands: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_arguments: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_in_flight: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_streams: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commands_per_second: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commands_burst: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_second: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_burst: Option<u64>,
}

impl SomeLimits {
    /// Replaces the limits in `base` with those given here.
    #[must_use]
    pub fn over(&self, base: &Limits) -> Limits {
        self.combine(base, |given, _| given)
    }

    /// Lowers the limits in `ceiling` to those given here; never raises them.
    #[must_use]
    pub fn under(&self, ceiling: &Limits) -> Limits {
        // A burst absent from the ceiling defaults to the rate per second, and must not be exceeded here.
        let ceiling = Limits {
            commands_burst: ceiling.commands_burst.or(ceiling.commands_per_second),
            bytes_burst: ceiling.bytes_burst.or(ceiling.bytes_per_second),
            ..ceiling.clone()
        };
        self.combine(&ceiling, u64::min)
    }

    /// The first limit given here that is 0, which would allow nothing.
    pub fn zero(&self) -> Option<&'static str> {
        [
            ("max-body-bytes", self.max_body_bytes),
            ("max-value-bytes", self.max_value_bytes),
            ("max-response-bytes", self.max_response_bytes),
            ("max-pipeline-commands", self.max_pipeline_commands),
            ("max-arguments", self.max_arguments),
            ("max-in-flight", self.max_in_flight),
            ("commands-per-second", self.commands_per_second),
            ("commands-burst", self.commands_burst),
            ("bytes-per-second", self.bytes_per_second),
            ("bytes-burst", self.bytes_burst),
        ]
        .into_iter()
        .find_map(|(name, limit)| (limit == Some(0)).then_some(name))
    }

    fn combine(&self, base: &Limits, choose: fn(u64, u64) -> u64) -> Limits {
        let whole = |given: Option<u64>, base: u64| given.map_or(base, |given| choose(given, base));
        let open = |given: Option<u64>, base: Option<u64>| match (given, base) {
            (Some(given), Some(base)) => Some(choose(given, base)),
            (given, base) => given.or(base),
        };
        Limits {
            max_body_bytes: whole(self.max_body_bytes, base.max_body_bytes),
            max_value_bytes: whole(self.max_value_bytes, base.max_value_bytes),
            max_response_bytes: whole(self.max_response_bytes, base.max_response_bytes),
            max_pipeline_commands: whole(self.max_pipeline_commands, base.max_pipeline_commands),
            max_arguments: whole(self.max_arguments, base.max_arguments),
            max_in_flight: whole(self.max_in_flight, base.max_in_flight),
            max_streams: whole(self.max_streams, base.max_streams),
            commands_per_second: open(self.commands_per_second, base.commands_per_second),
            commands_burst: open(self.commands_burst, base.commands_burst),
            bytes_per_second: open(self.bytes_per_second, base.bytes_per_second),
            bytes_burst: open(self.bytes_burst, base.bytes_burst),
        }
    }
}
