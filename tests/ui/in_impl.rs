use isocache::cached;

struct Users;

impl Users {
    #[cached(key = "user:{id}")]
    pub async fn find(id: u64) -> u64 { id }
}

fn main() {}
