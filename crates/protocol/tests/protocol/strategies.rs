//! Random commands and replies.

use isocache_protocol::{Command, Reply};
use proptest::collection::vec;
use proptest::prelude::*;

/// Bytes that somewhere mean something, and any others.
pub fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let telling =
        ["", "OK", "T0s=", "\0", "\r\n", "$3\r\n", "\"", "\\", "\u{feff}a", "é", "%2F", "null", "{", ",", "\n\n"];
    prop_oneof![
        proptest::sample::select(telling.map(str::as_bytes).map(<[u8]>::to_vec).to_vec()),
        "[ -~]{0,12}".prop_map(String::into_bytes),
        any::<String>().prop_map(String::into_bytes),
        vec(any::<u8>(), 0..24),
    ]
}

/// At least a name.
pub fn command() -> impl Strategy<Value = Command> {
    vec(bytes(), 1..6).prop_map(Command::from_iter)
}

pub fn text_command() -> impl Strategy<Value = Command> {
    vec(any::<String>(), 1..6).prop_map(Command::from_iter)
}

/// A status or an error is one line.
fn line() -> impl Strategy<Value = Vec<u8>> {
    bytes().prop_map(|bytes| bytes.into_iter().filter(|byte| !b"\r\n".contains(byte)).collect())
}

fn integer() -> impl Strategy<Value = i64> {
    const EDGE: i64 = 1 << 53;
    prop_oneof![any::<i64>(), -9_i64..10, EDGE - 2..EDGE + 2, -EDGE - 2..2 - EDGE]
}

pub fn reply() -> impl Strategy<Value = Reply> {
    let leaf = prop_oneof![
        line().prop_map(|line| Reply::Status(line.into())),
        line().prop_map(|line| Reply::Error(line.into())),
        integer().prop_map(Reply::Integer),
        bytes().prop_map(Reply::bulk),
        Just(Reply::Nil),
        Just(Reply::OK),
    ];
    leaf.prop_recursive(4, 30, 5, |inner| vec(inner, 0..5).prop_map(Reply::Array))
}
