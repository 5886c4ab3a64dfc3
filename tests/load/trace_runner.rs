//! Runs the rules of loading as data, which JavaScript has too: the traces of `tests/vectors/loading.json`, whose format
//! is described in the file. Each runs in several orders of its tasks.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use isocache::{BoxFuture, CacheAside, CacheError, LoadError, LoadOptions, Loaded, OnError, Result, Runtime};
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

use crate::executor::{Executor, Seeded};

/// The number of cases in the file.
pub const CASES: usize = 136;

thread_local! {
    static CHANCE: Cell<f64> = const { Cell::new(0.5) };
}

/// Time that the trace moves, and the tasks in the background.
#[derive(Clone, Default)]
pub struct Stage(Arc<Mutex<Plans>>);

#[derive(Default)]
struct Plans {
    now: Duration,
    sleepers: Vec<(Duration, Waker)>,
    tasks: Vec<BoxFuture<'static, ()>>,
}

impl Runtime for Stage {
    fn spawn(&self, task: BoxFuture<'static, ()>) -> std::result::Result<(), BoxFuture<'static, ()>> {
        self.0.lock().unwrap().tasks.push(task);
        Ok(())
    }

    fn sleep(&self, time: Duration) -> Option<BoxFuture<'static, ()>> {
        let plans = Arc::clone(&self.0);
        let end = plans.lock().unwrap().now + time;
        Some(Box::pin(std::future::poll_fn(move |context| {
            let mut plans = plans.lock().unwrap();
            if plans.now >= end {
                return Poll::Ready(());
            }
            plans.sleepers.push((end, context.waker().clone()));
            Poll::Pending
        })))
    }
}

impl Stage {
    fn advance(&self, by: Duration) {
        let due = {
            let mut plans = self.0.lock().unwrap();
            plans.now += by;
            let now = plans.now;
            let (due, later) = std::mem::take(&mut plans.sleepers).into_iter().partition(|(end, _)| *end <= now);
            plans.sleepers = later;
            Vec::<(Duration, Waker)>::into_iter(due)
        };
        due.for_each(|(_, waker)| waker.wake());
    }

    pub fn tasks(&self) -> Vec<BoxFuture<'static, ()>> {
        std::mem::take(&mut self.0.lock().unwrap().tasks)
    }
}

/// The outcome of a loader run.
type Outcome = std::result::Result<Option<Loaded<String>>, String>;

/// What the tasks of a case report.
#[derive(Default)]
struct Log {
    answers: Map<String, Value>,
    /// Callers with more than one answer.
    twice: Vec<String>,
    runs: Vec<Option<oneshot::Sender<Outcome>>>,
}

type SharedLog = Arc<Mutex<Log>>;

/// Controls the provider of a case.
pub trait Controls {
    /// Time passes for the entries.
    fn advance(&self, by: Duration);

    /// The number of live entries.
    ///
    /// # Panics
    /// If the provider cannot tell it.
    fn count(&self) -> u64;

    /// Lets operations fail, or holds them, as the event `store` says.
    ///
    /// # Panics
    /// If operations of the provider take no time.
    fn become_state(&self, state: &str);

    /// Whether something is under way outside of the tasks of the case, such as a request to a server.
    fn is_busy(&self) -> bool {
        false
    }

    /// Lets what runs outside of the tasks of the case go on until it waits for something.
    fn catch_up(&self) {}
}

struct Run<P, C> {
    cache: P,
    controls: C,
    options: Map<String, Value>,
    stage: Stage,
    executor: Executor<'static>,
    seeded: Seeded,
    callers: BTreeMap<String, usize>,
    log: SharedLog,
}

impl<P: CacheAside<String> + Clone + 'static, C: Controls> Run<P, C> {
    /// Lets everything go on until nothing moves.
    fn settle(&mut self) {
        loop {
            for task in self.stage.tasks() {
                self.executor.spawn(task);
            }
            if self.executor.step(&mut self.seeded) {
                continue;
            }
            if !self.controls.is_busy() {
                self.controls.catch_up();
                if !self.controls.is_busy() && !self.executor.step(&mut self.seeded) {
                    return;
                }
                continue;
            }
            // A server has not answered yet.
            std::thread::sleep(Duration::from_micros(50));
        }
    }

    /// Runs an operation of a caller, whose answer is logged.
    fn call(&mut self, caller: &str, work: impl Future<Output = Value> + 'static) {
        let (log, name) = (Arc::clone(&self.log), caller.to_owned());
        let number = self.executor.spawn(async move {
            let answer = work.await;
            let mut log = log.lock().unwrap();
            if log.answers.insert(name.clone(), answer).is_some() {
                log.twice.push(name);
            }
        });
        self.callers.insert(caller.to_owned(), number);
    }

    fn load(&mut self, caller: &str, key: String, own: Option<&Value>) {
        let mut given = self.options.clone();
        given.extend(own.map(|own| own.as_object().unwrap().clone()).unwrap_or_default());
        let options = options(&given, self.stage.clone());
        let (cache, log) = (self.cache.clone(), Arc::clone(&self.log));
        let loader = move || {
            let (sender, receiver) = oneshot::channel();
            log.lock().unwrap().runs.push(Some(sender));
            async move { receiver.await.unwrap_or_else(|_| Err("the case has ended".into())) }
        };
        self.call(caller, async move {
            match cache.get_or_refresh_optional(&key, options, loader).await {
                Ok(value) => json!(value),
                Err(LoadError::Loader(text)) => json!({ "error": *text }),
                Err(LoadError::TimedOut { .. }) => json!({ "error": "timeout" }),
                Err(LoadError::Cache(error)) => failure(&error),
                Err(error) => panic!("{error}"),
            }
        });
    }

    fn finish(&mut self, event: &Map<String, Value>) {
        let at = usize::try_from(event["finish"].as_u64().unwrap()).unwrap() - 1;
        let run = self.log.lock().unwrap().runs.get_mut(at).and_then(Option::take);
        let run = run.unwrap_or_else(|| panic!("there is no run {}, or it has ended", at + 1));
        let outcome = if let Some(error) = event.get("error") {
            Err(error.as_str().unwrap().to_owned())
        } else if event.contains_key("nothing") {
            Ok(None)
        } else {
            let mut loaded = Loaded::new(event["value"].as_str().unwrap().to_owned());
            if let Some(ttl) = event.get("ttl") {
                loaded = loaded.ttl(time(ttl));
            }
            Ok(Some(if event.contains_key("no_store") { loaded.no_store() } else { loaded }))
        };
        // The caller of a run that its language has ended does not listen any more.
        drop(run.send(outcome));
    }

    fn event(&mut self, event: &Map<String, Value>) {
        const KINDS: [(&str, &[&str]); 13] = [
            ("load", &["options", "key"]),
            ("finish", &["value", "ttl", "no_store", "nothing", "error"]),
            ("set", &["value", "ttl", "key"]),
            ("delete", &["key"]),
            ("clear", &["pattern"]),
            ("get", &["key"]),
            ("get_many", &["keys"]),
            ("has", &["key"]),
            ("count", &[]),
            ("advance", &[]),
            ("give_up", &[]),
            ("store", &[]),
            // The last, because it is a part of other events too.
            ("ttl", &["key"]),
        ];
        let (kind, parts) = KINDS.into_iter().find(|(kind, _)| event.contains_key(*kind)).expect("a known event");
        let unknown = event.keys().find(|name| {
            let name = name.as_str();
            name != kind && name != "answers" && name != "loads" && !parts.contains(&name)
        });
        assert_eq!(unknown, None, "it is no part of {kind}");
        let key = event.get("key").map_or("k", |key| key.as_str().unwrap()).to_owned();
        let text = |name: &str| event[name].as_str().unwrap().to_owned();
        let cache = self.cache.clone();
        match kind {
            "load" => self.load(&text(kind), key, event.get("options")),
            "finish" => self.finish(event),
            "set" => {
                let (value, ttl) = (text("value"), time(&event["ttl"]));
                let set = async move { answer(cache.set(&key, value, Some(ttl)).await.map(|()| "done")) };
                self.call(&text(kind), set);
            }
            "delete" => self.call(&text(kind), async move { answer(cache.delete(&key).await) }),
            "clear" => {
                let pattern = text("pattern");
                self.call(&text(kind), async move { answer(cache.clear_pattern(&pattern).await) });
            }
            "get" => self.call(&text(kind), async move { answer(cache.get(&key).await) }),
            "get_many" => {
                let keys: Vec<String> = serde_json::from_value(event["keys"].clone()).unwrap();
                self.call(&text(kind), async move {
                    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                    answer(cache.get_many(&keys).await)
                });
            }
            "has" => self.call(&text(kind), async move { answer(cache.exists(&key).await) }),
            "ttl" => self.call(&text(kind), async move {
                let found = cache.get_with_ttl(&key).await;
                answer(
                    found.map(|found| found.map(|(_, left)| left.map(|left| u64::try_from(left.as_millis()).unwrap()))),
                )
            }),
            "count" => {
                let entries = self.controls.count();
                self.call(&text(kind), async move { json!(entries) });
            }
            "advance" => {
                let by = time(&event[kind]);
                self.controls.advance(by);
                self.stage.advance(by);
            }
            "give_up" => self.executor.cancel(self.callers[event[kind].as_str().unwrap()]),
            _ => self.controls.become_state(&text(kind)),
        }
    }

    /// Compares what an event lists with what has happened.
    fn compare(&mut self, event: &Map<String, Value>) -> std::result::Result<(), String> {
        let mut log = self.log.lock().unwrap();
        if !log.twice.is_empty() {
            return Err(format!("{:?} have two answers", log.twice));
        }
        if self.executor.panics() > 0 {
            return Err("a task panicked".to_owned());
        }
        if let Some(expected) = event.get("answers") {
            let found = Value::Object(std::mem::take(&mut log.answers));
            if found != *expected {
                return Err(format!("answers: {found}"));
            }
        }
        match event.get("loads").and_then(Value::as_u64) {
            Some(loads) if loads != log.runs.len() as u64 => Err(format!("loads: {}", log.runs.len())),
            _ => Ok(()),
        }
    }
}

fn failure(error: &CacheError) -> Value {
    match error {
        CacheError::InvalidArgument { .. } => json!({ "error": "invalid" }),
        CacheError::Connection(_) => json!({ "error": "store" }),
        error => panic!("{error}"),
    }
}

fn answer(answer: Result<impl serde::Serialize>) -> Value {
    answer.map_or_else(|error| failure(&error), |answer| json!(answer))
}

/// A time in milliseconds; null is without end.
fn time(given: &Value) -> Duration {
    if given.is_null() { Duration::MAX } else { Duration::from_millis(given.as_u64().unwrap()) }
}

fn options(given: &Map<String, Value>, stage: Stage) -> LoadOptions {
    let options = LoadOptions::new().runtime(stage).random(|| CHANCE.get());
    given.iter().fold(options, |options, (name, value)| match name.as_str() {
        "ttl" => options.ttl(time(value)),
        "stale_while_revalidate" => options.stale_while_revalidate(time(value)),
        "stale_if_error" => options.stale_if_error(time(value)),
        "early_refresh" => options.early_refresh(time(value)),
        "jitter" => options.jitter(value.as_f64().unwrap()),
        "timeout" => options.timeout((!value.is_null()).then(|| time(value))),
        "force_fresh" if value == true => options.force_fresh(),
        "detached" if value == true => options.detached(),
        "force_fresh" | "detached" => options,
        "on_error" => options.on_error(match value.as_str() {
            Some("bypass") => OnError::Bypass,
            Some("propagate") => OnError::Propagate,
            _ => panic!("on_error: {value}"),
        }),
        _ => panic!("an unknown option: {name}"),
    })
}

fn run<P, C>(case: &Value, cache: P, controls: C, seed: u64) -> std::result::Result<(), String>
where
    P: CacheAside<String> + Clone + 'static,
    C: Controls,
{
    CHANCE.set(case.get("random").map_or(0.5, |random| random.as_f64().unwrap()));
    let mut run = Run {
        cache,
        controls,
        options: case["options"].as_object().unwrap().clone(),
        stage: Stage::default(),
        executor: Executor::default(),
        seeded: Seeded(seed),
        callers: BTreeMap::new(),
        log: SharedLog::default(),
    };
    for (at, event) in case["trace"].as_array().unwrap().iter().enumerate() {
        let event = event.as_object().unwrap();
        run.event(event);
        run.settle();
        run.compare(event).map_err(|found| format!("event {}: {}: {found}", at + 1, json!(event)))?;
    }
    let left = json!({ "answers": {} });
    run.compare(left.as_object().unwrap()).map_err(|found| format!("at the end: {found}"))
}

/// Runs the cases for which a provider has what they need, in `seeds` orders each. Returns the names of the others.
///
/// # Panics
/// If a case fails.
pub fn run_all<P, C>(provider: &str, has: &[&str], seeds: u64, make: impl Fn() -> (P, C)) -> Vec<String>
where
    P: CacheAside<String> + Clone + 'static,
    C: Controls,
{
    let file: Value = serde_json::from_str(include_str!("../vectors/loading.json")).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), CASES, "the number of cases has changed: change it here, too");
    let can_run = |case: &&Value| {
        let needs = case.get("needs").map_or(&[][..], |needs| needs.as_array().unwrap());
        needs.iter().all(|need| has.contains(&need.as_str().unwrap()))
    };
    let (cases, others): (Vec<&Value>, Vec<&Value>) = cases.iter().partition(can_run);
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            (0..seeds).find_map(|seed| {
                let (cache, controls) = make();
                run(case, cache, controls, seed).err().map(|why| format!("{}, seed {seed}: {why}", case["name"]))
            })
        })
        .collect();
    println!("{provider}: {} of {CASES} cases, in {seeds} orders each", cases.len());
    assert!(failures.is_empty(), "{provider}, {} of {}:\n{}", failures.len(), cases.len(), failures.join("\n"));
    others.iter().map(|case| case["name"].as_str().unwrap().to_owned()).collect()
}
