//! Reads the bodies that clients usually send, at a fraction of what a parser of JSON takes: arrays of strings without escapes
//! and of whole numbers. It knows no errors: of anything else it says that it is unusual, and
//! [`request_json`](super::request_json) reads it again and says what is wrong.

use super::{Command, RequestLimits};

/// Room for the name and arguments of a usual command, so that it is one allocation.
const USUAL_BYTES: usize = 64;

/// The command in a body, if it is a usual one.
pub(super) fn command(body: &str, limits: &RequestLimits) -> Option<Command> {
    let mut scanner = Scanner { rest: body.as_bytes() };
    let command = scanner.command(limits)?;
    scanner.is_at_end().then_some(command)
}

/// The commands in a body, if all are usual.
pub(super) fn commands(body: &str, limits: &RequestLimits) -> Option<Vec<Command>> {
    let mut scanner = Scanner { rest: body.as_bytes() };
    let mut commands = Vec::new();
    scanner.eat(b'[')?;
    loop {
        let command = scanner.command(limits)?;
        if commands.len() == limits.commands {
            return None;
        }
        commands.push(command);
        if !scanner.goes_on()? {
            break;
        }
    }
    scanner.is_at_end().then_some(commands)
}

/// What is still to be read. Each step takes the white space before it too.
struct Scanner<'a> {
    rest: &'a [u8],
}

impl<'a> Scanner<'a> {
    fn command(&mut self, limits: &RequestLimits) -> Option<Command> {
        let mut command = Command::with_capacity(USUAL_BYTES);
        self.eat(b'[')?;
        loop {
            let argument = self.argument()?;
            if command.len() == limits.arguments {
                return None;
            }
            command.push(argument);
            if !self.goes_on()? {
                return Some(command);
            }
        }
    }

    fn skip_space(&mut self) {
        while let [b' ' | b'\n' | b'\r' | b'\t', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    fn next(&mut self) -> Option<u8> {
        self.skip_space();
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    /// Whether another element follows: after it stands a comma, or the end of the array.
    fn goes_on(&mut self) -> Option<bool> {
        match self.next()? {
            b',' => Some(true),
            b']' => Some(false),
            _ => None,
        }
    }

    fn is_at_end(&mut self) -> bool {
        self.next().is_none()
    }

    fn argument(&mut self) -> Option<&'a [u8]> {
        self.skip_space();
        let (&first, rest) = self.rest.split_first()?;
        if first == b'"' {
            self.rest = rest;
            return self.string();
        }
        let is_digit = |byte: &u8| matches!(byte, b'-' | b'0'..=b'9');
        let (number, rest) = self.rest.split_at(self.rest.iter().take_while(|byte| is_digit(byte)).count());
        self.rest = rest;
        is_whole(number).then_some(number)
    }

    /// The rest of a string whose quote has been read.
    fn string(&mut self) -> Option<&'a [u8]> {
        let mut length = 0;
        let string = loop {
            let rest = self.rest.get(length..)?;
            let Some(block) = rest.first_chunk() else {
                let last = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..b' '))?;
                break length + last;
            };
            let ends = ends(u64::from_le_bytes(*block));
            length += ends.trailing_zeros() as usize / 8;
            if ends != 0 {
                break length;
            }
        };
        let (string, rest) = self.rest.split_at_checked(string)?;
        let (&quote, rest) = rest.split_first()?;
        self.rest = rest;
        (quote == b'"').then_some(string)
    }
}

/// The high bit of the first of eight bytes that cannot be taken as it stands: a quote, an escape, or what may not be in a
/// string. Bits after it mean nothing; 0 if there is none.
fn ends(block: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    // What is less than `limit` borrows from its high bit, which others do not have.
    let less = |bytes: u64, limit: u8| bytes.wrapping_sub(ONES * u64::from(limit)) & !bytes & HIGH;
    let equals = |byte: u8| less(block ^ (ONES * u64::from(byte)), 1);
    equals(b'"') | equals(b'\\') | less(block, b' ')
}

/// A whole number as JSON has it: no zero before other digits.
fn is_whole(number: &[u8]) -> bool {
    match number.strip_prefix(b"-").unwrap_or(number) {
        [b'0'] => true,
        [b'1'..=b'9', digits @ ..] => digits.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::protocol::request_json;

    const LIMITS: RequestLimits = RequestLimits { commands: 3, arguments: 4 };

    fn words(command: &[&str]) -> Command {
        command.iter().collect()
    }

    #[test]
    fn reads_what_is_usual() {
        let long = "v".repeat(100);
        let body = format!(" [ [\"SET\", \"k\\u0065\"] ,[\"GET\",\"{long}\"]]");
        assert_eq!(commands(&body, &LIMITS), None, "an escape is not usual");
        let body = body.replace("\\u0065", "é");
        let read = [words(&["SET", "ké"]), words(&["GET", &long])];
        assert_eq!(commands(&body, &LIMITS).as_deref(), Some(&read[..]));
        assert_eq!(command("[\"SETEX\",\"k\",100,\"\"]\n", &LIMITS), Some(words(&["SETEX", "k", "100", ""])));
    }

    #[test]
    fn a_string_ends_where_it_does() {
        for length in 0..40 {
            for byte in 0..=u8::MAX {
                let mut block = vec![b'a'; 40];
                block[length] = byte;
                block.extend_from_slice(b"\"\x01\\");
                let end = if matches!(byte, b'"' | b'\\' | 0..b' ') { length } else { 40 };
                let mut scanner = Scanner { rest: &block };
                let expected = (block[end] == b'"').then_some(&block[..end]);
                assert_eq!(scanner.string(), expected, "{byte} at {length}");
            }
        }
    }

    #[test]
    fn whatever_it_reads_is_what_the_parser_reads() {
        // Every body of up to seven of these pieces.
        let pieces =
            ["[", "]", ",", "\"a\"", "\"0123456789abcdef\"", "\"\\n\"", "\"\t\"", "-10", "01", "1.5", "null", " "];
        let (mut bodies, mut usual) = (vec![String::new()], 0);
        for length in 0..7 {
            let longer = |body: &String| pieces.map(|piece| format!("{body}{piece}"));
            // What does not begin as an array is no command, whatever follows.
            bodies = bodies.iter().filter(|body| length == 0 || body.starts_with('[')).flat_map(longer).collect();
            if length > 4 {
                // The long ones by chance, or they are too many; the same ones each time.
                bodies = bodies.into_iter().step_by(11).collect();
            }
            for body in &bodies {
                if let Some(one) = command(body, &LIMITS) {
                    assert_eq!(request_json::command_by_parser(body, &LIMITS), Ok(one), "{body}");
                    usual += 1;
                }
                if let Some(some) = commands(body, &LIMITS) {
                    assert_eq!(request_json::pipeline_by_parser(body, &LIMITS), Ok(some), "{body}");
                    usual += 1;
                }
            }
        }
        assert!(usual > 100, "only {usual} were usual");
    }
}
