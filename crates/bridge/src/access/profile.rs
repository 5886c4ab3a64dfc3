//! Who a token is, and what it may do.

use super::limits::Limits;
use super::scope::Scope;
use super::table::{self, Class, Effect, Rule, Spec};

/// What a token may do, before its keys are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Commands that read the keys that they name.
    #[serde(alias = "ro")]
    ReadOnly,
    /// Commands that read or change the keys that they name, `SCAN`, and publishing.
    #[serde(alias = "rw")]
    ReadWrite,
    /// Everything that the bridge passes on at all.
    Admin,
    /// Nothing but what its allow list names.
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

/// Commands and classes that a profile may use beside those of its role.
#[derive(Clone, Debug, Default)]
pub struct Allow {
    classes: Vec<Class>,
    commands: Vec<&'static Spec>,
}

impl Allow {
    /// The names of the classes, as an allow list writes them.
    pub const CLASSES: [(&'static str, Class); 6] = [
        ("@read", Class::Read),
        ("@write", Class::Write),
        ("@keyspace", Class::Keyspace),
        ("@script", Class::Script),
        ("@pubsub", Class::PubSub),
        ("@server", Class::Server),
    ];

    /// Adds a class (`@script`) or a command (`KEYS`, `SCRIPT LOAD`, `script|load`).
    ///
    /// # Errors
    /// If there is none of that name, or it is one that is never passed on.
    pub fn add(&mut self, item: &str) -> Result<(), String> {
        if item.starts_with('@') {
            let class = Self::CLASSES.iter().find(|(name, _)| name.eq_ignore_ascii_case(item));
            let names = Self::CLASSES.map(|(name, _)| name).join(", ");
            let (_, class) = class.ok_or_else(|| format!("there is no class {item:?}; there are {names}"))?;
            self.classes.push(*class);
            return Ok(());
        }
        let name = item.trim().to_ascii_lowercase().replace(' ', "|");
        let spec = table::by_name(name.as_bytes()).ok_or_else(|| format!("there is no command {item:?}"))?;
        if let Class::Never(why) = spec.class {
            return Err(match why {
                table::Why::Incomplete => format!("{item:?} needs one of its subcommands, as in \"SCRIPT LOAD\""),
                _ => format!("the command {item:?} is never passed on, whoever asks"),
            });
        }
        self.commands.push(spec);
        Ok(())
    }

    /// The first item that only makes sense for a token without prefixes.
    pub fn needs_whole_keyspace(&self) -> Option<&'static str> {
        let class = Self::CLASSES.iter().find(|(_, class)| {
            self.classes.contains(class) && matches!(class, Class::Script | Class::Server | Class::Keyspace)
        });
        let command = self.commands.iter().find(|spec| whole_keyspace(spec));
        class.map(|(name, _)| *name).or(command.map(|spec| spec.name))
    }

    /// A class does not bring those of its commands that have to be chosen by name.
    fn permits(&self, spec: &Spec) -> bool {
        self.classes.contains(&spec.class) && spec.rule != Rule::ByChoice
            || self.commands.iter().any(|allowed| allowed.name == spec.name)
    }

    fn reaches(&self, class: Class) -> bool {
        self.classes.contains(&class) || self.commands.iter().any(|spec| spec.class == class)
    }
}

/// Whether a command shows or changes more than the keys that it names.
pub(super) fn whole_keyspace(spec: &Spec) -> bool {
    matches!(spec.class, Class::Keyspace | Class::Script | Class::Server) && spec.rule != Rule::Scan
        || spec.rule == Rule::ByChoice
}

/// Who a token is, and what it may do.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its name, for logs and for counting what it uses. Not a secret.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// What it may do beside that.
    pub allow: Allow,
    /// The keys that it may read.
    pub read: Scope,
    /// The keys that it may change.
    pub write: Scope,
    /// The channels that it may publish to and listen on.
    pub channels: Scope,
    /// How much.
    pub limits: Limits,
    /// The origins from which a browser may use it; no matter where from if absent.
    pub origins: Option<Vec<String>>,
    /// When it ends, in seconds since 1970; never if absent.
    pub expires_at: Option<u64>,
}

impl Profile {
    /// A profile that may do everything that the bridge passes on at all.
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

    /// A profile for keys of some prefixes, with the role's usual limits and no channels.
    pub fn scoped(name: impl Into<String>, role: Role, keys: Scope) -> Self {
        let limits = if role == Role::ReadOnly { Limits::READING } else { Limits::WRITING };
        let write = if role == Role::ReadOnly { Scope::nothing() } else { keys.clone() };
        Self { role, limits, read: keys, write, channels: Scope::nothing(), ..Self::admin(name) }
    }

    /// Whether role or allow list permit a command of this kind.
    pub fn permits(&self, spec: &Spec) -> bool {
        let permitted = self.role.permits(spec) || self.allow.permits(spec) && !matches!(spec.class, Class::Never(_));
        // A role that only reads stays so, whatever class it is given.
        let may_write = spec.effect == Effect::Writes || spec.class == Class::Script && spec.effect != Effect::Reads;
        permitted && !(self.role == Role::ReadOnly && may_write)
    }

    /// Whether every key may be read and changed.
    pub fn whole_keyspace(&self) -> bool {
        self.read.is_everything() && (self.write.is_everything() || self.role == Role::ReadOnly)
    }

    /// Whether it may reach into other databases, where prefixes may mean something else.
    pub(super) fn may_leave_database(&self) -> bool {
        self.role == Role::Admin && self.whole_keyspace()
    }

    /// Whether it may listen on channels at all.
    pub fn may_subscribe(&self) -> bool {
        self.role != Role::Custom || self.allow.reaches(Class::PubSub)
    }

    /// Whether it has ended at a time, in seconds since 1970.
    pub fn has_expired(&self, now: u64) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// Whether it may be used by a request with this `Origin` header. A profile that names origins cannot be used without.
    pub fn permits_origin(&self, origin: Option<&str>) -> bool {
        let Some(origins) = &self.origins else { return true };
        origin.is_some_and(|origin| origins.iter().any(|allowed| allowed == origin))
    }
}
