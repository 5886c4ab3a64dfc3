//! Streams.

use super::entry::{R, RW, Spec, W, family, one, parsed, read, second, server, write};
use crate::access::keys::Parser;

pub(super) const COMMANDS: &[Spec] = &[
    read("xlen", one(R)),
    read("xpending", one(R)),
    read("xrange", one(R)),
    read("xrevrange", one(R)),
    read("xread", parsed(Parser::XRead)),
    write("xreadgroup", parsed(Parser::XReadGroup)),
    write("xack", one(W)),
    write("xackdel", one(W)),
    write("xadd", one(W)),
    // They return entries.
    write("xautoclaim", one(RW)),
    write("xclaim", one(RW)),
    write("xdel", one(W)),
    write("xdelex", one(W)),
    write("xsetid", one(W)),
    write("xtrim", one(W)),
    family("xgroup"),
    write("xgroup|create", second(W)),
    write("xgroup|createconsumer", second(W)),
    write("xgroup|delconsumer", second(W)),
    write("xgroup|destroy", second(W)),
    write("xgroup|setid", second(W)),
    server("xgroup|help"),
    family("xinfo"),
    read("xinfo|consumers", second(R)),
    read("xinfo|groups", second(R)),
    read("xinfo|stream", second(R)),
    server("xinfo|help"),
];
