use isocache::cached;

#[cached(ttl = minutes())]
async fn no_duration_expression() -> u64 { 1 }

fn minutes() -> u64 { 5 }

#[cached(cache_none)]
async fn cache_none() -> Result<u64, String> { Ok(1) }

#[cached(on_error = propagate)]
async fn propagate() -> Option<u64> { None }

#[cached(timeout = "5s")]
async fn timeout() -> u64 { 1 }

#[cached(cache_none)]
async fn two_nones() -> Option<Option<u64>> { None }

#[cached(cache_none)]
async fn two_nones_or_error() -> Result<Option<Option<u64>>, String> { Ok(None) }

fn main() {}
