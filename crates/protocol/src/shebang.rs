//! The flag `allow-key-locking` in the first line of Lua scripts.
//!
//! `@upstash/ratelimit` sends scripts that begin with `#!lua flags=allow-key-locking`. Only the service knows the flag;
//! Redis rejects such a script. Without the flag the script has the same meaning to Redis, but another SHA-1, so a
//! server that rewrites scripts also has to translate the digests of `EVALSHA`.

use super::Command;

const ENGINE: &[u8] = b"#!lua";
const FLAG: &[u8] = b"allow-key-locking";
const FLAGS: &[u8] = b"flags=";

/// Returns the script without the flag, or `None` if it does not have it. Other flags and options are kept. If nothing
/// remains but `#!lua`, the line becomes the comment `--`, which older versions of Redis accept too; line numbers do
/// not change.
///
/// ```
/// use isocache_protocol::shebang::without_key_locking;
///
/// let script = without_key_locking(b"#!lua flags=no-writes,allow-key-locking\nreturn 1");
/// assert_eq!(script.as_deref(), Some(&b"#!lua flags=no-writes\nreturn 1"[..]));
/// assert_eq!(without_key_locking(b"return 1"), None);
/// ```
pub fn without_key_locking(script: &[u8]) -> Option<Vec<u8>> {
    let end = script.iter().position(|byte| *byte == b'\n').unwrap_or(script.len());
    let (line, rest) = script.split_at(end);
    let (line, carriage_return) = line.strip_suffix(b"\r").map_or((line, &b""[..]), |line| (line, b"\r"));
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    if !script.starts_with(b"#") || words.next() != Some(ENGINE) {
        return None;
    }
    let (mut rewritten, mut found) = (ENGINE.to_vec(), false);
    for word in words {
        let (word, has_flag) = without_flag(word);
        found |= has_flag;
        if let Some(word) = word {
            rewritten.push(b' ');
            rewritten.extend_from_slice(&word);
        }
    }
    if !found {
        return None;
    }
    if rewritten == ENGINE {
        rewritten = b"--".to_vec();
    }
    rewritten.extend_from_slice(carriage_return);
    rewritten.extend_from_slice(rest);
    Some(rewritten)
}

/// Removes the flag from a word of the line; `None` if nothing remains. Also returns whether the flag was present.
fn without_flag(word: &[u8]) -> (Option<Vec<u8>>, bool) {
    let Some(flags) =
        word.strip_prefix(FLAGS).filter(|flags| flags.split(|byte| *byte == b',').any(|flag| flag == FLAG))
    else {
        return (Some(word.to_vec()), false);
    };
    let kept: Vec<&[u8]> = flags.split(|byte| *byte == b',').filter(|flag| *flag != FLAG && !flag.is_empty()).collect();
    if kept.is_empty() { (None, true) } else { (Some([FLAGS, &kept.join(&b',')].concat()), true) }
}

/// Rewrites the script of `EVAL`, `EVAL_RO` and `SCRIPT LOAD`; `None` if the command is unchanged.
pub fn command_without_key_locking(command: &Command) -> Option<Command> {
    let index = if command.arg_is(0, "EVAL") || command.arg_is(0, "EVAL_RO") {
        1
    } else if command.arg_is(0, "SCRIPT") && command.arg_is(1, "LOAD") {
        2
    } else {
        return None;
    };
    let script = without_key_locking(command.arg(index)?)?;
    Some(command.args().enumerate().map(|(at, arg)| if at == index { &script[..] } else { arg }).collect())
}
