//! A fast path for the bodies that clients usually send: arrays of strings without escapes and of integers, parsed at a
//! fraction of the cost of a JSON parser. It reports no errors: it rejects anything else as unusual, and
//! [`request_json`](super::request_json) parses it again and reports the error.

use super::{Command, RequestLimits};

/// The capacity for the name and arguments of a typical command, so that it takes one allocation.
const TYPICAL_BYTES: usize = 64;

/// Parses a command, if it is a usual one.
pub(super) fn command(body: &str, limits: &RequestLimits) -> Option<Command> {
    let mut scanner = Scanner { rest: body.as_bytes() };
    let command = scanner.command(limits)?;
    scanner.is_at_end().then_some(command)
}

/// Parses commands, if all are usual.
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

/// The remaining input. Each step also consumes the whitespace before it.
struct Scanner<'a> {
    rest: &'a [u8],
}

impl<'a> Scanner<'a> {
    fn command(&mut self, limits: &RequestLimits) -> Option<Command> {
        let mut command = Command::with_capacity(TYPICAL_BYTES);
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

    /// Whether another element follows: consumes a comma, or the end of the array.
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

/// The high bit of the first of eight bytes that cannot be copied unchanged: a quote, an escape, or a byte that is not
/// allowed in a string. Higher bits have no meaning; 0 if there is no such byte.
fn ends(block: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    // A byte less than `limit` borrows from its high bit, the others do not.
    let less = |bytes: u64, limit: u8| bytes.wrapping_sub(ONES * u64::from(limit)) & !bytes & HIGH;
    let equals = |byte: u8| less(block ^ (ONES * u64::from(byte)), 1);
    equals(b'"') | equals(b'\\') | less(block, b' ')
}

/// Whether it is a valid JSON integer: no leading zeros.
fn is_whole(number: &[u8]) -> bool {
    match number.strip_prefix(b"-").unwrap_or(number) {
        [b'0'] => true,
        [b'1'..=b'9', digits @ ..] => digits.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

    use super::*;
    use crate::{RequestError, request_json};

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

    /// JSON that is nearly a request: any strings, valid and invalid numbers, invalid arguments, whitespace of JSON and
    /// other.
    fn body() -> impl Strategy<Value = Vec<u8>> {
        let odd = [
            "0",
            "-0",
            "-",
            "00",
            "-01",
            "1-2",
            "9007199254740993",
            "1.0",
            "1e21",
            "1E+2",
            ".5",
            "1.",
            "+1",
            "0x1",
            "true",
            "null",
            "nul",
            "{}",
            "{\"a\":1,\"a\":2}",
            "[]",
            "[[\"a\"]]",
            "",
            "\"\\ud83d\"",
            "\"\\ud83d\\ude00\"",
            "\"\\u0000\"",
            "\"\\\"",
            "\"\\x\"",
            "\"\t\"",
            "\"\u{7f}\u{80}\"",
            "'a'",
            "\"a\"\"b\"",
            "123456789012345678901234567890",
        ];
        let argument = prop_oneof![
            12 => "[ !#-\\[\\]-~é]{0,20}".prop_map(|text| serde_json::to_string(&text).unwrap()),
            2 => any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
            4 => any::<i64>().prop_map(|number| number.to_string()),
            1 => sample::select(odd.to_vec()).prop_map(str::to_owned),
        ];
        let space = || {
            let other = sample::select(vec![" ", "\n", "\t\r ", "\u{b}", "\u{a0}", "\u{feff}"]);
            prop_oneof![20 => Just(""), 1 => other]
        };
        let array = |items: Vec<(&str, String, &str)>| {
            let items: Vec<String> =
                items.into_iter().map(|(before, item, after)| [before, &item, after].concat()).collect();
            format!("[{}]", items.join(","))
        };
        let command = vec((space(), argument, space()), 0..5).prop_map(array).boxed();
        let commands = vec((space(), command.clone(), space()), 0..4).prop_map(array).boxed();
        let whole = (space(), prop_oneof![command, commands], space());
        // Changing bytes afterwards produces other inputs, including invalid UTF-8.
        let spoilt = prop_oneof![3 => Just(Vec::new()), 1 => vec((any::<sample::Index>(), any::<u8>()), 1..3)];
        (whole, spoilt).prop_map(|((before, whole, after), spoilt)| {
            let mut body = [before, &whole, after].concat().into_bytes();
            for (at, byte) in spoilt {
                let at = at.index(body.len());
                body[at] = byte;
            }
            body
        })
    }

    #[test]
    fn with_it_requests_are_what_they_are_without() {
        let usual = std::cell::Cell::new(0_u32);
        let mut runner =
            TestRunner::new_with_rng(Config::with_cases(5000), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
        let outcome = runner.run(&body(), |body| {
            let text = std::str::from_utf8(&body);
            let one = text.map_err(|_| RequestError::MalformedCommand);
            prop_assert_eq!(
                request_json::command(&body, &LIMITS),
                one.and_then(|text| request_json::command_by_parser(text, &LIMITS))
            );
            let some = text.map_err(|_| RequestError::MalformedPipeline);
            prop_assert_eq!(
                request_json::pipeline(&body, &LIMITS),
                some.and_then(|text| request_json::pipeline_by_parser(text, &LIMITS))
            );
            let is_usual = |text: &str| command(text, &LIMITS).is_some() || commands(text, &LIMITS).is_some();
            usual.set(usual.get() + u32::from(text.is_ok_and(is_usual)));
            Ok(())
        });
        outcome.unwrap();
        assert!(usual.get() > 1000, "only {} were usual", usual.get());
    }
}
