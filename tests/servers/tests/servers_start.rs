//! The servers that tests rely on do what they should.
#![cfg(all(unix, not(target_arch = "wasm32")))]

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use redis::{Client, Connection, RedisResult, cmd};
use servers::clock::ServerClock;
use servers::cluster::Cluster;
use servers::process::run;
use servers::proxy::Proxy;
use servers::redis::{Options, RedisServer};
use servers::sentinel::SentinelSet;
use servers::tools::{python, valkey_server};
use servers::{PATIENCE, eventually};

const DAY_MS: u64 = 86_400_000;

fn connect(server: &RedisServer) -> Connection {
    let connection = Client::open(server.url()).unwrap().get_connection_with_timeout(PATIENCE).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    connection
}

/// A connection on which commands are written as lines.
fn line(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends a `PING`, and returns the reply, until it is complete or the connection ends.
fn ping(stream: &mut TcpStream) -> std::io::Result<String> {
    stream.write_all(b"PING\r\n")?;
    let mut answer = Vec::new();
    stream.take(7).read_to_end(&mut answer)?;
    Ok(String::from_utf8(answer).unwrap())
}

/// Whether a process exists and has not ended, waited for or not.
fn is_there(process: u32) -> bool {
    let exists = run(Command::new("sh").args(["-c", "kill -0 $0", &process.to_string()])).status.success();
    let state = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    exists && !state.contains(") Z")
}

#[test]
fn killed_and_restarted_on_the_same_port() {
    let mut server = RedisServer::plain();
    let (port, process) = (server.port, server.process_id());
    assert_eq!(server.cli(&["SET", "k", "v"]), "OK");
    server.kill();
    assert!(!is_there(process));
    assert_eq!(TcpStream::connect(("127.0.0.1", port)).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    server.restart();
    assert_eq!((server.port, ping(&mut line(port)).unwrap().as_str()), (port, "+PONG\r\n"));
    assert_eq!(server.cli(&["EXISTS", "k"]), "0");
}

#[test]
fn frozen_and_thawed() {
    let server = RedisServer::plain();
    let mut stream = line(server.port);
    for _ in 0..20 {
        server.freeze();
        stream.write_all(b"PING\r\n").unwrap();
        stream.set_read_timeout(Some(std::time::Duration::from_millis(10))).unwrap();
        let error = stream.read(&mut [0]).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
        server.thaw();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut answer = [0; 7];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"+PONG\r\n");
    }
    server.freeze();
}

/// A server that already listens at a candidate port is not taken for the one that was started.
#[test]
fn each_server_is_its_own() {
    let servers: Vec<_> = (0..10).map(|_| RedisServer::plain()).collect();
    for server in &servers {
        let info: String = cmd("INFO").arg("server").query(&mut connect(server)).unwrap();
        assert!(info.contains(&format!("\r\nprocess_id:{}\r\n", server.process_id())), "{info}");
    }
}

#[test]
fn socket_password_limit_and_tls() {
    let unix = RedisServer::start(Options { unix: true, ..Options::default() });
    assert_eq!(cmd("PING").query::<String>(&mut connect(&unix)).unwrap(), "PONG");
    assert_eq!(unix.cli(&["CONFIG", "GET", "port"]), "port\n0");

    let users = RedisServer::start(Options::config(&["requirepass secret", "user app on >word ~app:* +@all"]));
    assert!(users.cli(&["PING"]).starts_with("NOAUTH"));
    assert_eq!(users.cli(&["-a", "secret", "--no-auth-warning", "PING"]), "PONG");
    let app = ["--user", "app", "--pass", "word", "--no-auth-warning", "GET"];
    assert_eq!(users.cli(&[&app[..], &["app:k"]].concat()), "");
    assert!(users.cli(&[&app[..], &["k"]].concat()).starts_with("NOPERM"));

    let full = RedisServer::start(Options::config(&["maxmemory 1", "maxmemory-policy noeviction"]));
    assert!(full.cli(&["SET", "k", "v"]).starts_with("OOM"));

    let tls = RedisServer::start(Options { tls: true, ..Options::default() });
    assert_eq!(tls.cli(&["PING"]), "PONG");
    assert_ne!(ping(&mut line(tls.port)).unwrap_or_default(), "+PONG\r\n", "nothing but TLS");
}

/// To the millisecond, by `clock`. Redis keeps a key through the millisecond in which its TTL ends.
fn time_is_exact(connection: &mut Connection, clock: &ServerClock) -> RedisResult<()> {
    let mut now = 1_700_000_000_000;
    for round in 0..200u64 {
        clock.set_ms(now);
        let (seconds, micros): (u64, u64) = cmd("TIME").query(connection)?;
        assert_eq!(seconds * 1000 + micros / 1000, now);
        cmd("SET").arg("k").arg("v").arg("PX").arg(1500).exec(connection)?;
        for (passed, left, alive) in
            [(0, 1500, true), (1, 1499, true), (1499, 1, true), (1500, 0, true), (1501, -2, false)]
        {
            clock.set_ms(now + passed);
            assert_eq!(cmd("PTTL").arg("k").query::<i64>(connection)?, left, "{round}: after {passed} ms");
            assert_eq!(cmd("EXISTS").arg("k").query::<bool>(connection)?, alive, "{round}: after {passed} ms");
        }
        now += 60 * DAY_MS + round;
    }
    Ok(())
}

#[test]
fn the_clock_is_the_tests() {
    let clock = ServerClock::new();
    let server = RedisServer::start(Options { clock: Some(clock.clone()), ..Options::default() });
    time_is_exact(&mut connect(&server), &clock).unwrap();
}

#[test]
fn a_cluster_and_its_clock() {
    let clock = ServerClock::new();
    let cluster = Cluster::start(Some(&clock));
    let now = 1_900_000_000_000;
    for jump in 0..20 {
        clock.set_ms(now + jump * 60 * DAY_MS);
        for node in &cluster.nodes {
            assert_eq!(node.cli(&["TIME"]).lines().next(), Some(&*((now + jump * 60 * DAY_MS) / 1000).to_string()));
            assert!(node.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok"));
        }
    }
    for (index, node) in cluster.nodes.iter().enumerate() {
        assert!(node.cli(&["ROLE"]).starts_with(if index < 3 { "master" } else { "slave" }));
    }
}

#[test]
fn a_cluster_moves_a_slot_and_loses_a_primary() {
    let mut cluster = Cluster::start(None);
    let keys: Vec<String> = (0..50).map(|n| format!("{{tag}}{n}")).collect();
    let slot: u16 = cluster.nodes[0].cli(&["CLUSTER", "KEYSLOT", "{tag}"]).parse().unwrap();
    let from = usize::from(slot) * 3 / 16_384;
    let to = (from + 1) % 3;
    for key in &keys {
        assert_eq!(cluster.nodes[from].cli(&["SET", key, "v"]), "OK");
    }
    let size = |node: usize| cluster.nodes[node].cli(&["DBSIZE"]).parse::<usize>().unwrap();
    cluster.move_slot(slot, from, to, || assert_eq!((size(from), size(to)), (25, 25)));
    assert_eq!((size(from), size(to)), (0, 50));
    assert!(cluster.nodes[from].cli(&["GET", &keys[0]]).starts_with("MOVED"));
    // The keys must still exist when the replica has taken over.
    eventually("the keys to reach the replica", || (size(to + 3) == 50).then_some(()));
    cluster.fail_over(to);
    assert_eq!(cluster.nodes[to + 3].cli(&["GET", &keys[7]]), "v");
}

#[test]
fn sentinels_agree_on_a_new_primary() {
    let mut set = SentinelSet::start(None, None);
    set.fail_over();
    assert!(set.servers[1].cli(&["ROLE"]).starts_with("master"));
    assert!(!set.servers[0].runs());
}

#[test]
fn sentinels_change_the_primary_on_demand() {
    let set = SentinelSet::start(None, None);
    assert_eq!(set.servers[0].cli(&["SET", "k", "v"]), "OK");
    set.hand_over();
    assert!(set.servers[0].cli(&["SET", "k", "w"]).starts_with("READONLY"));
    assert_eq!(set.servers[1].cli(&["SET", "k", "w"]), "OK");
}

#[test]
fn a_proxy_spoils_what_it_is_told_to() {
    let server = RedisServer::plain();
    let proxy = Proxy::start(server.port);
    let whole = |stream: &mut TcpStream| assert_eq!(ping(stream).unwrap(), "+PONG\r\n");
    let mut stream = line(proxy.port);
    whole(&mut stream);
    assert_eq!((proxy.connections(), proxy.reply_bytes()), (1, 7));

    proxy.cut();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "an end in good order");
    stream = line(proxy.port);
    whole(&mut stream);
    proxy.reset();
    assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);

    stream = line(proxy.port);
    proxy.truncate_after(3);
    assert_eq!(ping(&mut stream).unwrap(), "+PO");
    stream = line(proxy.port);
    whole(&mut stream);

    proxy.delay(std::time::Duration::from_millis(30));
    let asked = std::time::Instant::now();
    whole(&mut stream);
    assert!(asked.elapsed().as_millis() >= 30);
    proxy.pass();

    proxy.swallow();
    stream.set_read_timeout(Some(std::time::Duration::from_millis(30))).unwrap();
    assert!(matches!(ping(&mut stream).unwrap_err().kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
    proxy.lose_replies();
    assert!(!ping(&mut line(proxy.port)).is_ok_and(|answer| !answer.is_empty()));
    proxy.refuse();
    assert!(!ping(&mut line(proxy.port)).is_ok_and(|answer| !answer.is_empty()));
    proxy.pass();
    whole(&mut line(proxy.port));
}

#[test]
fn valkey_and_python() {
    if let Some(program) = valkey_server() {
        let server = RedisServer::start(Options { program: Some(program), ..Options::default() });
        assert!(server.cli(&["INFO", "server"]).contains("valkey_version:"));
        let script = "import redis, sys\nprint(redis.Redis(port=int(sys.argv[1])).ping())";
        if let Some(printed) = python("redis", script, &[&server.port.to_string()]) {
            assert_eq!(printed, "True\n");
        }
    }
}

/// With this variable, [`a_killed_test_leaves_nothing`] is the test that is killed. It names the file to which the test
/// writes what it has started.
const LEAVES: &str = "ISOCACHE_TEST_LEAVES";

/// A test that is killed cannot stop what it has started; nor can a value in a static.
#[test]
fn a_killed_test_leaves_nothing() {
    if let Some(file) = std::env::var_os(LEAVES) {
        let server = RedisServer::start(Options { unix: true, ..Options::default() });
        server.freeze();
        let unfinished = Path::new(&file).with_extension("unfinished");
        std::fs::write(&unfinished, format!("{}\n{}", server.process_id(), server.socket().display())).unwrap();
        std::fs::rename(unfinished, file).unwrap();
        std::thread::sleep(PATIENCE * 2);
        return;
    }
    let folder = servers::Folder::new();
    let file = folder.path().join("started");
    let mut test = Command::new(std::env::current_exe().unwrap());
    test.args(["--exact", "a_killed_test_leaves_nothing"]).env(LEAVES, &file).stdout(Stdio::null());
    let mut test = test.spawn().unwrap();
    let started = eventually("the other test to start a server", || std::fs::read_to_string(&file).ok());
    let (process, socket) = started.split_once('\n').unwrap();
    let process = process.parse().unwrap();
    let both = (is_there(process), Path::new(socket).exists());
    test.kill().unwrap();
    test.wait().unwrap();
    assert_eq!(both, (true, true));
    eventually("the server to end", || (!is_there(process)).then_some(()));
    eventually("its folder to go", || (!Path::new(socket).parent().unwrap().exists()).then_some(()));
}
