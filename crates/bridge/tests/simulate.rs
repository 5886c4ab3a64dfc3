//! `isocache simulate` as a process: what it reads, prints and writes, and how it ends.
#![cfg(all(unix, not(target_arch = "wasm32")))]

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use servers::Folder;

/// What a run has printed, and its exit code.
struct Ended {
    code: i32,
    printed: String,
    said: String,
}

/// Runs the command in a folder, with this standard input.
fn simulate(folder: &Folder, arguments: &[&str], input: &[u8]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_isocache"));
    command.arg("simulate").args(arguments).current_dir(folder.path());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may end before it has read all.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    let [printed, said] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    Ended { code: output.status.code().unwrap(), printed, said }
}

const KEYS: &[u8] = b"a\nb\na\nc\nb\n";

#[test]
fn a_table_from_a_file_from_standard_input_and_from_gzip() {
    let folder = Folder::new();
    fs::write(folder.path().join("keys.txt"), KEYS).unwrap();
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(KEYS).unwrap();
    let packed = packed.finish().unwrap();
    for (file, input) in [("keys.txt", &b""[..]), ("-", KEYS), ("-", &packed)] {
        let Ended { code, printed, said } = simulate(&folder, &[file, "--sizes", "1,2,3"], input);
        assert_eq!((code, said.as_str()), (0, ""), "without a terminal, there is no progress bar");
        assert!(
            printed.starts_with("5 requests for 3 keys, read as lines\n\nentries     LRU  S3-FIFO    FIFO"),
            "{printed}"
        );
        assert!(printed.contains("\nLRU: 3 entries, the smallest size within one point of the best"), "{printed}");
    }
}

#[test]
fn other_outputs_and_the_chart() {
    let folder = Folder::new();
    let csv = simulate(&folder, &["-", "--output", "csv", "--policies", "optimum,lru", "--sizes", "2"], KEYS);
    assert_eq!(csv.printed, "policy,size,hits,hit_ratio\nlru,2,1,0.200000\noptimum,2,2,0.400000\n");
    let json = simulate(&folder, &["-", "--output", "json", "--chart", "chart.svg"], KEYS);
    let json: serde_json::Value = serde_json::from_str(&json.printed).unwrap();
    assert_eq!(json["requests"], 5);
    let chart = fs::read_to_string(folder.path().join("chart.svg")).unwrap();
    let svg = simulate(&folder, &["-", "--output", "svg"], KEYS);
    assert!(chart.starts_with("<svg ") && chart == svg.printed);
}

#[test]
fn unreadable_lines_are_counted_and_shown() {
    let folder = Folder::new();
    let input = b"{\"k\":1}\nbroken\n{\"k\":2}\n{\"k\":1}\n";
    let Ended { code, printed, said } = simulate(&folder, &["-", "--field", "k"], input);
    assert!(code == 0 && printed.starts_with("3 requests for 2 keys, read as json"));
    let expected =
        "isocache: standard input: 1 line is not of the format json and left out. It is:\n  line 2: \"broken\"\n";
    assert_eq!(said, expected);
}

#[test]
fn what_cannot_be_simulated_ends_with_a_sentence() {
    let folder = Folder::new();
    for (code, arguments, input, says) in [
        (1, &["-"][..], &b""[..], "isocache: standard input: it is empty"),
        (1, &["none.log"], b"", "isocache: cannot read none.log: No such file"),
        (1, &["."], b"", "isocache: cannot read .: Is a directory"),
        (1, &["-"], b"time,key\n1,a\n2,b\n", "give the column of the key"),
        (1, &["-", "--column", "path"], b"time,key\n1,a\n", "there is no column \"path\""),
        (1, &["-", "--format", "log"], b"a\nb\n", "2 of its 2 lines are not of the format log"),
        (1, &["-"], b"\xfd7zXZ\0", "xz -dc FILE | isocache simulate -"),
        (1, &["-"], b"\x1f\x8bnot gzip at all", "isocache: cannot read standard input: "),
        (2, &[], b"", "<FILE>"),
        (2, &["-", "--sizes", "0"], b"", "\"0\" is not a size: use whole numbers of entries from 1"),
        (2, &["-", "--sizes", "-5"], b"", "\"-5\" is not a size: use whole numbers of entries from 1"),
        (2, &["-", "--format", "xml"], b"", "\"xml\" is not a format: use lines, csv"),
        (2, &["-", "--policies", "lru,mru"], b"", "\"mru\" is not a policy: use lru, s3fifo"),
    ] {
        let ended = simulate(&folder, arguments, input);
        assert_eq!((ended.code, ended.printed.as_str()), (code, ""), "{arguments:?}: {}", ended.said);
        assert!(ended.said.contains(says), "{arguments:?}: {}", ended.said);
    }
}

#[test]
fn a_chart_that_cannot_be_written_does_not_cost_the_report() {
    let Ended { code, printed, said } = simulate(&Folder::new(), &["-", "--chart", "no/folder.svg"], KEYS);
    assert!(code == 1 && said.starts_with("isocache: cannot write no/folder.svg: "), "{said}");
    assert!(printed.starts_with("5 requests for 3 keys"), "{printed}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = Folder::new();
    let keys: Vec<String> = (0..2000).map(|key| key.to_string()).collect();
    fs::write(folder.path().join("keys.txt"), keys.join("\n")).unwrap();
    // `true` reads nothing, so that the pipe is closed when the report comes.
    let script = "set -o pipefail; \"$0\" simulate keys.txt --output json --sizes 10 | true";
    let ended = Command::new("bash")
        .args(["-c", script, env!("CARGO_BIN_EXE_isocache")])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!((ended.status.code(), String::from_utf8(ended.stderr).unwrap().as_str()), (Some(0), ""));
}

/// Each block of `sh` in the page: its commands, and below each what it prints.
#[test]
fn the_commands_of_the_page_print_what_it_says() {
    let page = include_str!("../../../docs/sizing.md");
    let blocks: Vec<&str> = page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 2);
    let folder = Folder::new();
    let programs = std::path::Path::new(env!("CARGO_BIN_EXE_isocache")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    for block in blocks {
        let is_comment = |line: &&str| line.starts_with('#');
        let commands = block.lines().filter(|line| !is_comment(line)).collect::<Vec<_>>().join("\n");
        let expected: Vec<&str> = block.lines().filter(is_comment).map(|line| line.get(2..).unwrap_or("")).collect();
        let mut shell = Command::new("bash");
        shell.args(["-euo", "pipefail", "-c", &commands]).current_dir(folder.path()).env("PATH", &path);
        let output = shell.output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(printed.lines().collect::<Vec<_>>(), expected, "{commands}");
    }
}
