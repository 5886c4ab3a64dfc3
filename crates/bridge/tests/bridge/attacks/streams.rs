//! Subscriptions: too many, to channels of others, with forged events, and by slow readers.

use crate::attacks::requests::{level, reaches};
use crate::client::Raw;
use crate::support::{Start, StoreKind};
use crate::tenants::{self, A, Tenants};
use servers::PATIENCE;

async fn channels_have_prefixes_too(store: StoreKind) {
    let tenants = Tenants::start(store).await;
    let watch = tenants.watch();
    for path in [
        "/subscribe/b:news",
        "/subscribe/a:news/b:news",
        "/subscribe/a",
        "/subscribe/%62:news",
        "/subscribe/__keyspace@0__:b:secret",
        "/psubscribe/*",
        "/psubscribe/b:*",
        "/psubscribe/a*",
        "/psubscribe/[a]:*",
        "/psubscribe/?:*",
        "/psubscribe/a:*/b:*",
        "/SUBSCRIBE/b:news",
        "/ssubscribe/a:news",
        "/monitor",
    ] {
        for caller in [&tenants.a, &tenants.reader] {
            let (status, text) = caller.subscribe(path).await.unwrap_err().error();
            assert!(status == 400 && (text.starts_with("NOPERM") || text.starts_with("ERR ")), "{path}: {text}");
        }
    }
    for path in
        ["/subscribe", "/subscribe/a:x,a:y", "/subscribe/a:x%0Adata:%20x", &format!("/subscribe{}", "/a:x".repeat(101))]
    {
        assert_eq!(tenants.a.subscribe(path).await.unwrap_err().error().0, 400, "{path}");
    }
    for body in ["[\"SUBSCRIBE\",\"a:x\"]", "[\"PSUBSCRIBE\",\"a:*\"]"] {
        let (_, text) = tenants.a.post("/", body).await.error();
        assert!(text.starts_with("ERR a subscription is a stream"), "{text}");
    }
    watch.finish().await;
}

async fn a_message_reaches_its_own_channel_as_one_event(store: StoreKind) {
    let tenants = Tenants::start(store).await;
    let watch = tenants.watch();
    let mut a = tenants.a.subscribe("/subscribe/a:news").await.unwrap();
    let mut every = tenants.a.subscribe("/psubscribe/a:*").await.unwrap();
    let mut b = tenants.b.subscribe("/subscribe/b:news").await.unwrap();
    assert_eq!(a.next().await.unwrap(), "subscribe,a:news,1");
    assert_eq!(every.next().await.unwrap(), "psubscribe,a:*,1");
    assert_eq!(b.next().await.unwrap(), "subscribe,b:news,1");
    assert!(tenants.a.command(&["PUBLISH", "b:news", "x"]).await.error().1.starts_with("NOPERM"));
    for forged in
        ["x\n\ndata: message,b:news,forged", "x\r\rdata: message,b:news,forged", "x\ndata: message,a:news,forged\n\n"]
    {
        assert_eq!(tenants.a.result(&["PUBLISH", "a:news", forged]).await, 2);
        let payload = serde_json::to_string(forged).unwrap();
        assert_eq!(a.next().await.unwrap(), format!("message,a:news,{payload}"));
        assert_eq!(every.next().await.unwrap(), format!("pmessage,a:*,a:news,{payload}"));
    }
    assert_eq!(tenants.b.result(&["PUBLISH", "b:news", "real"]).await, 1);
    assert_eq!(b.next().await.unwrap(), "message,b:news,real", "and nothing before it");
    watch.finish().await;
}

async fn one_tenant_cannot_take_all_streams(store: StoreKind) {
    let config = tenants::config("[server]\nmax-streams = 4", "max-streams = 2");
    let tenants = Tenants::with(store, Start::config(config)).await;
    let watch = tenants.watch();
    let first = tenants.a.subscribe("/subscribe/a:1").await.unwrap();
    let second = tenants.a.subscribe("/psubscribe/a:*").await.unwrap();
    for _ in 0..3 {
        let third = tenants.a.subscribe("/subscribe/a:1").await.unwrap_err();
        assert_eq!(
            third.error(),
            (429, "ERR refused by the bridge: too many subscriptions at once, the limit is 2".into())
        );
        assert_eq!(third.header("retry-after"), Some("1"));
    }
    let mut b =
        [tenants.b.subscribe("/subscribe/b:1").await.unwrap(), tenants.b.subscribe("/subscribe/b:2").await.unwrap()];
    let fifth = tenants.b.subscribe("/subscribe/b:3").await.unwrap_err();
    assert_eq!((fifth.error().0, fifth.header("retry-after")), (503, Some("1")));
    for (at, events) in b.iter_mut().enumerate() {
        assert_eq!(events.next().await.unwrap(), format!("subscribe,b:{},1", at + 1));
    }
    // A closed subscription makes room for another.
    drop(first);
    reaches(&tenants.admin, "streams", 3).await;
    let again = tenants.a.subscribe("/subscribe/a:1").await.unwrap();
    drop((second, again, b));
    reaches(&tenants.admin, "streams", 0).await;
    watch.finish().await;
}

/// Messages that nobody takes are kept for a while only, and so is the place.
async fn a_subscriber_that_does_not_read(store: StoreKind) {
    let config = tenants::config("[server]\nwrite-timeout = \"300ms\"", "");
    let mut tenants = Tenants::with(store, Start::config(config)).await;
    let watch = tenants.watch();
    let mut idle = Raw::connect(tenants.bridge.address).await;
    let host = tenants.bridge.address;
    let head = format!("GET /subscribe/a:news HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {A}");
    idle.send(format!("{head}\r\nAccept: text/event-stream\r\n\r\n")).await.until("subscribe,a:news,1").await;
    let mut reads = tenants.b.subscribe("/subscribe/b:news").await.unwrap();
    reads.next().await.unwrap();
    assert_eq!(level(&tenants.admin, "streams").await, 2);
    let message = "m".repeat(60_000);
    let publish = async {
        while level(&tenants.admin, "streams").await > 1 {
            tenants.a.pipeline(&vec![vec!["PUBLISH", "a:news", &message]; 20]).await;
        }
    };
    tokio::time::timeout(PATIENCE, publish).await.expect("who does not read keeps its place");
    assert_eq!(tenants.b.result(&["PUBLISH", "b:news", "still"]).await, 1);
    assert_eq!(reads.next().await.unwrap(), "message,b:news,still");
    if tenants.bridge.store.is_redis() {
        let server = tenants.bridge.redis();
        servers::eventually("the subscription to end", || {
            (server.cli(&["PUBSUB", "NUMSUB", "a:news"]) == "a:news\n0").then_some(())
        });
    }
    watch.finish().await;
}

/// A response that the client does not read does not keep its connection open.
async fn a_response_that_is_not_read(store: StoreKind) {
    let config = tenants::config("[server]\nwrite-timeout = \"300ms\"", "");
    let tenants = Tenants::with(store, Start::config(config)).await;
    let watch = tenants.watch();
    let value = "v".repeat(4 << 20);
    assert_eq!(tenants.a.result(&["SET", "a:big", &value]).await, "OK");
    let host = tenants.bridge.address;
    let ask = format!("GET /get/a:big HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {A}\r\n\r\n");
    let mut idle = Raw::connect(host).await;
    servers::eventually("the connection to be open", || idle.is_open_for_the_bridge().then_some(()));
    // The system takes some of it, the bridge the next few, and the rest stays with the sender: it never gets to them.
    idle.send(ask.repeat(8)).await;
    idle.until("HTTP/1.1 200").await;
    servers::eventually("the connection to be closed", || (!idle.is_open_for_the_bridge()).then_some(()));
    watch.finish().await;
}

crate::on_both_stores!(
    channels_have_prefixes_too,
    a_message_reaches_its_own_channel_as_one_event,
    one_tenant_cannot_take_all_streams,
    a_subscriber_that_does_not_read,
    a_response_that_is_not_read,
);
