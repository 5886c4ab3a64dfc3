use isocache::cached;

#[cached(stale_while_revalidate = "1m", skip(count))]
async fn mutable(count: &mut u64) -> u64 { *count }

#[cached(stale_while_revalidate = "1m", skip(parts))]
async fn within<'a>(parts: &[&'a str]) -> u64 { parts.len() as u64 }

#[cached(early_refresh = "1m", skip(part))]
async fn held(part: std::borrow::Cow<'_, str>) -> u64 { part.len() as u64 }

struct Users;

impl Users {
    #[cached(stale_while_revalidate = "1m", key = "user:{id}")]
    async fn method(&self, id: u64) -> u64 { id }
}

fn main() {}
