//! Commands on their way to the store and back: the decision on each, and the replies in their places.

use std::mem::take;

use isocache_protocol::headers::CLEAR;
use isocache_protocol::{Command, Reply, RequestError};
use smallvec::SmallVec;

use super::metrics::Metrics;
use super::request::Form;
use super::response::Failure;
use crate::access::table::{self, Effect, Spec};
use crate::access::{Decision, Profile, ScanFilter, authorize_known};
use crate::store::{Batch, Store, StoreError};

/// What becomes of a reply that is not the store's as it is.
enum Fate {
    /// It is known already, and the store is not asked.
    Known(Reply),
    /// Only some of the store's is for the caller.
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

/// Carries the commands of one request out, as far as the profile permits, and counts them and their replies.
///
/// # Errors
/// [`Failure`] if all have failed together: a single command that is refused, a transaction of which one is, the store.
pub async fn execute(
    store: &Store,
    metrics: &Metrics,
    profile: &Profile,
    form: Form,
    mut commands: Vec<Command>,
) -> Result<Executed, Failure> {
    let total = commands.len();
    let specs: SmallVec<[Option<&'static Spec>; 4]> = commands.iter().map(table::lookup).collect();
    metrics.commands(&specs);
    // Mostly there are none, and commands and replies stay where they are.
    let mut fates = Vec::new();
    let mut known = 0;
    let mut only_reads = true;
    for (at, command) in commands.iter_mut().enumerate() {
        let spec = specs.get(at).copied().flatten();
        let fate = decide_fate(profile, form, command, spec)?;
        if matches!(fate, Some(Fate::Known(_))) {
            known += 1;
        } else {
            only_reads &= spec.is_some_and(|spec| spec.effect == Effect::Reads);
        }
        fates.extend(fate.map(|fate| (at, fate)));
    }
    if known > 0 {
        let mut left_out =
            fates.iter().filter(|(_, fate)| matches!(fate, Fate::Known(_))).map(|(at, _)| *at).peekable();
        let mut at = 0..total;
        commands.retain(|_| at.next().is_some_and(|at| left_out.next_if_eq(&at).is_none()));
    }
    let expected = commands.len();
    let answered = match form {
        _ if expected == 0 => Vec::new(),
        Form::Transaction if commands.iter().any(is_clear) => {
            return Err(Failure::new(400, format!("ERR {CLEAR} cannot be part of a transaction")));
        }
        Form::Transaction => store.transaction(Batch { commands, only_reads }).await?,
        Form::Single | Form::Pipeline => run(store, commands, only_reads).await?,
    };
    if answered.len() != expected {
        let detail = format!("{expected} commands had {} replies", answered.len());
        return Err(StoreError::Protocol(detail).into());
    }
    let replies = merge(answered, fates, total);
    metrics.replies(&specs, &replies);
    Ok(Executed { replies, wrote: !only_reads })
}

/// The decision on one command, which may put another in its place. `None` if the store's reply is the answer.
fn decide_fate(
    profile: &Profile,
    form: Form,
    command: &mut Command,
    spec: Option<&'static Spec>,
) -> Result<Option<Fate>, Failure> {
    if form == Form::Pipeline && command.is_empty() {
        return Ok(Some(Fate::Known(Reply::error(RequestError::EmptyPipelineCommand.to_string()))));
    }
    Ok(match authorize_known(profile, spec, command) {
        Decision::Forward => None,
        Decision::ForwardRewritten { command: rewritten, filter } => {
            *command = rewritten;
            Some(Fate::Filtered(filter))
        }
        Decision::AnswerLocally(reply) => Some(Fate::Known(reply)),
        // What cannot be done alone fails alone.
        Decision::Refuse(refusal) if form == Form::Pipeline => Some(Fate::Known(Reply::error(refusal.to_string()))),
        Decision::Refuse(refusal) => return Err(refusal.into()),
    })
}

/// All replies in the places of their commands. `fates` are in the order of their places.
fn merge(answered: Vec<Reply>, fates: Vec<(usize, Fate)>, total: usize) -> Vec<Reply> {
    if fates.is_empty() {
        return answered;
    }
    let mut answered = answered.into_iter();
    let mut fates = fates.into_iter().peekable();
    let mut next = || answered.next().unwrap_or(Reply::Nil);
    let replies = (0..total).map(|at| match fates.next_if(|(place, _)| *place == at) {
        Some((_, Fate::Known(reply))) => reply,
        Some((_, Fate::Filtered(filter))) => filter.apply(next()),
        None => next(),
    });
    replies.collect()
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
