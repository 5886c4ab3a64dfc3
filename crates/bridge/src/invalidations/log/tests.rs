//! The log, from the change of a key to its readers.

use super::super::history::{MAX_BYTES, MAX_KEYS};
use super::super::{ChangedKey, Event};
use super::*;

fn key(name: &str) -> Bytes {
    Bytes::copy_from_slice(name.as_bytes())
}

/// Records changes without an origin.
fn change(log: &Log, names: &[&str]) {
    log.keys(names.iter().map(|name| key(name).into()).collect());
}

fn told(names: &[&str]) -> Vec<ChangedKey> {
    names.iter().map(|name| ChangedKey { key: key(name), is_own: false }).collect()
}

/// The event for these keys.
fn keys(names: &[&str], position: Position) -> Event {
    Event::Keys(Arc::new(Changes::new(names.iter().map(|name| key(name).into()).collect(), position)))
}

fn sorted(changes: &Changes) -> Vec<ChangedKey> {
    let mut keys = changes.keys();
    keys.sort_unstable();
    keys
}

fn wanted(prefixes: &[&str], since: Option<Position>) -> Wanted {
    Wanted { prefixes: prefixes.iter().map(|prefix| key(prefix)).collect(), since, origin: None }
}

fn open() -> Arc<Log> {
    let log = Arc::new(Log::default());
    log.open();
    log
}

fn everything(since: Option<Position>) -> Wanted {
    wanted(&[""], since)
}

fn next(reader: &mut Reader) -> Option<Event> {
    use futures_util::FutureExt;
    reader.next().now_or_never().expect("an event, or the end")
}

fn is_idle(reader: &mut Reader) -> bool {
    use futures_util::FutureExt;
    reader.next().now_or_never().is_none()
}

#[test]
fn a_closed_log_records_nothing() {
    let log = Arc::new(Log::default());
    change(&log, &["a"]);
    log.all();
    log.heartbeat();
    assert_eq!((log.position(), log.readers(), log.counts().recorded_and_resets()), (None, 0, (0, 0)));
    assert!(log.read(everything(None)).is_none());
}

#[test]
fn readers_see_the_changes_of_their_prefixes() {
    let log = open();
    let mut all = log.read(everything(None)).unwrap();
    let mut users = log.read(wanted(&["user:1", "user:", "card:"], None)).unwrap();
    change(&log, &["user:1", "order:1"]);
    let at = log.position().unwrap();
    let Some(Event::Keys(changes)) = next(&mut all) else { panic!() };
    assert_eq!((sorted(&changes), changes.position()), (told(&["order:1", "user:1"]), at));
    let before = Position { sequence: at.sequence - 1, ..at };
    assert_eq!(next(&mut users), Some(keys(&["user:1"], at)));
    let missed = log.missed(everything(Some(before))).unwrap().0;
    assert_eq!(missed, Missed::Keys(told(&["order:1"])), "keys that change together have positions of their own");
    change(&log, &["order:2"]);
    assert!(is_idle(&mut users));
    log.all();
    assert_eq!(next(&mut users), Some(Event::All(log.position().unwrap())));
    log.heartbeat();
    assert_eq!(next(&mut users), Some(Event::Heartbeat(log.position().unwrap())));
    drop((all, users));
    assert_eq!(log.readers(), 0);
    assert!(log.state().as_ref().unwrap().index.readers(b"user:1").next().is_none());
}

#[test]
fn a_reader_that_comes_back_is_told_what_it_missed() {
    let log = open();
    change(&log, &["a:1"]);
    let since = log.position().unwrap();
    change(&log, &["a:2", "b:2"]);
    change(&log, &["a:3", "a:2"]);
    let missed = Missed::Keys(told(&["a:2", "a:3"]));
    assert_eq!(log.missed(wanted(&["a:"], Some(since))), Some((missed, log.position().unwrap())));
    let mut reader = log.read(wanted(&["b:"], Some(since))).unwrap();
    assert_eq!(next(&mut reader), Some(keys(&["b:2"], log.position().unwrap())));
    let mut reader = log.read(wanted(&["c:"], Some(since))).unwrap();
    assert_eq!(next(&mut reader), Some(Event::Heartbeat(log.position().unwrap())), "at once, since it missed nothing");
    assert!(is_idle(&mut reader));
    log.all();
    assert_eq!(log.missed(wanted(&["c:"], Some(since))).unwrap().0, Missed::Everything);
}

#[test]
fn unknown_positions_mean_that_everything_may_have_changed() {
    let log = open();
    let old = log.position().unwrap();
    let mut reader = log.read(everything(Some(Position { sequence: 5, ..old }))).unwrap();
    assert_eq!(next(&mut reader), Some(Event::Reset(old)));
    log.open();
    assert_eq!(next(&mut reader), None);
    let new = log.position().unwrap();
    assert_ne!(old.epoch, new.epoch);
    assert_eq!(log.missed(everything(Some(old))), Some((Missed::Everything, new)));
    // An old reader does not disturb a new one with the same number.
    let kept = log.read(everything(None)).unwrap();
    drop(reader);
    assert_eq!(log.readers(), 1);
    drop(kept);
    log.close();
    assert_eq!(log.missed(everything(Some(new))), None);
}

#[test]
fn the_history_is_bounded() {
    let log = open();
    let start = log.position().unwrap();
    for number in 0..MAX_KEYS {
        change(&log, &[&number.to_string()]);
    }
    assert_eq!(
        log.missed(wanted(&["77"], Some(start))).unwrap().0,
        Missed::Keys(
            (0..MAX_KEYS)
                .map(|number| number.to_string())
                .filter(|name| name.starts_with("77"))
                .map(|name| key(&name))
                .collect::<std::collections::BTreeSet<_>>()
                .into_iter()
                .map(|key| ChangedKey { key, is_own: false })
                .collect()
        )
    );
    assert_eq!(log.missed(everything(Some(start))).unwrap().0, Missed::Everything, "too many to name");
    change(&log, &["one more"]);
    assert_eq!(log.missed(wanted(&["77"], Some(start))).unwrap().0, Missed::Everything);
    let log = open();
    let start = log.position().unwrap();
    change(&log, &[&"x".repeat(MAX_BYTES)]);
    assert!(matches!(log.missed(everything(Some(start))).unwrap().0, Missed::Keys(_)));
    change(&log, &["a"]);
    assert_eq!(log.missed(everything(Some(start))).unwrap().0, Missed::Everything);
}

#[tokio::test]
async fn a_change_wakes_a_reader_that_waits() {
    let log = open();
    let mut reader = log.read(everything(None)).unwrap();
    let waiting = tokio::spawn(async move { reader.next().await });
    tokio::task::yield_now().await;
    change(&log, &["a"]);
    assert_eq!(waiting.await.unwrap(), Some(keys(&["a"], log.position().unwrap())));
    log.close();
    let reopened = tokio::spawn({
        let log = Arc::clone(&log);
        async move { log.opened().await }
    });
    tokio::task::yield_now().await;
    assert!(!reopened.is_finished());
    log.open();
    reopened.await.unwrap();
}

#[test]
fn readers_know_their_own_changes() {
    let log = open();
    let (own, other) = (Origin::new(b"own").ok(), Origin::new(b"other").ok());
    let start = log.position();
    let reader = |since| log.read(Wanted { origin: own, ..everything(since) }).unwrap();
    let before = reader(None);
    let by = |name: &str, origin| Change { key: key(name), origin };
    log.keys(vec![by("a", own), by("b", own), by("c", other), by("d", None)]);
    log.keys(vec![by("b", other), by("c", own)]);
    let expected: Vec<_> = [("a", true), ("b", false), ("c", true), ("d", false)]
        .map(|(name, is_own)| ChangedKey { key: key(name), is_own })
        .into();
    for mut reader in [before, reader(start)] {
        let Some(Event::Keys(changes)) = next(&mut reader) else { panic!() };
        assert_eq!(sorted(&changes), expected);
    }
    let missed = log.missed(Wanted { origin: own, ..everything(start) });
    assert_eq!(missed.unwrap().0, Missed::Keys(expected));
    let foreign = log.missed(everything(start)).unwrap().0;
    assert_eq!(foreign, Missed::Keys(told(&["a", "b", "c", "d"])), "a reader without a name has no changes of its own");
}

#[test]
fn changes_are_recorded_in_the_order_in_which_they_were_noted() {
    let log = open();
    let own = Origin::new(b"own").ok();
    let mut reader = log.read(Wanted { origin: own, ..everything(None) }).unwrap();
    // The second one publishes both.
    log.note(Noted::Keys(vec![Change { key: key("a"), origin: own }]));
    log.note(Noted::Keys(vec![key("a").into()]));
    log.publish();
    log.publish();
    assert_eq!(next(&mut reader), Some(keys(&["a"], log.position().unwrap())));
    assert_eq!(log.position().unwrap().sequence, 2);
    assert!(is_idle(&mut reader));
    log.note(Noted::All);
    log.open();
    log.publish();
    assert_eq!(log.position().unwrap().sequence, 0, "what was noted in an old epoch");
}
