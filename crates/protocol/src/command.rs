//! A command.

use std::fmt;

use smallvec::SmallVec;

/// A command: its name and its arguments, each any bytes.
///
/// ```
/// use isocache_protocol::Command;
///
/// let command: Command = ["SET", "key", "value"].into_iter().collect();
/// assert_eq!(command.name(), b"SET");
/// assert_eq!(command.arg(1), Some(&b"key"[..]));
/// assert_eq!(command.len(), 3);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Command {
    /// Name and arguments, one after the other: a command is two allocations at most, however many arguments it has.
    bytes: Vec<u8>,
    /// Where each ends.
    ends: SmallVec<[usize; 6]>,
}

impl Command {
    /// A command without even a name.
    pub fn new() -> Self {
        Self::default()
    }

    /// A command without even a name, with room for so many bytes of name and arguments.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), ends: SmallVec::new() }
    }

    /// Whether the argument at an index is this word, in capitals or not.
    pub fn arg_is(&self, index: usize, word: &str) -> bool {
        self.arg(index).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// Adds an argument; the first one is the name.
    pub fn push(&mut self, arg: &[u8]) {
        self.bytes.extend_from_slice(arg);
        self.ends.push(self.bytes.len());
    }

    /// The name as it was given; empty if there is none. Names are compared without regard to case.
    pub fn name(&self) -> &[u8] {
        self.arg(0).unwrap_or_default()
    }

    /// The argument at an index; the name is at 0.
    pub fn arg(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.bytes.get(start..end)
    }

    /// The name and the arguments, in their order.
    pub fn args(&self) -> impl ExactSizeIterator<Item = &[u8]> + Clone {
        (0..self.len()).map(|index| self.arg(index).unwrap_or_default())
    }

    /// How many there are, with the name.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is not even a name.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The bytes of the name and of all arguments together.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }
}

impl<A: AsRef<[u8]>> FromIterator<A> for Command {
    fn from_iter<I: IntoIterator<Item = A>>(args: I) -> Self {
        let mut command = Self::new();
        for arg in args {
            command.push(arg.as_ref());
        }
        command
    }
}

/// Shows the name and how much follows it, never the arguments: they may be secrets.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = String::from_utf8_lossy(self.name());
        write!(f, "Command({name:?}, {} arguments, {} bytes)", self.len().saturating_sub(1), self.size())
    }
}
