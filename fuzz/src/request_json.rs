//! Bodies of JSON: `POST /`, `/pipeline`, `/multi-exec`.

use isocache_protocol::{Command, RequestError, RequestLimits, command_json, request_json};
use serde_json::Value;
use serde_json::value::RawValue;

/// Small, so that inputs reach them.
const LIMITS: RequestLimits = RequestLimits { commands: 8, arguments: 8 };

/// What is understood is what a reader of JSON understands, within the limits, and comes back when it is written.
pub fn check(body: &[u8]) {
    let one = request_json::command(body, &LIMITS);
    let several = request_json::pipeline(body, &LIMITS);
    let transaction = request_json::transaction(body, &LIMITS);
    if let Ok(command) = &one {
        assert!(!command.is_empty());
        keeps_to(command, body);
        let mut written = Vec::new();
        command_json::write_command(&mut written, command).expect("what came as JSON is text");
        assert_eq!(request_json::command(&written, &LIMITS).as_ref(), Ok(command));
    }
    if let Ok(commands) = &several {
        assert!((1..=LIMITS.commands).contains(&commands.len()));
        commands.iter().for_each(|command| keeps_to(command, body));
        let mut written = Vec::new();
        command_json::write_commands(&mut written, commands).expect("what came as JSON is text");
        assert_eq!(request_json::pipeline(&written, &LIMITS).as_ref(), Ok(commands));
        assert_eq!(transaction.is_ok(), commands.iter().all(|command| !command.is_empty()));
    } else {
        assert_eq!(transaction, several);
    }
    for error in [one.as_ref().err(), several.as_ref().err()].into_iter().flatten() {
        assert!(matches!(error.status(), 400 | 413));
    }
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => agrees(&value, one, several),
        // It refuses numbers beyond a double, whose text is a fine argument, and nests less deep; but what is no JSON at all
        // is nothing to anybody.
        Err(_) => {
            let is_json = serde_json::from_slice::<&RawValue>(body).is_ok();
            assert!(is_json || one.is_err() && several.is_err());
        }
    }
}

fn keeps_to(command: &Command, body: &[u8]) {
    assert!(command.len() <= LIMITS.arguments && command.size() <= body.len());
}

/// Strings are the same to both readers; of numbers the other one does not keep the text.
fn agrees(value: &Value, one: Result<Command, RequestError>, several: Result<Vec<Command>, RequestError>) {
    if let Some(expected) = texts(value)
        && (1..=LIMITS.arguments).contains(&expected.len())
    {
        assert_eq!(one, Ok(expected.into_iter().collect()));
    } else if !matches!(value, Value::Array(args) if args.iter().any(|arg| arg.is_number() || arg.is_boolean())) {
        assert!(one.is_err());
    }
    let Value::Array(commands) = value else { return assert!(several.is_err()) };
    let Some(expected) = commands.iter().map(texts).collect::<Option<Vec<_>>>() else { return };
    let short = expected.iter().all(|command| command.len() <= LIMITS.arguments);
    if short && (1..=LIMITS.commands).contains(&expected.len()) {
        assert_eq!(several, Ok(expected.into_iter().map(Command::from_iter).collect()));
    } else {
        assert!(several.is_err());
    }
}

fn texts(value: &Value) -> Option<Vec<&str>> {
    value.as_array()?.iter().map(Value::as_str).collect()
}
