//! The flag in the first line of scripts.

use isocache_protocol::Command;
use isocache_protocol::shebang::{command_without_key_locking, without_key_locking};
use proptest::prelude::*;

#[test]
fn only_the_flag_goes() {
    let cases = [
        ("#!lua flags=allow-key-locking\nreturn 1", "--\nreturn 1"),
        ("#!lua flags=allow-key-locking", "--"),
        ("#!lua flags=allow-key-locking\n", "--\n"),
        ("#!lua flags=allow-key-locking\r\nreturn 1\r\n", "--\r\nreturn 1\r\n"),
        ("#!lua  flags=allow-key-locking \nreturn 1", "--\nreturn 1"),
        ("#!lua\tflags=allow-key-locking\nx", "--\nx"),
        ("#!lua flags=allow-key-locking,no-writes\nx", "#!lua flags=no-writes\nx"),
        ("#!lua flags=no-writes,allow-key-locking\nx", "#!lua flags=no-writes\nx"),
        ("#!lua flags=a,allow-key-locking,b\nx", "#!lua flags=a,b\nx"),
        ("#!lua flags=allow-key-locking,allow-key-locking\nx", "--\nx"),
        ("#!lua name=f flags=allow-key-locking\nx", "#!lua name=f\nx"),
        ("#!lua flags=allow-key-locking name=f\nx", "#!lua name=f\nx"),
        ("#!lua flags=allow-key-locking\n#!lua flags=allow-key-locking", "--\n#!lua flags=allow-key-locking"),
    ];
    for (script, expected) in cases {
        let found = without_key_locking(script.as_bytes()).map(|script| String::from_utf8(script).unwrap());
        assert_eq!(found.as_deref(), Some(expected), "{script:?}");
    }
    let bytes = without_key_locking(b"#!lua flags=allow-key-locking\nreturn '\xff\0'");
    assert_eq!(bytes.as_deref(), Some(&b"--\nreturn '\xff\0'"[..]));
}

#[test]
fn other_scripts_stay() {
    let cases = [
        "",
        "return 1",
        "#!lua\nreturn 1",
        "#!lua flags=no-writes\nreturn 1",
        "#!lua flags=allow-key-locking-too\nreturn 1",
        "#!lua flags=\nreturn 1",
        "#!lua name=allow-key-locking\nreturn 1",
        "#!luajit flags=allow-key-locking\nreturn 1",
        "#!js flags=allow-key-locking\nreturn 1",
        " #!lua flags=allow-key-locking\nreturn 1",
        "\n#!lua flags=allow-key-locking\nreturn 1",
        "-- flags=allow-key-locking\nreturn 1",
        "#!lua\nreturn 'flags=allow-key-locking'",
    ];
    for script in cases {
        assert_eq!(without_key_locking(script.as_bytes()), None, "{script:?}");
    }
}

#[test]
fn in_the_commands_that_carry_scripts() {
    let script = "#!lua flags=allow-key-locking\nreturn 1";
    let rewritten = |args: &[&str]| command_without_key_locking(&args.iter().collect());
    let expected = |args: &[&str]| Some(args.iter().collect::<Command>());
    assert_eq!(rewritten(&["EVAL", script, "1", script]), expected(&["EVAL", "--\nreturn 1", "1", script]));
    assert_eq!(rewritten(&["eval_ro", script, "0"]), expected(&["eval_ro", "--\nreturn 1", "0"]));
    assert_eq!(rewritten(&["Script", "load", script]), expected(&["Script", "load", "--\nreturn 1"]));
    let others: [&[&str]; 8] = [
        &[],
        &["EVAL"],
        &["SCRIPT", "LOAD"],
        &["EVAL", "return 1", "0"],
        &["EVALSHA", script, "0"],
        &["SCRIPT", "EXISTS", script],
        &["SET", script, script],
        &["EVALX", script],
    ];
    for args in others {
        assert_eq!(rewritten(args), None, "{args:?}");
    }
}

proptest! {
    #[test]
    fn the_lines_keep_their_numbers(line in "#!lua( (flags=(allow-key-locking|a)(,(allow-key-locking|b)){0,2}|name=x)){0,3}", rest in any::<String>()) {
        let script = format!("{line}\n{rest}");
        let Some(found) = without_key_locking(script.as_bytes()) else {
            prop_assert!(!line.contains("allow-key-locking"));
            return Ok(());
        };
        let found = String::from_utf8(found).unwrap();
        let (first, after) = found.split_once('\n').unwrap();
        prop_assert_eq!(after, rest);
        prop_assert!(!first.contains("allow-key-locking"));
        prop_assert_eq!(without_key_locking(found.as_bytes()), None);
    }
}
