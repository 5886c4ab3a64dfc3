//! Publishing and subscribing.

use bytes::Bytes;
use isocache_bridge::store::memory::{Lagged, MemoryStoreOptions, Message};
use isocache_protocol::Reply;

use super::support::{run, store, store_with};

fn names(names: &[&str]) -> Vec<Bytes> {
    names.iter().map(|name| Bytes::copy_from_slice(name.as_bytes())).collect()
}

fn message(pattern: Option<&str>, channel: &str, payload: &str) -> Message {
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    Message { pattern: pattern.map(bytes), channel: bytes(channel), payload: bytes(payload) }
}

#[tokio::test]
async fn messages_reach_channels_and_patterns_in_order() {
    let (store, _clock) = store();
    assert_eq!(run(&store, "PUBLISH news 0"), Reply::Integer(0));
    let mut named = store.subscribe(&names(&["news", "news", "other"]), &[]);
    let mut both = store.subscribe(&names(&["news"]), &names(&["n*", "x*"]));
    assert_eq!(run(&store, "PUBLISH news 1"), Reply::Integer(3));
    assert_eq!(run(&store, "PUBLISH nothing 2"), Reply::Integer(1));
    assert_eq!(run(&store, "PUBLISH other 3"), Reply::Integer(1));
    assert_eq!(named.recv().await, Some(Ok(message(None, "news", "1"))));
    assert_eq!(named.recv().await, Some(Ok(message(None, "other", "3"))));
    assert_eq!(both.recv().await, Some(Ok(message(None, "news", "1"))));
    assert_eq!(both.recv().await, Some(Ok(message(Some("n*"), "news", "1"))));
    assert_eq!(both.recv().await, Some(Ok(message(Some("n*"), "nothing", "2"))));
}

#[tokio::test]
async fn a_message_wakes_a_waiting_subscriber() {
    let (store, _clock) = store();
    let mut subscription = store.subscribe(&names(&["c"]), &[]);
    let waiting = tokio::spawn(async move { subscription.recv().await });
    tokio::task::yield_now().await;
    run(&store, "PUBLISH c 1");
    let received = tokio::time::timeout(std::time::Duration::from_secs(300), waiting).await.unwrap().unwrap();
    assert_eq!(received, Some(Ok(message(None, "c", "1"))));
}

#[tokio::test]
async fn a_lagging_subscriber_is_disconnected_and_others_are_not() {
    let (store, _clock) = store_with(MemoryStoreOptions { subscriber_queue: 2, ..Default::default() });
    let mut slow = store.subscribe(&names(&["c"]), &[]);
    let mut quick = store.subscribe(&names(&["c"]), &[]);
    for (payload, receivers) in [("1", 2), ("2", 2), ("3", 1), ("4", 1)] {
        assert_eq!(run(&store, &format!("PUBLISH c {payload}")), Reply::Integer(receivers), "{payload}");
        assert_eq!(quick.recv().await, Some(Ok(message(None, "c", payload))));
    }
    assert_eq!(slow.recv().await, Some(Ok(message(None, "c", "1"))));
    assert_eq!(slow.recv().await, Some(Ok(message(None, "c", "2"))));
    assert_eq!(slow.recv().await, Some(Err(Lagged)));
    assert_eq!(slow.recv().await, None);
    assert_eq!(slow.recv().await, None);
    assert_eq!(run(&store, "PUBSUB NUMSUB c"), Reply::Array(vec![Reply::bulk("c"), Reply::Integer(1)]));
}

#[test]
fn dropping_unsubscribes() {
    let (store, _clock) = store();
    let one = store.subscribe(&names(&["a", "b"]), &names(&["p*"]));
    let other = store.subscribe(&names(&["b"]), &names(&["p*", "q"]));
    assert_eq!(run(&store, "PUBSUB NUMPAT"), Reply::Integer(2));
    assert_eq!(run(&store, "PUBSUB CHANNELS a"), Reply::Array(vec![Reply::bulk("a")]));
    drop(one);
    assert_eq!(run(&store, "PUBSUB CHANNELS"), Reply::Array(vec![Reply::bulk("b")]));
    assert_eq!(run(&store, "PUBLISH a 1"), Reply::Integer(0));
    assert_eq!(run(&store, "PUBLISH b 1"), Reply::Integer(1));
    drop(other);
    assert_eq!(run(&store, "PUBSUB NUMPAT"), Reply::Integer(0));
    assert_eq!(run(&store, "PUBSUB CHANNELS"), Reply::Array(Vec::new()));
}
