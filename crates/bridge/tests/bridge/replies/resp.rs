//! Batches in RESP, in which nothing is text.

use crate::client::resp;
use crate::support::{Bridge, Start, StoreKind};
use crate::tenants::Tenants;

/// Every byte, and what would end a line, a string or a number in other encodings.
fn awkward() -> Vec<Vec<u8>> {
    vec![
        (0..=255).collect(),
        b"\r\n".to_vec(),
        b"$5\r\nhello\r\n".to_vec(),
        b"\0".to_vec(),
        vec![],
        vec![0xff, 0xfe, 0xc3, 0x28, 0xed, 0xa0, 0x80],
        b"+OK\r\n-ERR x\r\n:1\r\n*-1\r\n".to_vec(),
        "\u{1f600}\u{2028}\"\\".into(),
    ]
}

fn bulk(value: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", value.len()).as_bytes(), value, b"\r\n"].concat()
}

async fn bytes_go_in_and_come_out(store: StoreKind) {
    let tenants = Tenants::start(store).await;
    for path in ["/pipeline", "/multi-exec"] {
        let (mut commands, mut expected): (Vec<Vec<Vec<u8>>>, Vec<u8>) = (Vec::new(), Vec::new());
        for value in awkward() {
            // As the value, and as a part of the key.
            let key = [b"a:", &value[..]].concat();
            commands.push(vec![b"SET".to_vec(), key.clone(), value.clone()]);
            expected.extend(b"+OK\r\n");
            commands.push(vec![b"GET".to_vec(), key.clone()]);
            expected.extend(bulk(&value));
            commands.push(vec![b"STRLEN".to_vec(), key.clone()]);
            expected.extend(format!(":{}\r\n", value.len()).as_bytes());
            commands.push(vec![b"MGET".to_vec(), key.clone(), b"a:missing".to_vec(), key]);
            expected.extend([b"*3\r\n", &bulk(&value)[..], b"$-1\r\n", &bulk(&value)].concat());
        }
        let response = tenants.a.resp(path, resp(&commands)).await;
        assert_eq!(response.status, 200);
        assert_eq!(response.header("content-type"), Some("application/x-resp"));
        assert!(response.header("upstash-sync-token").is_some());
        assert_eq!(response.body, expected, "{path}");
    }
}

async fn errors_stand_in_their_places(store: StoreKind) {
    let tenants = Tenants::start(store).await;
    let commands = [&["SET", "a:x", "text"][..], &["INCR", "a:x"], &["GET", "b:secret"], &["GET", "a:x"], &["EXEC"]];
    let response = tenants.a.resp("/pipeline", resp(&commands)).await.text();
    let expected = "+OK\r\n-ERR value is not an integer or out of range\r\n\
                    -NOPERM refused by the bridge: a key is outside the prefixes of this token\r\n\
                    $4\r\ntext\r\n-ERR refused by the bridge: 'exec' is never forwarded, because it has a route of its own: /multi-exec, /subscribe or /psubscribe\r\n";
    assert_eq!(response, expected);
    // In a transaction, what fails when it is carried out fails alone.
    let response = tenants.a.resp("/multi-exec", resp(&commands[..2])).await.text();
    assert_eq!(response, "+OK\r\n-ERR value is not an integer or out of range\r\n");
    // What is refused as a whole is refused in JSON.
    let refused = tenants.a.resp("/multi-exec", resp(&commands)).await;
    assert_eq!((refused.error().0, refused.header("content-type")), (400, Some("application/json")));
}

async fn eight_mebibytes(store: StoreKind) {
    let bridge = Bridge::start(store, Start::default());
    let nobody = bridge.nobody();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let value: Vec<u8> = (0..8 << 20)
        .map(|_| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed.to_le_bytes()[3]
        })
        .collect();
    assert_eq!(nobody.post("/set/raw", value.clone()).await.result(), "OK");
    let set = resp(&[[&b"SET"[..], b"resp", &value]]);
    assert_eq!(nobody.resp("/pipeline", set).await.body, b"+OK\r\n");
    let both = resp(&[["GET", "raw"], ["GET", "resp"]]);
    // Two of them are too much for one response; one after the other is fine.
    assert_eq!(nobody.resp("/pipeline", both).await.error().0, 413);
    for key in ["raw", "resp"] {
        let got = nobody.resp("/pipeline", resp(&[["GET", key]])).await;
        assert!(got.body == bulk(&value), "{key}: {} bytes", got.body.len());
        let request = nobody.request(reqwest::Method::GET, &format!("/get/{key}"));
        let got = nobody.send(request.header("upstash-response-format", "resp2")).await;
        assert!(got.body == bulk(&value), "{key}: {} bytes", got.body.len());
        let request = nobody.request(reqwest::Method::POST, "/").header("upstash-encoding", "base64");
        let got = nobody.send(request.body(format!("[\"GET\",\"{key}\"]"))).await.result();
        assert!(got == crate::client::base64(&value), "{key}");
    }
}

crate::on_both_stores!(bytes_go_in_and_come_out, errors_stand_in_their_places, eight_mebibytes);
