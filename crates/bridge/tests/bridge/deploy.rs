//! The files in `deploy/`: a configuration, a systemd unit and a Dockerfile.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use isocache_bridge::access::{Cors, Limits, Role};
use isocache_bridge::settings::{Listen, ServerSettings, Settings, StoreSettings};
use servers::process::{Process, run};
use servers::{Folder, eventually, free_port};

const BINARY: &str = env!("CARGO_BIN_EXE_isocache");

/// The value of the example's variables in these tests.
const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn deploy(name: &str) -> String {
    let path = root().join("deploy").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The values of a name in a systemd unit.
fn unit<'u>(unit: &'u str, name: &str) -> Vec<&'u str> {
    unit.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('=')).collect()
}

/// The instructions of the Dockerfile, each on one line.
fn instructions() -> Vec<String> {
    let text = deploy("Dockerfile").replace("\\\n", " ");
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

/// The words of the JSON array at the end of an instruction.
fn words(instruction: &str) -> Vec<String> {
    serde_json::from_str(&instruction[instruction.find('[').unwrap()..]).unwrap()
}

fn instruction(name: &str) -> String {
    let mut found = instructions().into_iter().filter(|line| line.starts_with(name));
    found.next().filter(|_| found.next().is_none()).unwrap_or_else(|| panic!("one {name}"))
}

/// The files and folders that the image is built from.
fn copied() -> Vec<String> {
    let copies = instructions().into_iter().filter(|line| line.starts_with("COPY ") && !line.contains("--from="));
    let sources = |line: String| {
        let words: Vec<_> = line.split_whitespace().skip(1).map(str::to_owned).collect();
        words[..words.len() - 1].to_vec()
    };
    copies.flat_map(sources).collect()
}

/// The settings of the example, and the variables that it reads.
fn example() -> (Settings, BTreeSet<String>) {
    let asked = RefCell::new(BTreeSet::new());
    let env = |name: &str| {
        asked.borrow_mut().insert(name.to_owned());
        Some(format!("{name} {SECRET}"))
    };
    let settings = Settings::parse("deploy/isocache.toml", &deploy("isocache.toml"), env).unwrap();
    (settings, asked.into_inner())
}

#[test]
fn the_example_configuration_is_valid() {
    let (settings, variables) = example();
    let access = &settings.access;
    assert_eq!(access.warnings, Vec::<String>::new());
    let profiles: Vec<_> = access.tokens.profiles().map(|profile| (profile.name.as_str(), profile.role)).collect();
    assert_eq!(profiles, [("shop", Role::ReadWrite), ("operator", Role::Admin)]);
    assert_eq!(access.tokens.keys().len(), 1);
    let file = deploy("isocache.env.example");
    let given =
        file.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('=').next().unwrap().to_owned());
    assert_eq!(given.collect::<BTreeSet<_>>(), variables);
}

#[test]
fn commented_settings_show_the_defaults() {
    // `# name = value` and `# [section]`, but no sentence.
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    let left_out = |line: &str| {
        let rest = line.strip_prefix("# ")?;
        let is_section = rest.starts_with('[') && rest.ends_with(']');
        let is_value = rest.split_once(" = ").is_some_and(|(name, _)| is_name(name));
        // These have no default, or none that can be written.
        let is_other = ["hosts", "commands-", "bytes-"].iter().any(|name| rest.starts_with(name));
        ((is_section || is_value) && !is_other).then(|| rest.to_owned())
    };
    let text = deploy("isocache.toml");
    let whole: Vec<_> = text.lines().map(|line| left_out(line).unwrap_or_else(|| line.to_owned())).collect();
    let added = text.lines().filter(|line| left_out(line).is_some()).count();
    assert!(added > 15, "only {added} lines are left out");
    let settings = Settings::parse("whole", &whole.join("\n"), |name| Some(format!("{name} {SECRET}"))).unwrap();
    assert_eq!(format!("{:?}", settings.server), format!("{:?}", ServerSettings::default()));
    let (listen, usual) = (settings.listen, Listen::default());
    assert_eq!((listen.base_path, listen.query_token), (usual.base_path, usual.query_token));
    let (store, usual) = (settings.store, StoreSettings::default());
    let of = |store: &StoreSettings| (store.snapshot_interval, store.max_entries, store.max_bytes);
    assert_eq!(of(&store), of(&usual));
    assert_eq!(settings.access.cors.max_age, Cors::default().max_age);
    let limits = &settings.access.limits;
    assert_eq!(limits.over(&Limits::READING), Limits::WRITING);
    assert_eq!([limits.max_body_bytes, limits.max_streams], [Some(Limits::WRITING.max_body_bytes), Some(16)]);
    assert!(text.contains(&format!("# For a read-only token it is {}.", Limits::READING.max_body_bytes)));
    assert!(settings.tls.is_some());
}

#[test]
fn documented_options_exist() {
    let help = run(Command::new(BINARY).args(["serve", "--help"]));
    let help = String::from_utf8(help.stdout).unwrap();
    let known: BTreeSet<&str> = help.split_whitespace().filter(|word| word.starts_with("--")).collect();
    let service = deploy("isocache.service");
    let started = unit(&service, "ExecStart")[0].to_owned();
    let command = words(&instruction("CMD ")).join(" ");
    let everything = [service, deploy("Dockerfile"), deploy("isocache.toml"), started, command].join("\n");
    let commands: Vec<_> = everything.lines().filter_map(|line| line.split_once("serve --")).collect();
    assert!(commands.len() >= 5, "{commands:?}");
    for (_, options) in commands {
        let options = format!("--{}", options.trim_end_matches(['"', ']']));
        for option in options.split([' ', '"', ',']).filter(|word| word.starts_with("--")) {
            assert!(known.contains(option), "there is no {option}");
        }
    }
}

#[test]
fn the_unit_fits_the_configuration() {
    let (settings, _) = example();
    let text = deploy("isocache.service");
    let one = |name: &str| match unit(&text, name)[..] {
        [value] => value,
        _ => panic!("one {name}"),
    };
    assert_eq!(one("DynamicUser"), "yes");
    let folder = Path::new("/var/lib").join(one("StateDirectory"));
    assert_eq!(settings.store.snapshot.as_deref().and_then(Path::parent), Some(&*folder));
    // systemd waits longer than the bridge.
    let timeout: u64 = one("TimeoutStopSec").trim_end_matches('s').parse().unwrap();
    assert!(timeout > settings.server.drain_timeout.as_secs());
    // The instructions at its top install the files that it uses.
    for used in [one("EnvironmentFile"), one("ExecStart").split_whitespace().nth(3).unwrap()] {
        assert!(text.lines().any(|line| line.starts_with('#') && line.contains(used)), "{used} is never installed");
    }
    for source in text.lines().filter(|line| line.starts_with("#   install")).flat_map(str::split_whitespace) {
        assert!(!source.starts_with("deploy/") || root().join(source).exists(), "{source} is not there");
    }
}

#[test]
fn systemd_understands_the_unit() {
    let folder = Folder::new();
    let path = folder.path().join("isocache.service");
    // systemd-analyze checks that the program exists.
    fs::write(&path, deploy("isocache.service").replace("/usr/local/bin/isocache", BINARY)).unwrap();
    let mut verify = Command::new("systemd-analyze");
    verify.args(["verify", "--man=no"]).arg(&path);
    if !Command::new("systemd-analyze").arg("--version").stdout(Stdio::null()).status().is_ok_and(|it| it.success()) {
        println!("skipped: there is no systemd-analyze to check deploy/isocache.service with");
        return;
    }
    let output = run(&mut verify);
    let said = String::from_utf8_lossy(&output.stderr);
    // It may also complain about other units, or a missing bus.
    let about_it: Vec<_> = said.lines().filter(|line| line.contains("isocache")).collect();
    assert!(output.status.success() && about_it.is_empty(), "{said}");
}

#[test]
fn the_image_is_built_from_existing_files() {
    let folder = Folder::new();
    let sources = copied();
    for source in &sources {
        assert!(root().join(source).exists(), "{source} is not there");
        let status = Command::new("cp").arg("-r").arg(root().join(source)).arg(folder.path()).status().unwrap();
        assert!(status.success());
    }
    // Every target of the packages, including examples and benchmarks, is copied.
    let mut metadata = Command::new(env!("CARGO"));
    metadata.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).current_dir(folder.path());
    let output = run(&mut metadata);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    for target in packages.iter().flat_map(|package| package["targets"].as_array().unwrap()) {
        let path = PathBuf::from(target["src_path"].as_str().unwrap());
        assert!(path.exists(), "{} is not copied", path.display());
    }
    let let_through = deploy("Dockerfile.dockerignore");
    let let_through: Vec<_> = let_through.lines().filter_map(|line| line.strip_prefix('!')).collect();
    assert_eq!(let_through, sources);
}

#[test]
fn the_image_runs_the_program_as_an_unprivileged_user() {
    let (lines, image) = (instructions(), deploy("Dockerfile"));
    let build = lines.iter().find(|line| line.starts_with("RUN cargo build")).unwrap();
    assert!(["--release", "--locked", "--package isocache-bridge"].iter().all(|word| build.contains(word)));
    assert!(lines.contains(&"COPY --from=build /build/target/release/isocache /usr/local/bin/isocache".to_owned()));
    assert_eq!(words(&instruction("ENTRYPOINT ")), ["isocache"]);
    let user = instruction("USER ");
    assert_eq!(user, "USER isocache");
    assert!(lines.iter().position(|line| *line == user) < lines.iter().position(|line| line.starts_with("ENTRYPOINT")));
    let (settings, _) = example();
    let volume = instruction("VOLUME ").replace("VOLUME ", "");
    assert_eq!(settings.store.snapshot.unwrap().parent().unwrap(), Path::new(&volume));
    // The compiler is new enough.
    let number = |text: &str, after: &str| {
        let text = text.split_once(after).unwrap().1.split(|it: char| !it.is_ascii_digit()).next().unwrap().to_owned();
        text.parse::<u32>().unwrap()
    };
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(number(&image, "FROM rust:1.") >= number(&manifest, "rust-version = \"1."));
    // Without a token, the command of the image refuses to listen on all addresses and opens no port.
    let mut bare = Command::new(BINARY);
    bare.args(words(&instruction("CMD "))).env_remove("ISOCACHE_TOKEN").env_remove("ISOCACHE_READ_ONLY_TOKEN");
    let output = run(&mut bare);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("ISOCACHE_TOKEN"), "{said}");
}

/// Runs the health check of the image for a bridge on another port.
fn health_check(port: u16) -> bool {
    let words = words(&instruction("HEALTHCHECK "));
    let [program, args @ ..] = words.as_slice() else { panic!("no command") };
    assert!(args.iter().any(|arg| arg.contains("/8079 ")));
    let args = args.iter().map(|arg| arg.replace("/8079 ", &format!("/{port} ")));
    run(Command::new(program).args(args)).status.success()
}

#[test]
fn the_example_serves_is_healthy_and_keeps_a_snapshot() {
    let folder = Folder::new();
    let (port, metrics) = (free_port(), free_port());
    let own = |text: &str| {
        let text = text.replace("0.0.0.0:8079", &format!("127.0.0.1:{port}"));
        text.replace("127.0.0.1:9079", &format!("127.0.0.1:{metrics}"))
    };
    let state = folder.path().display().to_string();
    let config = own(&deploy("isocache.toml")).replace("/var/lib/isocache", &state);
    fs::write(folder.path().join("isocache.toml"), config).unwrap();
    let service = deploy("isocache.service");
    let arguments = unit(&service, "ExecStart")[0].replace("/etc/isocache", &state);
    let log = fs::File::create(folder.path().join("log")).unwrap();
    let mut command = Command::new(BINARY);
    command.args(arguments.split_whitespace().skip(1)).stdout(log.try_clone().unwrap()).stderr(log);
    for name in example().1 {
        command.env(&name, format!("{name}-{SECRET}"));
    }
    assert!(!health_check(port));
    let mut bridge = Process::start(&mut command, folder.path()).unwrap();
    let log = || fs::read_to_string(folder.path().join("log")).unwrap();
    eventually("the bridge to listen", || {
        assert!(!bridge.has_ended(), "{}", log());
        log().contains("isocache: listening on").then_some(())
    });
    assert!(health_check(port));
    let ask = |port: u16, path: &str, token: &str| {
        let url = format!("http://127.0.0.1:{port}{path}");
        let token = format!("Authorization: Bearer {token}-{SECRET}");
        String::from_utf8(run(Command::new("curl").args(["-q", "-sS", "--noproxy", "*", "-H", &token, &url])).stdout)
            .unwrap()
    };
    assert_eq!(ask(port, "/set/shop:a/1", "ISOCACHE_SHOP_TOKEN"), r#"{"result":"OK"}"#);
    assert!(ask(port, "/set/other/1", "ISOCACHE_SHOP_TOKEN").contains("NOPERM"));
    assert_eq!(ask(port, "/dbsize", "ISOCACHE_OPERATOR_TOKEN"), r#"{"result":1}"#);
    assert!(ask(metrics, "/metrics", "").contains("isocache_commands_total"));
    assert!(Command::new("kill").arg(bridge.id().to_string()).status().unwrap().success());
    eventually("the bridge to end", || bridge.has_ended().then_some(()));
    assert!(!health_check(port));
    let snapshot = fs::read(folder.path().join("cache.snapshot")).unwrap();
    assert!(snapshot.windows(6).any(|bytes| bytes == b"shop:a"), "{}", log());
    assert!(!log().contains(SECRET));
}
