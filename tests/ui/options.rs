use isocache::cached;

#[cached(tll = 300)]
async fn unknown() -> u64 { 1 }

#[cached(ttl = 300, ttl = 300)]
async fn twice() -> u64 { 1 }

#[cached(ttl = 0)]
async fn zero() -> u64 { 1 }

#[cached(ttl = "5 minutes")]
async fn no_duration() -> u64 { 1 }

#[cached(ttl = 0.5)]
async fn half() -> u64 { 1 }

#[cached(ttl = "9007199254740993ms")]
async fn too_long() -> u64 { 1 }

#[cached(ttl = minutes())]
async fn no_duration_expression() -> u64 { 1 }

fn minutes() -> u64 { 5 }

#[cached(jitter = 1.5)]
async fn jitter() -> u64 { 1 }

#[cached(on_error = ignore)]
async fn on_error() -> u64 { 1 }

#[cached(name = "")]
async fn name() -> u64 { 1 }

#[cached(cache_none)]
async fn cache_none() -> Result<u64, String> { Ok(1) }

#[cached(on_error = propagate)]
async fn propagate() -> Option<u64> { None }

#[cached(timeout = "5s")]
async fn timeout() -> u64 { 1 }

fn main() {}
