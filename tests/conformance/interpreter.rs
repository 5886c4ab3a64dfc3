//! Carries out the steps of a case through the traits of providers, and nothing else.

use std::time::{Duration, SystemTime};

use isocache::{
    AtomicProvider, CacheError, CacheProvider, CacheStats, Clock, CounterProvider, KeysProvider, ManualClock,
    TouchProvider, UnixClock,
};
use serde_json::{Value, json};

use super::Knowledge;
use super::table::{Call, Case, Entry, Outcome, Text, TtlMs, shortened};

/// A provider of all operations.
pub trait Complete:
    CacheProvider<Value> + TouchProvider<Value> + AtomicProvider<Value> + KeysProvider + CounterProvider
{
}

impl<P> Complete for P where
    P: CacheProvider<Value> + TouchProvider<Value> + AtomicProvider<Value> + KeysProvider + CounterProvider
{
}

/// Runs a case up to its first step that does not do as expected, and says what that step did instead.
pub async fn run<P: CacheProvider<Value>>(
    case: &Case,
    provider: &P,
    clock: &ManualClock,
    knowledge: Knowledge,
    more: impl AsyncFn(&P, &Call) -> Result<Value, CacheError>,
) -> Result<(), String> {
    for (index, step) in case.steps.iter().enumerate().filter(|(_, step)| !step.only_js) {
        let result = call(&step.call, provider, clock, &more).await;
        let fits = match (&step.outcome, &result) {
            (Outcome::Answer(expected), Ok(answer)) => fits(&step.call, expected, answer, knowledge),
            (Outcome::Done, Ok(_)) => true,
            (Outcome::InvalidArgument { names }, Err(error @ CacheError::InvalidArgument { .. })) => {
                let message = error.to_string();
                names.iter().all(|name| message.contains(name))
            }
            _ => false,
        };
        if !fits {
            return Err(format!("step {}: {} came to {}", index + 1, step.text, shortened(&format!("{result:?}"))));
        }
    }
    Ok(())
}

/// An operation beyond [`CacheProvider`].
pub async fn complete<P: Complete>(provider: &P, call: &Call) -> Result<Value, CacheError> {
    Ok(match call {
        Call::Keys { pattern } => {
            let pattern = pattern.as_ref().map_or("*", |pattern| &pattern.0);
            let mut keys = provider.keys(pattern)?.collect().await?;
            keys.sort_unstable();
            json!(keys)
        }
        Call::Ttl { key } => match provider.ttl(&key.0).await? {
            None => json!("absent"),
            Some(Duration::MAX) => json!("forever"),
            Some(left) => json!(u64::try_from(left.as_millis()).expect("a short time")),
        },
        Call::Touch(touched) => json!(provider.touch(&touched.key.0, touched.ttl()).await?),
        Call::GetAndTouch(touched) => found(provider.get_and_touch(&touched.key.0, touched.ttl()).await?),
        Call::GetAndDelete { key } => found(provider.get_and_delete(&key.0).await?),
        Call::SetIfAbsent(entry) => {
            let (key, value, ttl) = parts(entry);
            json!(provider.set_if_absent(key, value, ttl).await?)
        }
        Call::Replace(entry) => {
            let (key, value, ttl) = parts(entry);
            json!(provider.replace(key, value, ttl).await?)
        }
        Call::ExistsMany { keys } => json!(provider.exists_many(&texts(keys)).await?),
        Call::DeleteManyEach { keys } => json!(provider.delete_many_each(&texts(keys)).await?),
        Call::Increment { key, by, ttl_ms } => {
            json!(provider.increment(&key.0, *by, ttl_ms.map(TtlMs::duration)).await?)
        }
        Call::IncrementWithin { key, by, floor, ceiling, ttl_ms } => {
            let ttl = ttl_ms.map(TtlMs::duration);
            let counted = provider.increment_within(&key.0, *by, *floor..=*ceiling, ttl).await?;
            json!({ "stored": counted.stored, "count": counted.count })
        }
        _ => unreachable!("an operation of every provider"),
    })
}

async fn call<P: CacheProvider<Value>>(
    call: &Call,
    provider: &P,
    clock: &ManualClock,
    more: &impl AsyncFn(&P, &Call) -> Result<Value, CacheError>,
) -> Result<Value, CacheError> {
    Ok(match call {
        Call::Set(Entry { key, value, expires_in_ms: Some(ms), .. }) => {
            // In WebAssembly, the standard library has no clock.
            let now = SystemTime::UNIX_EPOCH + Duration::from_millis(UnixClock.now_ms());
            let distance = Duration::from_millis(ms.unsigned_abs());
            let at = if *ms < 0 { now - distance } else { now + distance };
            provider.set_until(&key.0, value.clone(), at).await?;
            Value::Null
        }
        Call::Set(entry) => {
            let (key, value, ttl) = parts(entry);
            provider.set(key, value, ttl).await?;
            Value::Null
        }
        Call::Get { key } => found(provider.get(&key.0).await?),
        Call::Delete { key } => json!(provider.delete(&key.0).await?),
        Call::Exists { key } => json!(provider.exists(&key.0).await?),
        Call::ClearPattern { pattern } => json!(provider.clear_pattern(&pattern.0).await?),
        Call::GetMany { keys } => provider.get_many(&texts(keys)).await?.into_iter().map(found).collect(),
        Call::SetMany { entries } => {
            provider.set_many(entries.iter().map(parts).collect()).await?;
            Value::Null
        }
        Call::DeleteMany { keys } => json!(provider.delete_many(&texts(keys)).await?),
        Call::Stats {} => stats(&provider.get_stats().await?),
        Call::Advance { ms } => {
            clock.advance(Duration::from_millis(*ms));
            Value::Null
        }
        _ => more(provider, call).await?,
    })
}

fn texts(keys: &[Text]) -> Vec<&str> {
    keys.iter().map(|key| key.0.as_str()).collect()
}

fn parts(entry: &Entry) -> (&str, Value, Option<Duration>) {
    (&entry.key.0, entry.value.clone(), entry.ttl_ms.map(TtlMs::duration))
}

/// A lookup's answer as the table writes it.
fn found(value: Option<Value>) -> Value {
    value.map_or_else(|| json!("absent"), |value| json!({ "found": value }))
}

fn stats(stats: &CacheStats) -> Value {
    json!({
        "hits": stats.hits,
        "misses": stats.misses,
        "sets": stats.sets,
        "deletes": stats.deletes,
        "evictions": stats.evictions,
        "expirations": stats.expirations,
        "entries": stats.entries,
        "bytes": stats.bytes,
        "hit_rate": stats.hit_rate(),
    })
}

/// Of the statistics, a case names those that matter to it. They compare as numbers: a rate of 0 may be written `0`.
fn fits(call: &Call, expected: &Value, answer: &Value, knowledge: Knowledge) -> bool {
    let unknown = |name: &str, own: Option<f64>| match name {
        _ if knowledge == Knowledge::Everything => false,
        "entries" => own.is_none(),
        "evictions" | "expirations" => own == Some(0.0),
        _ => false,
    };
    match (call, expected) {
        (Call::Stats {}, Value::Object(expected)) => expected.iter().all(|(name, expected)| {
            let own = answer.get(name).and_then(Value::as_f64);
            own.is_some() && own == expected.as_f64() || unknown(name, own)
        }),
        _ => expected == answer,
    }
}
