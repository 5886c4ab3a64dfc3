//! The announcements of a bridge without a stream.

use std::time::Duration;

use isocache::{CacheError, CacheProvider, Invalidation, InvalidationSource, Position};

use super::invalidations::{Running, client, memory_bridge};

#[tokio::test]
async fn polling_tells_what_was_missed() {
    let url = memory_bridge().await;
    let http = client(&url).namespace("shop").build().unwrap();
    let (far, source) = http.with_invalidations();
    let source = source.polling(Duration::from_secs(3600)).unwrap();
    let Ok(Invalidation::Reset { position: Some(start) }) = source.poll(None).await else { panic!() };
    assert_eq!(source.latest(), Some(start));
    far.set("a", "1".into(), None).await.unwrap();
    http.set("b", "1".into(), None).await.unwrap();
    let Ok(Invalidation::Keys { keys, own, position: Some(now) }) = source.poll(Some(start)).await else { panic!() };
    assert_eq!((keys, own), (vec!["a".to_owned(), "b".to_owned()], vec!["a".to_owned()]));
    assert!(now.is_after(start));
    // A response shows that there are changes.
    http.set("c", "1".into(), None).await.unwrap();
    assert_eq!(http.get("c").await.unwrap().as_deref(), Some("1"));
    assert!(source.latest().is_some_and(|latest| latest.is_after(now)), "{:?}", source.latest());
    let unknown = Position { epoch: 7, sequence: 0 };
    let Ok(Invalidation::Reset { position: Some(_) }) = source.poll(Some(unknown)).await else { panic!() };
    for wrong in [Duration::ZERO, Duration::from_secs(3601)] {
        let error = http.invalidations().polling(wrong).unwrap_err();
        assert!(matches!(error, CacheError::InvalidArgument { argument: "interval", .. }), "{error:?}");
    }
}

#[tokio::test]
async fn polling_runs_by_itself_too() {
    let url = memory_bridge().await;
    let cache = client(&url).build().unwrap();
    let source = cache.invalidations().polling(Duration::from_millis(10)).unwrap();
    let mut running = Running::start(&source, None);
    let Invalidation::Connected { resumed: false, heartbeat, .. } = running.next().await else { panic!() };
    assert_eq!(heartbeat, Duration::from_millis(10));
    cache.set("a", "1".into(), None).await.unwrap();
    assert_eq!(running.keys_until("a").await, [("a".to_owned(), false)]);
    let Invalidation::Heartbeat { position: Some(_), .. } = running.next().await else { panic!() };
}
