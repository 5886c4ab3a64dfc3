use isocache::cached;

pub struct Db;

#[cached(stale_while_revalidate = "1m", skip(_db))]
async fn not_clone(_db: &Db, id: u64) -> u64 { id }

fn main() {}
