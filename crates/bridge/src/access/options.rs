//! Commands whose options determine where the keys are.

use isocache_protocol::Command;

use super::keys::{Access, Findings, Malformed, Parser, Visitor, each, whole_number};

/// Visits the keys of such a command.
pub(super) fn visit(parser: Parser, command: &Command, visit: &mut Visitor) -> Result<Findings, Malformed> {
    match parser {
        Parser::Set => set(command, visit),
        Parser::Sort => sort(command, true, visit),
        Parser::SortRo => sort(command, false, visit),
        Parser::Copy => copy(command, visit),
        Parser::GeoRadius { options } => georadius(command, options.into(), visit),
        Parser::XRead => streams(command, false, visit),
        Parser::XReadGroup => streams(command, true, visit),
    }
}

/// An iterator over the arguments from a position on.
struct Options<'a> {
    command: &'a Command,
    next: usize,
}

impl<'a> Options<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        let option = self.command.arg(self.next)?;
        self.next += 1;
        Some(option)
    }

    fn value(&mut self) -> Result<&'a [u8], Malformed> {
        self.next().ok_or(Malformed::Syntax)
    }

    fn number(&mut self) -> Result<(), Malformed> {
        whole_number(self.value()?).map(drop).ok_or(Malformed::Syntax)
    }
}

/// Whether an option is one of these names, regardless of case.
pub(super) fn is_any(option: &[u8], names: &[&str]) -> bool {
    names.iter().any(|name| option.eq_ignore_ascii_case(name.as_bytes()))
}

/// Redis accepts `GET` anywhere among the options. Any unrecognized option therefore counts as `GET`, which requires
/// the right to read the key.
fn set(command: &Command, visit: &mut Visitor) -> Result<Findings, Malformed> {
    if command.len() < 3 {
        return Err(Malformed::Arity);
    }
    let quiet = |option: &[u8]| {
        option.iter().all(u8::is_ascii_digit) || is_any(option, &["NX", "XX", "EX", "PX", "EXAT", "PXAT", "KEEPTTL"])
    };
    let access = if command.args().skip(3).all(quiet) { Access::Write } else { Access::ReadWrite };
    each(command, 1..2, 1, access, visit)?;
    Ok(Findings::default())
}

fn sort(command: &Command, may_store: bool, visit: &mut Visitor) -> Result<Findings, Malformed> {
    each(command, 1..2, 1, Access::Read, visit)?;
    let mut findings = Findings::default();
    let mut options = Options { command, next: 2 };
    while let Some(option) = options.next() {
        if is_any(option, &["ASC", "DESC", "ALPHA"]) {
        } else if is_any(option, &["LIMIT"]) {
            options.value()?;
            options.value()?;
        } else if is_any(option, &["BY", "GET"]) {
            options.value()?;
            findings.reads_by_pattern = true;
        } else if may_store && is_any(option, &["STORE"]) {
            visit(options.value()?, Access::Write);
        } else {
            return Err(Malformed::Syntax);
        }
    }
    Ok(findings)
}

fn copy(command: &Command, visit: &mut Visitor) -> Result<Findings, Malformed> {
    each(command, 1..2, 1, Access::Read, visit)?;
    each(command, 2..3, 1, Access::Write, visit)?;
    let mut findings = Findings::default();
    let mut options = Options { command, next: 3 };
    while let Some(option) = options.next() {
        if is_any(option, &["DB"]) {
            options.value()?;
            findings.other_database = true;
        } else if !is_any(option, &["REPLACE"]) {
            return Err(Malformed::Syntax);
        }
    }
    Ok(findings)
}

fn georadius(command: &Command, first: usize, visit: &mut Visitor) -> Result<Findings, Malformed> {
    if command.len() < first {
        return Err(Malformed::Arity);
    }
    each(command, 1..2, 1, Access::Read, visit)?;
    let mut options = Options { command, next: first };
    while let Some(option) = options.next() {
        if is_any(option, &["WITHDIST", "WITHHASH", "WITHCOORD", "ANY", "ASC", "DESC"]) {
        } else if is_any(option, &["COUNT"]) {
            options.number()?;
        } else if is_any(option, &["STORE", "STOREDIST"]) {
            visit(options.value()?, Access::Write);
        } else {
            return Err(Malformed::Syntax);
        }
    }
    Ok(Findings::default())
}

fn streams(command: &Command, group: bool, visit: &mut Visitor) -> Result<Findings, Malformed> {
    let mut findings = Findings::default();
    let mut grouped = false;
    let mut options = Options { command, next: 1 };
    loop {
        let option = options.next().ok_or(Malformed::Syntax)?;
        if is_any(option, &["STREAMS"]) {
            break;
        } else if is_any(option, &["COUNT"]) {
            options.number()?;
        } else if is_any(option, &["BLOCK"]) {
            options.value()?;
            findings.blocks = true;
        } else if group && is_any(option, &["GROUP"]) {
            options.value()?;
            options.value()?;
            grouped = true;
        } else if !(group && is_any(option, &["NOACK"])) {
            return Err(Malformed::Syntax);
        }
    }
    let (first, end) = (options.next, command.len());
    let arguments = end - first;
    if arguments == 0 || arguments % 2 != 0 || grouped != group {
        return Err(Malformed::Syntax);
    }
    // Reading as a member of a group changes the state of the group.
    let access = if group { Access::ReadWrite } else { Access::Read };
    each(command, first..first + arguments / 2, 1, access, visit)?;
    Ok(findings)
}
