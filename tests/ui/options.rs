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

#[cached(jitter = 1.5)]
async fn jitter() -> u64 { 1 }

#[cached(on_error = ignore)]
async fn on_error() -> u64 { 1 }

#[cached(name = "")]
async fn name() -> u64 { 1 }

fn main() {}
