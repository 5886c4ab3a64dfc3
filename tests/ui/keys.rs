use isocache::cached;

struct User { id: u64 }

#[cached(key = "user:{id}")]
async fn unknown(user_id: u64) -> u64 { user_id }

#[cached(key = "user:{user.name.first}")]
async fn unknown_root(users: User) -> u64 { users.id }

#[cached(key = "user:{id")]
async fn open(id: u64) -> u64 { id }

#[cached(key = "user:${id}")]
async fn of_a_template_literal(id: u64) -> u64 { id }

#[cached(key = "user:{0}")]
async fn by_position(id: u64) -> u64 { id }

#[cached(key = "user:{a}{b}")]
async fn adjacent(a: u64, b: u64) -> u64 { a + b }

#[cached(key = "{id}")]
async fn no_literal(id: u64) -> u64 { id }

#[cached(key = "user:{id}", skip(id))]
async fn skipped(id: u64) -> u64 { id }

#[cached(skip(db))]
async fn skips_what_is_not_there(id: u64) -> u64 { id }

#[cached(key = format!("user:{id}"))]
async fn no_key(id: u64) -> u64 { id }

#[cached(key = |user| user.to_string())]
async fn closure_of_unknown(id: u64) -> u64 { id }

#[cached(key = |(a, b)| a.to_string())]
async fn closure_of_pattern(a: u64) -> u64 { a }

#[cached(key = async |id| format!("user:{id}"))]
async fn waiting(id: u64) -> u64 { id }

#[cached]
async fn many(
    a: u64, b: u64, c: u64, d: u64, e: u64, f: u64, g: u64, h: u64,
    i: u64, j: u64, k: u64, l: u64, m: u64, n: u64, o: u64, p: u64, q: u64,
) -> u64 { a + b + c + d + e + f + g + h + i + j + k + l + m + n + o + p + q }

#[cached]
async fn generic<T: Into<u64>>(id: T) -> u64 { id.into() }

#[cached]
async fn implied(id: impl Into<u64>) -> u64 { id.into() }

#[cached(key = "user:{u.0x}")]
async fn no_field(u: User) -> u64 { u.id }

#[cached]
async fn implied_within(ids: &[impl Into<u64>]) -> u64 { ids.len() as u64 }

#[cached(key = "user:{self.id}")]
async fn no_self(id: u64) -> u64 { id }

struct Users;

impl Users {
    #[cached]
    async fn method(&self, id: u64) -> u64 { id }

    #[cached(in_impl)]
    async fn associated(id: u64) -> u64 { id }
}

fn main() {}
