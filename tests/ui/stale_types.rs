use isocache::cached;

pub struct Db;

#[cached(stale_while_revalidate = "1m", skip(db))]
async fn not_clone(db: &Db, id: u64) -> u64 { id }

fn main() {}
