//! Splits a batch for a cluster into rounds of commands that may run concurrently.
//!
//! A single server executes a pipeline in order. In a cluster the client guarantees no order, even for one key. So commands
//! that touch the same key go into successive rounds, and independent commands share a round.

use std::collections::HashMap;

use isocache_protocol::Command;

use crate::access::table::{Class, lookup};

/// Returns the indices of the commands, by round. The commands of a round are sent together, after all replies to the round
/// before have arrived.
pub(super) fn rounds(commands: &[Command]) -> Vec<Vec<usize>> {
    let mut rounds: Vec<Vec<usize>> = Vec::new();
    // For each key, the round after the last command that touches it.
    let mut next_by_key: HashMap<Box<[u8]>, usize> = HashMap::new();
    // The round after the last command that may touch any key.
    let mut floor = 0;
    for (at, command) in commands.iter().enumerate() {
        let round = if let Some(keys) = keys(command) {
            let round = keys.iter().filter_map(|key| next_by_key.get(key)).copied().fold(floor, usize::max);
            next_by_key.extend(keys.into_iter().map(|key| (key, round + 1)));
            round
        } else {
            floor = rounds.len() + 1;
            rounds.len()
        };
        if round >= rounds.len() {
            rounds.push(Vec::new());
        }
        if let Some(round) = rounds.get_mut(round) {
            round.push(at);
        }
    }
    rounds
}

/// The keys that a command touches; `None` if it may touch others, or has effects beyond keys.
fn keys(command: &Command) -> Option<Vec<Box<[u8]>>> {
    let spec = lookup(command)?;
    match spec.class {
        Class::Read | Class::Write => {}
        Class::Local => return Some(Vec::new()),
        _ => return None,
    }
    let mut keys = Vec::new();
    let findings = spec.keys.visit(command, &mut |key, _| keys.push(key.into())).ok()?;
    (!keys.is_empty() && !findings.reads_by_pattern).then_some(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&str]) -> Vec<Vec<usize>> {
        let commands: Vec<Command> = lines.iter().map(|line| line.split(' ').collect()).collect();
        rounds(&commands)
    }

    #[test]
    fn commands_without_a_common_key_share_a_round() {
        assert_eq!(of(&["SET a 1", "SET b 2", "GET c", "PING"]), [vec![0, 1, 2, 3]]);
        assert_eq!(of(&[]), Vec::<Vec<usize>>::new());
    }

    #[test]
    fn commands_on_one_key_run_in_order() {
        let interleaved = ["SET a 1", "GET a", "SET b 1", "GET b", "APPEND a 2"];
        assert_eq!(of(&interleaved), [vec![0, 2], vec![1, 3], vec![4]]);
        assert_eq!(of(&["SET a 1", "MGET b a", "SET b 2", "GET c"]), [vec![0, 3], vec![1], vec![2]]);
    }

    #[test]
    fn a_command_that_may_touch_any_key_is_alone() {
        let flush = ["SET a 1", "INCR a", "FLUSHALL", "SET a 2", "SET b 1", "PUBLISH c x", "GET d"];
        assert_eq!(of(&flush), [vec![0], vec![1], vec![2], vec![3, 4], vec![5], vec![6]]);
        assert_eq!(of(&["GET a", "EVAL x 1 b", "NO-SUCH b", "MGET"]), [vec![0], vec![1], vec![2], vec![3]]);
    }
}
