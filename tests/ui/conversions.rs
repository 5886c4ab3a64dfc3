use isocache::cached;

#[derive(Clone, Debug)]
pub struct MyError;

#[cached(on_error = propagate)]
async fn propagate(id: u64) -> Result<u64, MyError> { Ok(id) }

#[cached(timeout = "5s")]
async fn timeout(id: u64) -> Result<u64, MyError> { Ok(id) }

fn main() {}
