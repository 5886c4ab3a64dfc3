//! An entry of the command table, and shorthands for writing one.

use crate::access::keys::{Access, Keys, Parser};

/// The kind of a command. Roles consist of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Reads the keys that it names.
    Read,
    /// Changes the keys that it names.
    Write,
    /// Reads or changes the keyspace as a whole.
    Keyspace,
    /// Runs or loads a script, which may reach any key.
    Script,
    /// Publishes to a channel.
    PubSub,
    /// Shows or changes the server.
    Server,
    /// Touches neither keys nor the server. Every token may run it.
    Local,
    /// Is never forwarded, whatever the token.
    Never(Why),
}

/// Why a command is never forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It changes the state of the connection, which all requests share.
    Connection,
    /// It blocks, and all requests share the connection.
    Blocks,
    /// It belongs to replication or to the cluster.
    Replication,
    /// It controls, configures or inspects the server beyond the needs of a cache.
    Administration,
    /// It has a route of its own: `/multi-exec`, `/subscribe`.
    Route,
    /// It needs one of its subcommands.
    Incomplete,
}

impl Why {
    /// The reason, for a sentence that begins with "because".
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Connection => "it changes the connection, which all requests share",
            Self::Blocks => "it would block the connection, which all requests share",
            Self::Replication => "it belongs to replication or to the cluster",
            Self::Administration => "it administers the server",
            Self::Route => "it has a route of its own: /multi-exec, /subscribe or /psubscribe",
            Self::Incomplete => "it needs a subcommand that the bridge forwards",
        }
    }
}

/// The effect of a command on data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Neither, or it depends on the arguments.
    Neither,
    /// It reads.
    Reads,
    /// It changes something.
    Writes,
}

/// A further check before a command is forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Nothing.
    None,
    /// It must be named in the allow list, unless the role is admin, and needs the whole keyspace.
    ByChoice,
    /// It is restricted to the keys that the profile may read.
    Scan,
    /// The bridge replies with `OK` itself.
    RespondOk,
    /// The first argument is a pattern, and all keys that match it are removed. A format of envelopes may follow.
    ClearPattern,
    /// It has exactly this number of arguments, including its name.
    Length(usize),
    /// It takes a key, two values, and possibly a ttl.
    CompareAndSet,
    /// The first argument is a channel.
    Channel,
    /// The argument after the key is an offset in bytes, and the value grows up to it.
    ByteOffset,
    /// The argument after the key is an offset in bits.
    BitOffset,
    /// The arguments after the key are operations with offsets in bits or in fields.
    FieldOffsets,
}

/// The entry of a command in the table.
#[derive(Debug)]
pub struct Spec {
    /// The name in lower case, with `|` before a subcommand, as Redis lists it.
    pub name: &'static str,
    /// Its class.
    pub class: Class,
    /// Its effect on data.
    pub effect: Effect,
    /// The positions of its keys.
    pub keys: Keys,
    /// Further checks.
    pub rule: Rule,
    subcommands: bool,
}

impl Spec {
    /// Whether the first argument is a subcommand, and has an entry of its own.
    pub fn has_subcommands(&self) -> bool {
        self.subcommands
    }

    pub(super) const fn with(mut self, rule: Rule) -> Self {
        self.rule = rule;
        self
    }

    pub(super) const fn keyed(mut self, keys: Keys) -> Self {
        self.keys = keys;
        self
    }

    pub(super) const fn effect(mut self, effect: Effect) -> Self {
        self.effect = effect;
        self
    }

    pub(super) const fn container(mut self) -> Self {
        self.subcommands = true;
        self
    }
}

pub(super) const R: Access = Access::Read;
pub(super) const W: Access = Access::Write;
pub(super) const RW: Access = Access::ReadWrite;

/// One key, the first argument.
pub(super) const fn one(access: Access) -> Keys {
    range(1, 1, 1, access)
}

/// One key, the second argument: the first is a subcommand.
pub(super) const fn second(access: Access) -> Keys {
    range(2, 2, 1, access)
}

/// Every argument is a key.
pub(super) const fn every(access: Access) -> Keys {
    range(1, -1, 1, access)
}

pub(super) const fn range(first: u8, last: i8, step: u8, access: Access) -> Keys {
    Keys::Range { first, last, step, access }
}

pub(super) const fn counted(at: u8, access: Access) -> Keys {
    Keys::Counted { at, access, may_be_none: false }
}

pub(super) const fn parsed(parser: Parser) -> Keys {
    Keys::Parsed(parser)
}

pub(super) const fn read(name: &'static str, keys: Keys) -> Spec {
    spec(name, Class::Read, Effect::Reads).keyed(keys)
}

pub(super) const fn write(name: &'static str, keys: Keys) -> Spec {
    spec(name, Class::Write, Effect::Writes).keyed(keys)
}

pub(super) const fn keyspace(name: &'static str, effect: Effect) -> Spec {
    spec(name, Class::Keyspace, effect)
}

/// A script or a function, followed by the number of its keys.
pub(super) const fn script(name: &'static str, effect: Effect, access: Access) -> Spec {
    spec(name, Class::Script, effect).keyed(Keys::Counted { at: 2, access, may_be_none: true })
}

pub(super) const fn server(name: &'static str) -> Spec {
    spec(name, Class::Server, Effect::Neither)
}

pub(super) const fn local(name: &'static str) -> Spec {
    spec(name, Class::Local, Effect::Neither)
}

pub(super) const fn never(name: &'static str, why: Why) -> Spec {
    spec(name, Class::Never(why), Effect::Neither)
}

/// A command that requires a subcommand.
pub(super) const fn family(name: &'static str) -> Spec {
    never(name, Why::Incomplete).container()
}

pub(super) const fn spec(name: &'static str, class: Class, effect: Effect) -> Spec {
    Spec { name, class, effect, keys: Keys::None, rule: Rule::None, subcommands: false }
}
