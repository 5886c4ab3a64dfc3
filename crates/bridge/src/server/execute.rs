//! Executes commands: decides on each, runs it in the store, and returns the replies in order.

use std::mem::take;

use isocache::__bridge::StaleCheck;
use isocache::Clock;
use isocache_protocol::headers::CLEAR;
use isocache_protocol::{Command, Reply, RequestError};
use smallvec::SmallVec;

use super::metrics::Metrics;
use super::request::Form;
use super::response::Failure;
use crate::access::table::{self, Effect, Spec};
use crate::access::{Decision, Profile, ScanFilter, authorize_known};
use crate::store::{Batch, Store, StoreError};

/// The source of a reply that is not the unchanged reply of the store.
enum Source {
    /// The reply is known, and the command is not sent.
    Known(Reply),
    /// The caller gets part of the store's reply.
    Filtered(ScanFilter),
}

/// The outcome of the commands of a request.
#[derive(Debug)]
pub struct Executed {
    /// One for each command.
    pub replies: Vec<Reply>,
    /// Whether the store may have been changed.
    pub wrote: bool,
}

/// Executes the commands of a request that the profile permits, and counts them and their replies.
///
/// # Errors
/// [`Failure`] if the whole request fails: a single command or part of a transaction is refused, or the store fails.
pub async fn execute(
    store: &Store,
    metrics: &Metrics,
    profile: &Profile,
    form: Form,
    mut commands: Vec<Command>,
    clock: &dyn Clock,
) -> Result<Executed, Failure> {
    let total = commands.len();
    let specs: SmallVec<[Option<&'static Spec>; 4]> = commands.iter().map(table::lookup).collect();
    metrics.commands(&specs);
    // Usually there are none, and commands and replies stay in place.
    let mut sources = Vec::new();
    let mut known = 0;
    let mut only_reads = true;
    for (at, command) in commands.iter_mut().enumerate() {
        let spec = specs.get(at).copied().flatten();
        let source = decide(profile, form, command, spec)?;
        if matches!(source, Some(Source::Known(_))) {
            known += 1;
        } else {
            only_reads &= spec.is_some_and(|spec| spec.effect == Effect::Reads);
        }
        sources.extend(source.map(|source| (at, source)));
    }
    if known > 0 {
        let mut left_out =
            sources.iter().filter(|(_, source)| matches!(source, Source::Known(_))).map(|(at, _)| *at).peekable();
        let mut at = 0..total;
        commands.retain(|_| at.next().is_some_and(|at| left_out.next_if_eq(&at).is_none()));
    }
    let expected = commands.len();
    let own_replies = match form {
        _ if expected == 0 => Vec::new(),
        Form::Transaction if commands.iter().any(is_clear) => {
            return Err(Failure::new(
                400,
                format!("ERR refused by the bridge: {CLEAR} cannot be part of a transaction"),
            ));
        }
        Form::Transaction => store.transaction(Batch { commands, only_reads }).await?,
        Form::Single | Form::Pipeline => run(store, commands, only_reads, clock).await?,
    };
    if own_replies.len() != expected {
        let detail = format!("expected {expected} replies, got {}", own_replies.len());
        return Err(StoreError::Protocol(detail).into());
    }
    let replies = merge(own_replies, sources, total);
    metrics.replies(&specs, &replies);
    Ok(Executed { replies, wrote: !only_reads })
}

/// Decides on one command, and may replace it. Returns `None` if the caller gets the store's reply unchanged.
fn decide(
    profile: &Profile,
    form: Form,
    command: &mut Command,
    spec: Option<&'static Spec>,
) -> Result<Option<Source>, Failure> {
    if form == Form::Pipeline && command.is_empty() {
        return Ok(Some(Source::Known(Reply::error(RequestError::EmptyPipelineCommand.to_string()))));
    }
    Ok(match authorize_known(profile, spec, command) {
        Decision::Forward => None,
        Decision::ForwardRewritten { command: rewritten, filter } => {
            *command = rewritten;
            Some(Source::Filtered(filter))
        }
        Decision::RespondLocally(reply) => Some(Source::Known(reply)),
        // The other commands of a pipeline are executed.
        Decision::Refuse(refusal) if form == Form::Pipeline => Some(Source::Known(Reply::error(refusal.to_string()))),
        Decision::Refuse(refusal) => return Err(refusal.into()),
    })
}

/// All replies in the order of their commands. `sources` are in the same order.
fn merge(own_replies: Vec<Reply>, sources: Vec<(usize, Source)>, total: usize) -> Vec<Reply> {
    if sources.is_empty() {
        return own_replies;
    }
    let mut own_replies = own_replies.into_iter();
    let mut sources = sources.into_iter().peekable();
    let mut next = || own_replies.next().unwrap_or(Reply::Nil);
    let replies = (0..total).map(|at| match sources.next_if(|(place, _)| *place == at) {
        Some((_, Source::Known(reply))) => reply,
        Some((_, Source::Filtered(filter))) => filter.apply(next()),
        None => next(),
    });
    replies.collect()
}

fn is_clear(command: &Command) -> bool {
    command.arg_is(0, CLEAR)
}

/// Runs commands in order: those of the store together, with those that the bridge executes itself in between.
async fn run(
    store: &Store,
    commands: Vec<Command>,
    only_reads: bool,
    clock: &dyn Clock,
) -> Result<Vec<Reply>, StoreError> {
    if !commands.iter().any(is_clear) {
        return store.run(Batch { commands, only_reads }).await;
    }
    let mut replies = Vec::with_capacity(commands.len());
    let mut together = Vec::new();
    for command in commands {
        if !is_clear(&command) {
            together.push(command);
            continue;
        }
        if !together.is_empty() {
            replies.extend(store.run(Batch { commands: take(&mut together), only_reads }).await?);
        }
        let check = command.arg(2).and_then(|format| StaleCheck::of(format, clock.now_ms()));
        let cleared = store.clear(command.arg(1).unwrap_or_default(), check).await?;
        replies.push(Reply::Integer(i64::try_from(cleared).unwrap_or(i64::MAX)));
    }
    if !together.is_empty() {
        replies.extend(store.run(Batch { commands: together, only_reads }).await?);
    }
    Ok(replies)
}
