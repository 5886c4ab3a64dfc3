use isocache::cached;

pub struct User { id: u64 }

#[cached]
async fn not_serialize(user: User) -> u64 { user.id }

#[cached]
async fn one_of_several(id: u64, users: &[User]) -> u64 { id + users.len() as u64 }

#[cached(key = "user:{ids}")]
async fn no_key_part(ids: Vec<u64>) -> u64 { ids.len() as u64 }

#[cached(key = "user:{user.name}")]
async fn no_field(user: User) -> u64 { user.id }

fn main() {}
