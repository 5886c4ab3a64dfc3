//! Errors for invalid requests, with the text of the response.

use std::fmt;

use super::resp::RespError;

/// Limits on a request. The size of its body is limited where it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLimits {
    /// Commands in a pipeline or a transaction.
    pub commands: usize,
    /// Arguments of one command, including its name.
    pub arguments: usize,
}

impl Default for RequestLimits {
    /// 1000 commands, as many as the official client sends at once, and 100 000 arguments.
    fn default() -> Self {
        Self { commands: 1000, arguments: 100_000 }
    }
}

/// The position of an argument in a request, displayed as its indices in the JSON: `[1]`, or `[0][1]` in a pipeline.
/// The name of a command is its argument 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgumentAt {
    /// The command, in a pipeline or a transaction.
    pub command: Option<usize>,
    /// The argument.
    pub argument: usize,
}

impl fmt::Display for ArgumentAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(command) = self.command {
            write!(f, "[{command}]")?;
        }
        write!(f, "[{}]", self.argument)
    }
}

/// Why a request is refused as a whole. The text of the error is that of the response, with the service's wording where
/// it is known. It never contains anything from the request but numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The body is not a JSON array of a command's name and arguments.
    #[error("ERR failed to parse command")]
    MalformedCommand,
    /// The body is not a JSON array of commands.
    #[error("ERR failed to parse pipeline request")]
    MalformedPipeline,
    /// A command without a name.
    #[error("ERR empty command")]
    EmptyCommand,
    /// A pipeline or a transaction without commands.
    #[error("ERR empty pipeline request")]
    EmptyPipeline,
    /// A command without a name in a transaction. In a pipeline it is the response to that command alone.
    #[error("ERR empty pipeline command")]
    EmptyPipelineCommand,
    /// An argument is `null`.
    #[error("ERR null args are not supported: {0}")]
    NullArgument(ArgumentAt),
    /// An argument is an array or an object.
    #[error("ERR unsupported arg type: {at} is an {kind}")]
    NestedArgument {
        /// The position of the argument.
        at: ArgumentAt,
        /// `array` or `object`.
        kind: &'static str,
    },
    /// An argument is a string with an unpaired surrogate, which UTF-8 cannot represent.
    #[error("ERR lone surrogate in {0}")]
    LoneSurrogate(ArgumentAt),
    /// A `%` without two hexadecimal digits, in the path or in the query.
    #[error("ERR invalid percent-encoding in {0}")]
    PercentEncoding(&'static str),
    /// More than one `_token` in the query.
    #[error("ERR more than one _token")]
    TwoTokens,
    /// The body is not a sequence of RESP commands.
    #[error("ERR failed to parse RESP request: {0}")]
    Resp(RespError),
    /// A header has a value that is not supported.
    #[error("ERR invalid {header}: {allowed}")]
    Header {
        /// The name of the header.
        header: &'static str,
        /// The supported values.
        allowed: &'static str,
    },
    /// More commands than the limit.
    #[error("ERR too many commands: at most {limit} in one request")]
    TooManyCommands {
        /// The limit.
        limit: usize,
    },
    /// A command with more arguments than the limit.
    #[error("ERR too many arguments: at most {limit} in one command")]
    TooManyArguments {
        /// The limit.
        limit: usize,
    },
}

impl RequestError {
    /// The HTTP status of the response: 413 if a limit is exceeded, otherwise 400.
    pub fn status(&self) -> u16 {
        match self {
            Self::TooManyCommands { .. } | Self::TooManyArguments { .. } => 413,
            _ => 400,
        }
    }
}

/// The response is larger than the limit; the part that had been written was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ERR response too large: more than {limit} bytes")]
pub struct ReplyTooLarge {
    /// The limit, in bytes.
    pub limit: usize,
}
