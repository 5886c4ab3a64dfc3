//! Profiles: the name, the rights and the limits of a token.

use isocache_protocol::Command;

use super::limits::Limits;
use super::scope::Scope;
use super::table::{self, Class, Effect, Rule, Spec};

/// Which commands a token may run. Its prefixes limit the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Commands that only read, and only the keys that they name.
    #[serde(alias = "ro")]
    ReadOnly,
    /// Commands that read or change the keys that they name, `SCAN`, and publishing.
    #[serde(alias = "rw")]
    ReadWrite,
    /// Every command that the bridge forwards.
    Admin,
    /// Only the commands in its allow list.
    Custom,
}

impl Role {
    fn permits(self, spec: &Spec) -> bool {
        match (self, spec.class) {
            (_, Class::Never(_)) => false,
            (_, Class::Local) | (Self::Admin, _) => true,
            _ if spec.rule == Rule::ByChoice => false,
            (Self::ReadOnly, class) => class == Class::Read,
            (Self::ReadWrite, Class::Read | Class::Write | Class::PubSub) => true,
            (Self::ReadWrite, Class::Keyspace) => spec.rule == Rule::Scan,
            _ => false,
        }
    }
}

/// Commands and classes that a profile may use besides those of its role.
#[derive(Clone, Debug, Default)]
pub struct Allow {
    classes: Vec<Class>,
    commands: Vec<&'static Spec>,
    /// Commands that are not in the table, in lower case, with a space before a subcommand.
    unknown: Vec<Box<str>>,
}

impl Allow {
    /// The classes, by their names in an allow list.
    pub const CLASSES: [(&'static str, Class); 6] = [
        ("@read", Class::Read),
        ("@write", Class::Write),
        ("@keyspace", Class::Keyspace),
        ("@script", Class::Script),
        ("@pubsub", Class::PubSub),
        ("@server", Class::Server),
    ];

    /// Adds a class (`@script`) or a command (`KEYS`, `SCRIPT LOAD`, `script|load`). A command that is not in the table
    /// is added by name: it may belong to a module or to a newer version of Redis.
    ///
    /// # Errors
    /// If the class does not exist, the name cannot be that of a command, or the command is never forwarded.
    pub fn add(&mut self, item: &str) -> Result<(), String> {
        if item.starts_with('@') {
            let class = Self::CLASSES.iter().find(|(name, _)| name.eq_ignore_ascii_case(item));
            let names = Self::CLASSES.map(|(name, _)| name).join(", ");
            let (_, class) = class.ok_or_else(|| format!("there is no class {item:?}: the classes are {names}"))?;
            self.classes.push(*class);
            return Ok(());
        }
        let name = item.trim().to_ascii_lowercase().replace(' ', "|");
        let Some(spec) = table::by_name(name.as_bytes()) else {
            let command = name.split('|').next().unwrap_or_default();
            if let Some(Spec { class: Class::Never(_), .. }) = table::by_name(command.as_bytes()) {
                return Err(format!("the command {item:?} is never forwarded, whatever the token"));
            }
            let is_word = |word: &str| {
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
                !word.is_empty() && word.bytes().all(plain)
            };
            if name.split('|').count() > 2 || !name.split('|').all(is_word) {
                return Err(format!("{item:?} is not the name of a command, such as \"KEYS\" or \"FT.SEARCH\""));
            }
            self.unknown.push(name.replace('|', " ").into());
            return Ok(());
        };
        if let Class::Never(why) = spec.class {
            return Err(match why {
                table::Why::Incomplete => format!("{item:?} needs one of its subcommands, as in \"SCRIPT LOAD\""),
                _ => format!("the command {item:?} is never forwarded, whatever the token"),
            });
        }
        self.commands.push(spec);
        Ok(())
    }

    /// The commands that are not in the table.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        self.unknown.iter().map(|name| &**name)
    }

    /// Whether a command that is not in the table is allowed, with any subcommand or with this one.
    fn permits_unknown(&self, command: &Command) -> bool {
        let is = |word: &str, arg: &[u8]| word.as_bytes().eq_ignore_ascii_case(arg);
        self.unknown.iter().any(|allowed| match allowed.split_once(' ') {
            Some((name, subcommand)) => {
                is(name, command.name()) && command.arg(1).is_some_and(|arg| is(subcommand, arg))
            }
            None => is(allowed, command.name()),
        })
    }

    /// The first item that requires access to every key.
    pub fn needs_whole_keyspace(&self) -> Option<&str> {
        let class = Self::CLASSES.iter().find(|(_, class)| {
            self.classes.contains(class) && matches!(class, Class::Script | Class::Server | Class::Keyspace)
        });
        let command = self.commands.iter().find(|spec| whole_keyspace(spec));
        class.map(|(name, _)| *name).or(command.map(|spec| spec.name)).or_else(|| self.unknown().next())
    }

    /// A class does not include its commands that must be allowed by name.
    fn permits(&self, spec: &Spec) -> bool {
        self.classes.contains(&spec.class) && spec.rule != Rule::ByChoice
            || self.commands.iter().any(|allowed| allowed.name == spec.name)
    }

    fn reaches(&self, class: Class) -> bool {
        self.classes.contains(&class) || self.commands.iter().any(|spec| spec.class == class)
    }
}

/// Whether a command reveals or changes more than the keys that it names.
pub(super) fn whole_keyspace(spec: &Spec) -> bool {
    matches!(spec.class, Class::Keyspace | Class::Script | Class::Server) && spec.rule != Rule::Scan
        || spec.rule == Rule::ByChoice
}

/// The name, the rights and the limits of a token.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its name, for logs and for its quota. Not a secret.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Commands and classes in addition to those of the role.
    pub allow: Allow,
    /// The keys that it may read.
    pub read: Scope,
    /// The keys that it may change.
    pub write: Scope,
    /// The channels that it may publish and subscribe to.
    pub channels: Scope,
    /// Its limits.
    pub limits: Limits,
    /// The origins from which a browser may use it; any origin by default.
    pub origins: Option<Vec<String>>,
    /// When it expires, in seconds since 1970; never by default.
    pub expires_at: Option<u64>,
}

impl Profile {
    /// A profile that may run every command that the bridge forwards.
    pub fn admin(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            role: Role::Admin,
            allow: Allow::default(),
            read: Scope::Everything,
            write: Scope::Everything,
            channels: Scope::Everything,
            limits: Limits::WRITING,
            origins: None,
            expires_at: None,
        }
    }

    /// A profile for keys of some prefixes, with the default limits of the role and no channels.
    pub fn scoped(name: impl Into<String>, role: Role, keys: Scope) -> Self {
        let limits = if role == Role::ReadOnly { Limits::READING } else { Limits::WRITING };
        let write = if role == Role::ReadOnly { Scope::nothing() } else { keys.clone() };
        Self { role, limits, read: keys, write, channels: Scope::nothing(), ..Self::admin(name) }
    }

    /// Whether the role or the allow list permits a command.
    pub fn permits(&self, spec: &Spec) -> bool {
        let permitted = self.role.permits(spec) || self.allow.permits(spec) && !matches!(spec.class, Class::Never(_));
        // The role read-only never writes, whatever the allow list contains.
        let may_write = spec.effect == Effect::Writes || spec.class == Class::Script && spec.effect != Effect::Reads;
        permitted && !(self.role == Role::ReadOnly && may_write)
    }

    /// Whether it may run a command that is not in the table. The bridge cannot tell what such a command does or which
    /// keys it touches, so this requires write access to every key.
    pub fn permits_unknown(&self, command: &Command) -> bool {
        self.role != Role::ReadOnly && self.whole_keyspace() && self.allow.permits_unknown(command)
    }

    /// Whether it may read every key and, unless the role is read-only, change every key.
    pub fn whole_keyspace(&self) -> bool {
        self.read.is_everything() && (self.write.is_everything() || self.role == Role::ReadOnly)
    }

    /// Whether it may access other databases, where prefixes may mean something else.
    pub(super) fn may_leave_database(&self) -> bool {
        self.role == Role::Admin && self.whole_keyspace()
    }

    /// Whether it may subscribe to channels at all.
    pub fn may_subscribe(&self) -> bool {
        self.role != Role::Custom || self.allow.reaches(Class::PubSub)
    }

    /// Whether it has expired at a time, in seconds since 1970.
    pub fn has_expired(&self, now: u64) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// Whether a request with this `Origin` header may use it. A profile with a list of origins requires the header.
    pub fn permits_origin(&self, origin: Option<&str>) -> bool {
        let Some(origins) = &self.origins else { return true };
        origin.is_some_and(|origin| origins.iter().any(|allowed| allowed == origin))
    }
}
