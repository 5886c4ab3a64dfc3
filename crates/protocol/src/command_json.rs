//! Writes commands as JSON bodies.
//!
//! JSON can only represent text. A command with other bytes is sent as a path, with the bytes as the body
//! ([`path`](super::path)), or as RESP ([`resp`](super::resp)).

use super::Command;

/// An argument that JSON cannot represent, because it is not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("argument {argument} of command {command} is not UTF-8, which JSON cannot carry")]
pub struct NotText {
    /// The index of the command; 0 if there is only one.
    pub command: usize,
    /// The index of the argument; the name is at 0.
    pub argument: usize,
}

/// Appends the body of `POST /` for a command.
///
/// # Errors
/// [`NotText`]; nothing has been written then.
pub fn write_command(out: &mut Vec<u8>, command: &Command) -> Result<(), NotText> {
    whole_or_nothing(out, |out| write_array(out, command, 0))
}

/// Appends the body of `POST /pipeline` or `/multi-exec` for commands.
///
/// ```
/// use isocache_protocol::{Command, command_json};
///
/// let commands: [Command; 2] = [["GET", "a"].into_iter().collect(), ["DEL", "\"b\""].into_iter().collect()];
/// let mut body = Vec::new();
/// command_json::write_commands(&mut body, &commands)?;
/// assert_eq!(body, br#"[["GET","a"],["DEL","\"b\""]]"#);
/// # Ok::<(), command_json::NotText>(())
/// ```
///
/// # Errors
/// [`NotText`]; nothing has been written then.
pub fn write_commands<'a>(out: &mut Vec<u8>, commands: impl IntoIterator<Item = &'a Command>) -> Result<(), NotText> {
    whole_or_nothing(out, |out| {
        out.push(b'[');
        for (index, command) in commands.into_iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write_array(out, command, index)?;
        }
        out.push(b']');
        Ok(())
    })
}

fn whole_or_nothing(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Result<(), NotText>) -> Result<(), NotText> {
    let start = out.len();
    let written = write(out);
    if written.is_err() {
        out.truncate(start);
    }
    written
}

fn write_array(out: &mut Vec<u8>, command: &Command, index: usize) -> Result<(), NotText> {
    out.push(b'[');
    for (argument, bytes) in command.args().enumerate() {
        if argument > 0 {
            out.push(b',');
        }
        let text = std::str::from_utf8(bytes).map_err(|_| NotText { command: index, argument })?;
        super::reply_json::write_text(out, text);
    }
    out.push(b']');
    Ok(())
}
