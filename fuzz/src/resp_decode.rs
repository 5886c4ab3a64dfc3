//! RESP: replies, and commands of `application/x-resp`.

use bytes::Bytes;
use isocache_protocol::reply_json::{self, Strings};
use isocache_protocol::resp::{
    ReplyScanner, RespLimits, decode_command, decode_commands, decode_replies, decode_reply, write_commands,
    write_replies, write_reply,
};
use isocache_protocol::{Reply, RequestLimits, reply_from_json};

/// Small, so that inputs reach them.
const LIMITS: RespLimits = RespLimits { depth: 8, elements: 512, bytes: 64 << 10 };
/// For text that was written again, which may be longer than the text that was read.
const WIDE: RespLimits = RespLimits { depth: 8, elements: 4096, bytes: 1 << 20 };
const COMMANDS: RequestLimits = RequestLimits { commands: 8, arguments: 8 };

/// The integers that JSON keeps as numbers.
const SAFE: u64 = (1 << 53) - 1;

/// The input as replies and as commands.
pub fn check(input: &[u8]) {
    replies(&Bytes::copy_from_slice(input));
    commands(input);
}

fn replies(input: &Bytes) {
    let decoded = decode_reply(input, &LIMITS);
    let whole = ReplyScanner::new(&LIMITS).scan(input);
    assert_eq!(decoded.as_ref().map(|found| found.as_ref().map(|(_, length)| *length)), whole.as_ref().map(|at| *at));
    // In pieces it ends at the same place, and not before.
    let step = input.first().map_or(1, |first| 1 + usize::from(*first) % 7);
    let mut scanner = ReplyScanner::new(&LIMITS);
    let mut pieces = (0..input.len()).step_by(step).chain([input.len()]);
    let by_pieces = pieces.find_map(|end| scanner.scan(&input[..end]).transpose()).transpose();
    match (&whole, &by_pieces) {
        (Ok(whole), Ok(by_pieces)) => assert_eq!(whole, by_pieces),
        // Of two faults another one may be seen first.
        (whole, by_pieces) => assert_eq!(whole.is_err(), by_pieces.is_err(), "{whole:?} {by_pieces:?}"),
    }
    if let Ok(Some((reply, length))) = decoded {
        assert!(length <= input.len());
        comes_back(&reply);
    }
    if let Ok(replies) = decode_replies(input, &LIMITS) {
        let mut written = Vec::new();
        write_replies(&mut written, &replies, usize::MAX).expect("there is no limit");
        let again = decode_replies(&written.into(), &WIDE).expect("what was written is RESP");
        assert_eq!(again, replies.iter().map(in_one_line).collect::<Vec<_>>());
    }
}

fn comes_back(reply: &Reply) {
    let mut written = b"before".to_vec();
    write_reply(&mut written, reply, usize::MAX).expect("there is no limit");
    let (again, length) = decode_reply(&Bytes::copy_from_slice(&written[6..]), &WIDE)
        .expect("what was written is RESP")
        .expect("and whole");
    assert_eq!((again, length), (in_one_line(reply), written.len() - 6));
    let mut cut = b"before".to_vec();
    assert!(write_reply(&mut cut, reply, written.len() - 1).is_err());
    assert_eq!(cut, b"before");
    for strings in [Strings::Plain, Strings::Base64] {
        let mut json = Vec::new();
        reply_json::write_reply(&mut json, reply, strings, usize::MAX).expect("there is no limit");
        let again = reply_from_json::reply(&json, strings).expect("the written response can be read");
        assert_eq!(again, as_json(reply, strings, true));
        let mut cut = Vec::new();
        assert!(reply_json::write_reply(&mut cut, reply, strings, json.len() - 1).is_err() && cut.is_empty());
    }
}

/// A status or an error is a line, and holds no break when it is written.
fn in_one_line(reply: &Reply) -> Reply {
    let line = |text: &Bytes| {
        let flat = |byte: &u8| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte };
        text.iter().map(flat).collect::<Vec<_>>().into()
    };
    match reply {
        Reply::Status(text) => Reply::Status(line(text)),
        Reply::Error(text) => Reply::Error(line(text)),
        Reply::Array(replies) => Reply::Array(replies.iter().map(in_one_line).collect()),
        other => other.clone(),
    }
}

/// What is left of a reply in JSON.
fn as_json(reply: &Reply, strings: Strings, is_whole: bool) -> Reply {
    let lossy = |bytes: &Bytes| Bytes::from(String::from_utf8_lossy(bytes).into_owned());
    let string = |bytes: &Bytes| if strings == Strings::Plain { lossy(bytes) } else { bytes.clone() };
    match reply {
        Reply::Error(text) if is_whole => Reply::Error(lossy(text)),
        Reply::Status(bytes) | Reply::Bulk(bytes) | Reply::Error(bytes) => Reply::Bulk(string(bytes)),
        Reply::Integer(number) if number.unsigned_abs() > SAFE => Reply::bulk(number.to_string()),
        Reply::Array(replies) => Reply::Array(replies.iter().map(|reply| as_json(reply, strings, false)).collect()),
        other => other.clone(),
    }
}

fn commands(input: &[u8]) {
    let one_by_one = || {
        let (mut rest, mut commands) = (input, Vec::new());
        while let Ok(Some((command, length))) = decode_command(rest, &LIMITS) {
            commands.push(command);
            rest = &rest[length..];
        }
        (commands, rest)
    };
    let Ok(commands) = decode_commands(input, &COMMANDS) else { return };
    assert!((1..=COMMANDS.commands).contains(&commands.len()));
    assert!(commands.iter().all(|command| command.len() <= COMMANDS.arguments && command.size() <= input.len()));
    if input.len() <= LIMITS.bytes {
        assert_eq!(one_by_one(), (commands.clone(), &[][..]));
    }
    let mut written = Vec::new();
    write_commands(&mut written, &commands);
    assert!(written.len() <= input.len(), "no way to write it is shorter");
    assert_eq!(decode_commands(&written, &COMMANDS), Ok(commands));
}
