//! Commands on several keys, which a cluster executes in parts: one for each slot, or one for each key.

use std::collections::{BTreeMap, HashMap};

use redis::cluster_routing::Slot;
use redis::{Arg, Cmd, ErrorKind, RedisError, RedisResult, Value};

/// How the replies to the parts are combined.
#[derive(Clone, Copy)]
enum Combine {
    /// A value for each key, in order.
    Values,
    /// A count of keys.
    Sum,
    /// Only success.
    Success,
}

/// A command that can be split, with its arguments.
pub(super) struct Split<'a> {
    args: Vec<&'a [u8]>,
    /// The number of arguments for each key, including the key.
    stride: usize,
    /// The number of arguments at the end that belong to all keys.
    shared: usize,
    combine: Combine,
}

impl<'a> Split<'a> {
    /// `None` for all other commands, those on one key, and those whose arguments the server will refuse.
    pub(super) fn of(command: &'a Cmd) -> Option<Self> {
        let args = || command.args_iter().map(|arg| if let Arg::Simple(bytes) = arg { bytes } else { &[] as &[u8] });
        let name = args().next()?;
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        let (stride, shared, combine) = if is("MGET") {
            (1, 0, Combine::Values)
        } else if ["DEL", "UNLINK", "EXISTS", "TOUCH"].into_iter().any(is) {
            (1, 0, Combine::Sum)
        } else if is("MSET") {
            (2, 0, Combine::Success)
        } else if is("JSON.MGET") {
            (1, 1, Combine::Values)
        } else if is("JSON.MSET") {
            (3, 0, Combine::Success)
        } else {
            return None;
        };
        let split = Self { args: args().collect(), stride, shared, combine };
        let of_keys = split.args.len().checked_sub(1 + shared)?;
        (of_keys > stride && of_keys % stride == 0).then_some(split)
    }

    /// The indices of the keys, by slot.
    pub(super) fn by_slot(&self) -> Vec<Vec<usize>> {
        let mut slots: HashMap<Option<Slot>, Vec<usize>> = HashMap::new();
        let of_keys = self.args.get(1..self.args.len() - self.shared).unwrap_or_default();
        for (number, of_key) in of_keys.chunks(self.stride).enumerate() {
            let slot = of_key.first().map(Slot::for_key);
            slots.entry(slot).or_default().push(number);
        }
        slots.into_values().collect()
    }

    /// The command for some of its keys.
    pub(super) fn part(&self, keys: &[usize]) -> Cmd {
        let mut part = Cmd::with_capacity(1 + keys.len() * self.stride + self.shared, 64);
        let shared = self.args.iter().skip(self.args.len() - self.shared);
        let of_keys = keys.iter().flat_map(|key| self.args.iter().skip(1 + key * self.stride).take(self.stride));
        for arg in self.args.iter().take(1).chain(of_keys).chain(shared) {
            part.arg(*arg);
        }
        part
    }

    /// Combines the replies to the parts of the command. An error of one part is the error of all.
    ///
    /// Each part comes with the indices of its keys.
    pub(super) fn combine(
        &self,
        parts: impl IntoIterator<Item = (Vec<usize>, RedisResult<Value>)>,
    ) -> RedisResult<Value> {
        let strange = || RedisError::from((ErrorKind::UnexpectedReturnType, "a part of a command has a strange reply"));
        let (mut values, mut sum) = (BTreeMap::new(), 0);
        for (places, reply) in parts {
            match (self.combine, reply?) {
                (_, Value::ServerError(error)) => return Ok(Value::ServerError(error)),
                (Combine::Values, Value::Array(found)) if found.len() == places.len() => {
                    values.extend(places.into_iter().zip(found));
                }
                (Combine::Sum, Value::Int(count)) => sum += count,
                (Combine::Success, Value::Okay) => {}
                _ => return Err(strange()),
            }
        }
        Ok(match self.combine {
            Combine::Values => Value::Array(values.into_values().collect()),
            Combine::Sum => Value::Int(sum),
            Combine::Success => Value::Okay,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &str) -> Cmd {
        let mut command = Cmd::new();
        for word in words.split(' ') {
            command.arg(word);
        }
        command
    }

    fn parts(words: &str, is_by_slot: bool) -> Vec<String> {
        let command = command(words);
        let Some(split) = Split::of(&command) else { return Vec::new() };
        let places = split.by_slot();
        let places = if is_by_slot { places } else { places.into_iter().flatten().map(|key| vec![key]).collect() };
        let text = |part: Cmd| {
            let words = part.args_iter().map(|arg| if let Arg::Simple(word) = arg { word } else { b"?" });
            words.map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ")
        };
        let mut parts: Vec<String> = places.iter().map(|keys| text(split.part(keys))).collect();
        parts.sort();
        parts
    }

    #[test]
    fn commands_are_split_by_slot_and_by_key() {
        for (words, by_slot, by_key) in [
            ("mget {x}1 y {x}2", &["mget y", "mget {x}1 {x}2"][..], &["mget y", "mget {x}1", "mget {x}2"][..]),
            ("MSET {x}1 a {x}2 b", &["MSET {x}1 a {x}2 b"], &["MSET {x}1 a", "MSET {x}2 b"]),
            ("JSON.MGET {x}1 y $", &["JSON.MGET y $", "JSON.MGET {x}1 $"], &["JSON.MGET y $", "JSON.MGET {x}1 $"]),
            (
                "JSON.MSET {x}1 $ 1 {x}2 $ 2",
                &["JSON.MSET {x}1 $ 1 {x}2 $ 2"],
                &["JSON.MSET {x}1 $ 1", "JSON.MSET {x}2 $ 2"],
            ),
        ] {
            assert_eq!(parts(words, true), by_slot, "{words}");
            assert_eq!(parts(words, false), by_key, "{words}");
        }
        for whole in ["GET a", "MGET a", "MGET", "DEL a", "MSET a 1", "MSET a 1 b", "JSON.MGET a $", "SUNION a b"] {
            assert!(parts(whole, true).is_empty(), "{whole}");
        }
    }

    #[test]
    fn replies_are_put_together_in_the_order_of_the_keys() {
        let text = |text: &str| Value::BulkString(text.into());
        let all = |words: &str, replies: Vec<(Vec<usize>, RedisResult<Value>)>| {
            Split::of(&command(words)).unwrap().combine(replies)
        };
        let values = vec![
            (vec![1], Ok(Value::Array(vec![text("b")]))),
            (vec![0, 2], Ok(Value::Array(vec![text("a"), Value::Nil]))),
        ];
        assert_eq!(all("MGET {x}1 y {x}2", values), Ok(Value::Array(vec![text("a"), text("b"), Value::Nil])));
        let counts = vec![(vec![0], Ok(Value::Int(1))), (vec![1, 2], Ok(Value::Int(2)))];
        assert_eq!(all("DEL x {y}1 {y}2", counts), Ok(Value::Int(3)));
        assert_eq!(all("MSET x 1 y 2", vec![(vec![0], Ok(Value::Okay)), (vec![1], Ok(Value::Okay))]), Ok(Value::Okay));
        let strange = vec![(vec![0], Ok(Value::Array(Vec::new()))), (vec![1], Ok(Value::Array(vec![text("b")])))];
        assert!(all("MGET x y", strange).is_err(), "a value is missing");
    }
}
