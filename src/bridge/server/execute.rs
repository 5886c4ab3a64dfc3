//! Commands on their way to the store and back: the decision on each, and the replies in their places.

use std::mem::take;

use super::answer::Failure;
use super::request::Form;
use crate::bridge::access::{Decision, Profile, ScanFilter, decide, table};
use crate::bridge::store::{Batch, Store, StoreError};
use crate::http::protocol::headers::CLEAR;
use crate::http::protocol::{Command, Reply, RequestError};

/// What becomes of the reply to a command.
enum Fate {
    /// It is known already.
    Known(Reply),
    /// It is the store's next one.
    Stored,
    /// It is the store's next one, and only some of it is for the caller.
    Filtered(ScanFilter),
}

/// The replies, and what is worth counting.
#[derive(Debug)]
pub struct Executed {
    /// One for each command.
    pub replies: Vec<Reply>,
    /// Whether the store may have been changed.
    pub wrote: bool,
}

/// Carries the commands of one request out, as far as the profile permits.
///
/// # Errors
/// [`Failure`] if all have failed together: a single command that is refused, a transaction of which one is, the store.
pub async fn execute(
    store: &Store,
    profile: &Profile,
    form: Form,
    commands: Vec<Command>,
) -> Result<Executed, Failure> {
    let mut fates = Vec::with_capacity(commands.len());
    let mut forwarded = Vec::with_capacity(commands.len());
    let mut only_reads = true;
    for command in commands {
        if form == Form::Pipeline && command.is_empty() {
            fates.push(Fate::Known(Reply::error(RequestError::EmptyPipelineCommand.to_string())));
            continue;
        }
        let mut forward = |command: Command| {
            only_reads &= table::lookup(&command).is_some_and(|spec| spec.effect == table::Effect::Reads);
            forwarded.push(command);
        };
        fates.push(match decide(profile, &command) {
            Decision::Forward => {
                forward(command);
                Fate::Stored
            }
            Decision::ForwardRewritten { command, filter } => {
                forward(command);
                Fate::Filtered(filter)
            }
            Decision::AnswerLocally(reply) => Fate::Known(reply),
            // What cannot be done alone fails alone.
            Decision::Refuse(refusal) if form == Form::Pipeline => Fate::Known(Reply::error(refusal.to_string())),
            Decision::Refuse(refusal) => return Err(refusal.into()),
        });
    }
    let wrote = !only_reads;
    let expected = forwarded.len();
    let answered = match form {
        _ if expected == 0 => Vec::new(),
        Form::Transaction if forwarded.iter().any(is_clear) => {
            return Err(Failure::new(400, format!("ERR {CLEAR} cannot be part of a transaction")));
        }
        Form::Transaction => store.transaction(Batch { commands: forwarded, only_reads }).await?,
        Form::Single | Form::Pipeline => run(store, forwarded, only_reads).await?,
    };
    if answered.len() != expected {
        let detail = format!("{expected} commands had {} replies", answered.len());
        return Err(StoreError::Protocol(detail).into());
    }
    let mut answered = answered.into_iter();
    let mut next = || answered.next().unwrap_or(Reply::Nil);
    let replies = fates.into_iter().map(|fate| match fate {
        Fate::Known(reply) => reply,
        Fate::Stored => next(),
        Fate::Filtered(filter) => filter.apply(next()),
    });
    Ok(Executed { replies: replies.collect(), wrote })
}

fn is_clear(command: &Command) -> bool {
    command.arg_is(0, CLEAR)
}

/// Runs commands in their order: those of the store together, and between them those that the bridge carries out itself.
async fn run(store: &Store, commands: Vec<Command>, only_reads: bool) -> Result<Vec<Reply>, StoreError> {
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
        let cleared = store.clear(command.arg(1).unwrap_or_default()).await?;
        replies.push(Reply::Integer(i64::try_from(cleared).unwrap_or(i64::MAX)));
    }
    if !together.is_empty() {
        replies.extend(store.run(Batch { commands: together, only_reads }).await?);
    }
    Ok(replies)
}
