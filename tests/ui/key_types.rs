use isocache::cached;

pub struct User { id: u64 }

#[cached]
async fn not_serialize(user: User) -> u64 { user.id }

#[cached(key = "user:{price}")]
async fn no_key_part(price: f64) -> u64 { price as u64 }

#[cached(key = "user:{user.name}")]
async fn no_field(user: User) -> u64 { user.id }

fn main() {}
