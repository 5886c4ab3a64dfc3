//! Commands as paths.

use isocache_protocol::RequestLimits;
use isocache_protocol::path::{self, PathRequest};

/// Small, so that inputs reach them.
const LIMITS: RequestLimits = RequestLimits { commands: 1, arguments: 8 };

/// The input is a path, in its second line a query, and then a body. What is understood comes back when it is written.
pub fn check(input: &[u8]) {
    let mut lines = input.splitn(3, |byte| *byte == b'\n');
    let path = lines.next().unwrap_or_default();
    let query = lines.next().map(std::str::from_utf8).transpose();
    let body = lines.next().unwrap_or_default();
    let (Ok(path), Ok(query)) = (std::str::from_utf8(path), query) else { return };
    let token = path::token(query);
    let Ok(request) = path::request(path, query, body, &LIMITS) else { return };
    let command = &request.command;
    assert!((1..=LIMITS.arguments).contains(&command.len()));
    assert!(command.size() <= input.len());
    assert_eq!(token, Ok(request.token.clone()));
    let other = PathRequest { token: request.token.as_ref().map(|_| b"another".to_vec()), ..request.clone() };
    assert_eq!(format!("{request:?}"), format!("{other:?}"), "the token is not shown");
    if query.is_none_or(str::is_empty) {
        // What is percent-encoded separates nothing.
        let inner = path.strip_prefix('/').unwrap_or(path);
        let segments = inner.strip_suffix('/').unwrap_or(inner).split('/').count();
        assert_eq!(command.len(), segments + usize::from(!body.is_empty()));
    }
    if !body.is_empty() {
        assert!(command.args().any(|arg| arg == body));
    }
    if let Ok(written) = path::of(command.args()) {
        let again = path::request(&written, None, b"", &LIMITS).expect("what was written is understood");
        assert_eq!((again.command, again.token), (command.clone(), None));
    }
    let options: Vec<(&[u8], Option<&[u8]>)> = command.args().map(|arg| (arg, Some(arg))).take(3).collect();
    if let Ok(written) = path::query(options.iter().copied()) {
        let again = path::request("/x", Some(&written), b"", &LIMITS).expect("what was written is understood");
        let expected: Vec<&[u8]> = options.iter().flat_map(|(key, _)| [*key, *key]).collect();
        assert!(again.token.is_none() && again.command.args().skip(1).eq(expected));
    }
}
