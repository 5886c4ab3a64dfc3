//! Every format is detected and read. Errors name what cannot be read, and say what to do.

use isocache_simulate::{Format, Input, InputOptions, Policy, Recorded, Simulation};

fn read_with(bytes: &[u8], options: &InputOptions) -> Result<Recorded, String> {
    // Byte by byte, the state in between has to be right.
    let mut by_byte = Input::new(options.clone());
    let piecemeal = bytes.chunks(1).try_for_each(|byte| by_byte.push(byte)).and_then(|()| by_byte.finish());
    let mut input = Input::new(options.clone());
    let whole = input.push(bytes).and_then(|()| input.finish());
    assert_eq!(
        whole.as_ref().map(|recorded| recorded.trace.requests()),
        piecemeal.as_ref().map(|recorded| recorded.trace.requests())
    );
    whole
}

fn read(text: &str) -> Result<Recorded, String> {
    read_with(text.as_bytes(), &InputOptions::default())
}

fn csv(text: &str, column: &str) -> Result<Recorded, String> {
    read_with(text.as_bytes(), &InputOptions { column: Some(column.into()), ..InputOptions::default() })
}

fn json(text: &str, field: &str) -> Result<Recorded, String> {
    read_with(text.as_bytes(), &InputOptions { field: Some(field.into()), ..InputOptions::default() })
}

fn requests(recorded: Result<Recorded, String>) -> Vec<u32> {
    recorded.unwrap().trace.requests().to_vec()
}

#[test]
fn keys_a_line() {
    let recorded = read("user:1\r\nuser:2\n\n  \nuser:1\nä b\nlast").unwrap();
    assert_eq!((recorded.format, recorded.trace.requests()), (Format::Lines, &[0, 1, 0, 2, 3][..]));
    // Nothing of a key is lost.
    assert_eq!(requests(read(" a\na\nb\n")), [0, 1, 2]);
    assert_eq!(requests(read("\u{feff}a\na\n")), [0, 0]);
}

#[test]
fn numbers_and_ranges() {
    let recorded = read("*\n12\n12\n 12\r\n7\n*\n").unwrap();
    assert_eq!((recorded.format, recorded.trace.requests(), recorded.skipped), (Format::Numbers, &[0, 0, 0, 1][..], 2));
    let recorded = read("100 3 0 0\n101 1 0 1\n").unwrap();
    assert_eq!((recorded.format, recorded.trace.requests()), (Format::Ranges, &[0, 1, 2, 1][..]));
}

#[test]
fn numbers_of_four_bytes() {
    let recorded = read_with(&[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1], &InputOptions::default()).unwrap();
    assert_eq!((recorded.format, recorded.trace.requests()), (Format::Binary, &[0, 1, 0][..]));
    let error = read_with(&[0, 0, 0, 1, 0], &InputOptions::default()).unwrap_err();
    assert!(error.contains("1 bytes are left over"), "{error}");
}

#[test]
fn access_logs() {
    let log = r#"127.0.0.1 - - [10/Oct/2025:13:55:36 +0000] "GET /a?x=1 HTTP/1.1" 200 2326
::1 - ada [10/Oct/2025:13:55:37 +0000] "POST /a HTTP/1.1" 201 0 "-" "curl/8"
::1 - ada [10/Oct/2025:13:55:37 +0000] "HEAD /b HTTP/2.0" 200 0 "https://example.com/" "Mozilla \"5\""
::1 - - [10/Oct/2025:13:55:38 +0000] "\x16\x03\x01" 400 0 "-" "-"
not a line of a log
[::1]:80 ::1 - - [10/Oct/2025:13:55:38 +0000] "GET /b HTTP/1.1" 200 7
::1 - - [10/Oct/2025:13:55:38 +0000] "GET /a b HTTP/1.1" 200 7
::1 - - [10/Oct/2025:13:55:38 +0000] "GET /a c HTTP/1.1" 200 7
::1 - - [10/Oct/2025:13:55:38 +0000] "GET /a" 400 0
::1 - - [10/Oct/2025:13:55:38 +0000] "GET /a?x=1 HTTP/1.1" 304 - "-" "-"
"#;
    let recorded = read(log).unwrap();
    assert_eq!((recorded.format, recorded.trace.requests()), (Format::Log, &[0, 1, 1, 2, 3, 4, 0][..]));
    assert_eq!((recorded.skipped, recorded.unreadable), (2, 1));
    assert_eq!((recorded.examples[0].line, recorded.examples[0].text.as_str()), (5, "not a line of a log"));
}

#[test]
fn columns_of_csv() {
    assert_eq!(requests(csv("time,key\n1,a\n2,b\n3,a\n", "key")), [0, 1, 0]);
    assert_eq!(requests(csv("a,1\nb,2\na,3\n", "1")), [0, 1, 0]);
    assert_eq!(requests(csv("t;k\n1;a,b\n2;a,b\n", "k")), [0, 0]);
    assert_eq!(requests(csv("t\tk\n1\tx\n", "2")), [0, 1]);
    // Quotes: a separator, a quote and a line end within a cell.
    assert_eq!(requests(csv("t,k\n1,\"a,\"\"b\"\"\nc\"\n2,x\n3,\"a,\"\"b\"\"\nc\"\n", "k")), [0, 1, 0]);
    let recorded = csv("t,k\n1,a\n2\n3,\n4,a\n5,b\n", "k").unwrap();
    assert_eq!((recorded.trace.len(), recorded.unreadable, recorded.examples[0].line), (3, 2, 3));
    // A space before a quote.
    assert_eq!(requests(csv("t, k\n1, \"a,b\"\n2,\"a,b\" \n", "k")), [0, 0]);
    let error = csv("time,key\n1,a\n", "path").unwrap_err();
    assert_eq!(
        error,
        r#"there is no column "path"; the first row has time, key. Name one of these, or its number from 1"#
    );
}

#[test]
fn a_quote_that_is_not_around_a_cell_is_part_of_it() {
    assert_eq!(requests(csv("t,k\n1,5\" disk\n2,a\n3,a\n4,5\" disk\n", "k")), [0, 1, 1, 0]);
    assert_eq!(requests(csv("t,k\n5\" disk,a\n2,b\n3,a\n", "k")), [0, 1, 0]);
}

#[test]
fn the_lines_after_a_quote_that_is_never_closed_are_counted() {
    let recorded = csv("t,k\n1,a\n2,b\n3,a\n4,\"open\n5,b\n", "k").unwrap();
    assert_eq!((recorded.trace.requests(), recorded.unreadable), (&[0, 1, 0][..], 2));
    assert_eq!((recorded.examples[0].line, recorded.examples[0].text.as_str()), (5, "4,\"open\n5,b\n"));
    let error = csv("t,k\n1,\"open\n2,b\n3,a\n4,b\n", "k").unwrap_err();
    assert!(error.starts_with("4 of its 5 lines are not of the format csv") && error.contains("line 2 is"), "{error}");
    // Of many lines, each is examined once, and not all are kept in memory.
    let mut input = Input::new(InputOptions { column: Some("k".into()), ..InputOptions::default() });
    let lines = "2,a\n".repeat(1 << 14);
    input.push(b"t,k\n1,\"open\n").unwrap();
    let error = (0..32).find_map(|_| input.push(lines.as_bytes()).err()).unwrap();
    assert_eq!(error, "line 2 opens a quote that is not closed within 1048576 bytes: close or remove it");
}

#[test]
fn fields_of_json() {
    let lines = "{\"k\":\"a\",\"request\":{\"path\":\"/x\"}}\n{\"k\":7,\"request\":{\"path\":\"/y\"}}\n{\"k\":\"a\",\"request\":{}}\n";
    assert_eq!(requests(json(lines, "k")), [0, 1, 0]);
    let recorded = json(lines, "request.path").unwrap();
    assert_eq!((recorded.trace.requests(), recorded.unreadable), (&[0, 1][..], 1));
    assert_eq!(requests(json("{\"a.b\":1}\n", "a.b")), [0]);
}

#[test]
fn what_is_missing_is_named() {
    for (text, says) in [
        ("", "it is empty"),
        (" \n\n", "it is empty"),
        ("*\n*\n", "there is no access in its 2 lines, which were read as numbers"),
        ("time,key\n1,a\n2,b\n", "it looks like CSV, whose first row is time, key: give the column"),
        ("{\"k\":1,\"r\":{\"path\":2}}\n", "give the field of the key; the first line has k, r.path"),
        ("{broken\n", "the first line is not an object"),
        ("{\n  \"k\": 1\n}\n{\n  \"k\": 2\n}\n", "as `jq -c . FILE` writes them"),
        ("[\n{\"k\":1},\n{\"k\":2}\n]\n", "it looks like a JSON array: write each of its objects on a line of its own"),
        ("[{\"k\":1},\n{\"k\":2}]\n", "or give the format lines if each whole line is a key"),
        ("\u{feff}", "it is empty"),
        // The first of them is not what most lines are.
        ("broken\n{\"k\":1}\n{\"k\":2}\n", "give the field of the key; the first line has k"),
        ("time,key\n1,a\nbroken\n2,b\n", "it looks like CSV, whose first row is time, key: give the column"),
        ("\u{1f}not gzip", ""),
    ] {
        match read(text) {
            Ok(_) => assert_eq!(says, "", "{text}"),
            Err(error) => assert!(!says.is_empty() && error.contains(says), "{text}: {error}"),
        }
    }
    let error = read_with(b"\xfd7zXZ\0\0", &InputOptions::default()).unwrap_err();
    assert!(error.contains("xz -dc FILE | isocache simulate -"), "{error}");
    let error = read_with(b"PK\x03\x04\0\0", &InputOptions::default()).unwrap_err();
    assert!(error.contains("unzip -p FILE | isocache simulate -"), "{error}");
    for text in [&b"\xff\xfea\0\n\0b\0"[..], b"\xfe\xff\0a\0\n\0b", b"a\0\n\0b\0\n\0", b"\0a\0\n\0b\0\n"] {
        let error = read_with(text, &InputOptions::default()).unwrap_err();
        assert!(error.contains("UTF-16") && error.contains("iconv -f UTF-16 -t UTF-8 FILE"), "{error}");
        let binary = InputOptions { format: Some(Format::Binary), ..InputOptions::default() };
        assert_eq!(requests(read_with(text, &binary)), [0, 1]);
    }
    let error = json("[{\"k\":1},\n{\"k\":2}]\n", "k").unwrap_err();
    assert!(error.contains("it looks like a JSON array"), "{error}");
}

#[test]
fn a_few_broken_lines_do_not_change_the_format() {
    let recorded = read("# start count - request\n100 3 0 0\n101 1 0 1\n").unwrap();
    assert_eq!((recorded.format, recorded.trace.requests()), (Format::Ranges, &[0, 1, 2, 1][..]));
    assert_eq!((recorded.unreadable, recorded.examples[0].line), (1, 1));
    // Among numbers, any other line is a key.
    assert_eq!(read("1\n2\n1\nnone\n").unwrap().format, Format::Lines);
}

#[test]
fn a_wrong_format_is_an_error() {
    let as_format = |format, text: &str| {
        read_with(text.as_bytes(), &InputOptions { format: Some(format), ..InputOptions::default() }).unwrap_err()
    };
    let error = as_format(Format::Log, "a\nb\nc\n");
    assert!(
        error.starts_with(
            "3 of its 3 lines are not of the format log, which has a line of an access log; line 1 is \"a\""
        )
    );
    assert!(error.ends_with("Give its format: lines, csv, log, json, numbers, ranges, binary"), "{error}");
    assert!(as_format(Format::Csv, "a,b\n1,2\n").contains("give the column"));
    assert!(as_format(Format::Binary, "a").contains("Give its format"));
    let error = csv("time,key\n1,a\n", "3").unwrap_err();
    assert!(
        error.ends_with(
            "Name another column than \"3\", or give its format: lines, csv, log, json, numbers, ranges, binary"
        ),
        "{error}"
    );
    let error = json("{\"k\":1}\n", "key").unwrap_err();
    assert!(error.contains("Name another field than \"key\", or give its format: lines"), "{error}");
    let both = InputOptions { column: Some("a".into()), field: Some("b".into()), ..InputOptions::default() };
    assert!(read_with(b"a\n", &both).unwrap_err().contains("a column and a field are both given"));
    let other = InputOptions { format: Some(Format::Log), column: Some("a".into()), field: None };
    assert!(read_with(b"a\n", &other).unwrap_err().contains("only for the format csv"));
    assert!("xml".parse::<Format>().unwrap_err().contains("use lines, csv, log"));
    assert!("mru".parse::<Policy>().unwrap_err().contains("use lru, s3fifo"));
}

#[test]
fn a_file_without_lines_is_not_kept_in_memory() {
    let mut input = Input::new(InputOptions::default());
    let error = (0..256).find_map(|_| input.push(&[b'x'; 8 << 10]).err()).unwrap();
    assert!(error.contains("line 1 has more than 1048576 bytes"), "{error}");
    // However the bytes arrive.
    let error = read(&format!("a\n{}\n", "x".repeat(2 << 20))).unwrap_err();
    assert!(error.contains("line 2 has more than 1048576 bytes"), "{error}");
}

#[test]
fn reports_say_the_same_in_every_form() {
    let recorded = read("a\nb\na\nc\nb\n").unwrap();
    let simulation = Simulation { policies: vec![Policy::Lru, Policy::Optimum], sizes: Some(vec![1, 2, 3]) };
    let report = simulation.run(&recorded, |done, of| assert!(done <= of));
    assert_eq!(
        report.table(),
        "5 requests for 3 keys, read as lines\n\nentries     LRU  optimum\n      1   0.0 %    0.0 %\n      2  20.0 %   40.0 %\n      \
         3  40.0 %   40.0 %\n\nLRU: 3 entries, the smallest size within one point of the best (40.0 % of 40.0 %)\n"
    );
    assert_eq!(report.csv().lines().nth(2), Some("lru,2,1,0.200000"));
    let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
    assert_eq!((&json["requests"], &json["keys"], &json["format"]), (&5.into(), &3.into(), &"lines".into()));
    assert_eq!(json["results"][1], serde_json::json!({ "policy": "lru", "size": 2, "hits": 1, "hitRatio": 0.2 }));
    assert_eq!(json["recommendations"][0]["size"], 3);
    let svg = report.svg();
    assert_eq!((svg.matches("<polyline").count(), svg.matches("<circle").count()), (2, 1));
    assert!(svg.contains("5 requests for 3 keys"));
    assert_eq!(report.warning(), None);
}

#[test]
fn automatic_sizes_find_the_knee() {
    // A loop over 700 keys: smaller caches find nothing, and this size finds everything.
    let lines: Vec<String> = (0..14_000).map(|request| (request % 700).to_string()).collect();
    let report = Simulation::default().run(&read(&lines.join("\n")).unwrap(), |_, _| {});
    let lru = report.recommendations()[0];
    // Within a 32nd of the interval from 500 to 700.
    assert!((700..=706).contains(&lru.size) && lru.hit_ratio > 0.94, "{lru:?}");
    let svg = report.svg();
    assert!(svg.contains("S3-FIFO") && svg.contains("optimum"));
}

#[test]
fn one_point_below_the_best_is_good_enough() {
    // Ten entries find 7 of 100 requests, and nine find 6. As floats, 0.07 - 0.01 is greater than 0.06.
    let mut keys: Vec<u32> = (0..6).chain(0..6).chain(10..20).chain([10]).collect();
    keys.extend(100..177);
    let lines: Vec<String> = keys.iter().map(ToString::to_string).collect();
    let simulation = Simulation { policies: vec![Policy::Lru], sizes: Some(vec![9, 10]) };
    let report = simulation.run(&read(&lines.join("\n")).unwrap(), |_, _| {});
    assert_eq!((report.hits(Policy::Lru, 9), report.hits(Policy::Lru, 10)), (Some(6), Some(7)));
    assert_eq!(report.recommendations()[0].size, 9);
}

#[test]
fn at_one_size_the_chart_has_a_point_for_each_policy() {
    let simulation = Simulation { policies: Policy::ALL.to_vec(), sizes: Some(vec![2]) };
    let svg = simulation.run(&read("a\nb\na\n").unwrap(), |_, _| {}).svg();
    assert_eq!(svg.matches("r=\"3\"").count(), Policy::ALL.len());
}

#[test]
fn where_no_key_comes_back_no_size_is_recommended() {
    for text in ["a\n", "a\nb\nc\n"] {
        for sizes in [None, Some(vec![1, 100])] {
            let simulation = Simulation { policies: vec![Policy::Lru, Policy::S3Fifo], sizes };
            let report = simulation.run(&read(text).unwrap(), |_, _| {});
            assert!(report.recommendations().is_empty());
            assert_eq!(report.advice(), ["No key is requested twice, so no cache would find anything"]);
            assert!(report.table().ends_with("\n\nNo key is requested twice, so no cache would find anything\n"));
            assert!(
                report.svg().contains("</svg>") && report.csv().lines().skip(1).all(|row| row.ends_with(",0,0.000000"))
            );
        }
    }
    // One key, and sizes beyond all keys.
    let simulation = Simulation { policies: vec![Policy::Lru], sizes: Some(vec![1, 1000]) };
    let report = simulation.run(&read("a\na\na\na\n").unwrap(), |_, _| {});
    assert_eq!(report.advice(), ["LRU: 1 entry, the smallest size within one point of the best (75.0 % of 75.0 %)"]);
    // A loop in which LRU finds nothing at this size: there is nothing to recommend.
    let simulation = Simulation { policies: vec![Policy::Lru], sizes: Some(vec![2]) };
    let report = simulation.run(&read("a\nb\nc\na\nb\nc\n").unwrap(), |_, _| {});
    assert_eq!(report.advice(), ["LRU: finds nothing at any of these sizes"]);
}
