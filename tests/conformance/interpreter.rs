//! Carries out the steps of a case through [`CacheProvider`], and nothing else.

use std::time::Duration;

use isocache::{CacheError, CacheProvider, CacheStats, ManualClock};
use serde_json::{Value, json};

use super::Knowledge;
use super::table::{Call, Case, Entry, Life, Outcome, shortened};

/// Runs a case up to its first step that does not do as expected, and says what that step did instead.
pub async fn run<P: CacheProvider<Value>>(
    case: &Case,
    provider: &P,
    clock: &ManualClock,
    knowledge: Knowledge,
) -> Result<(), String> {
    for (index, step) in case.steps.iter().enumerate().filter(|(_, step)| !step.only_js) {
        let result = call(&step.call, provider, clock).await;
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

async fn call<P: CacheProvider<Value>>(call: &Call, provider: &P, clock: &ManualClock) -> Result<Value, CacheError> {
    Ok(match call {
        Call::Set(entry) => {
            let (key, value, ttl) = parts(entry);
            provider.set(key, value, ttl).await?;
            Value::Null
        }
        Call::Get { key } => found(provider.get(&key.0).await?),
        Call::Delete { key } => json!(provider.delete(&key.0).await?),
        Call::Exists { key } => json!(provider.exists(&key.0).await?),
        Call::ClearPattern { pattern } => json!(provider.clear_pattern(&pattern.0).await?),
        Call::GetMany { keys } => {
            let keys: Vec<_> = keys.iter().map(|key| key.0.as_str()).collect();
            provider.get_many(&keys).await?.into_iter().map(found).collect()
        }
        Call::SetMany { entries } => {
            provider.set_many(entries.iter().map(parts).collect()).await?;
            Value::Null
        }
        Call::DeleteMany { keys } => {
            let keys: Vec<_> = keys.iter().map(|key| key.0.as_str()).collect();
            json!(provider.delete_many(&keys).await?)
        }
        Call::Stats {} => stats(&provider.get_stats().await?),
        Call::Advance { ms } => {
            clock.advance(Duration::from_millis(*ms));
            Value::Null
        }
    })
}

fn parts(entry: &Entry) -> (&str, Value, Option<Duration>) {
    (&entry.key.0, entry.value.clone(), entry.ttl_ms.map(Life::duration))
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
