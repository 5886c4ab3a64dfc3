//! A service that caches users by entity, and lists of them by page; a write invalidates both.
//!
//! `cargo run --example user_service --features redis -- redis://127.0.0.1`, then
//! `curl localhost:3000/users/1`, `curl localhost:3000/users?page=0`,
//! `curl -X PUT localhost:3000/users/1 -H 'content-type: application/json' -d '{"name":"Ada"}'`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use isocache::{CacheInvalidator, EntityInvalidator, RedisCacheProvider, cached};
use serde::{Deserialize, Serialize};

const USERS_PER_PAGE: usize = 10;

/// What is cached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// Which user.
    pub id: u64,
    /// How the user is called.
    pub name: String,
}

/// Stands for a database. It counts the reads, to show which were spared.
#[derive(Default)]
pub struct Database {
    users: Mutex<BTreeMap<u64, User>>,
    /// How often it was read.
    pub reads: AtomicU64,
}

impl Database {
    fn one(&self, id: u64) -> Option<User> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.users.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    fn page(&self, page: usize) -> Vec<User> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        users.values().skip(page * USERS_PER_PAGE).take(USERS_PER_PAGE).cloned().collect()
    }

    fn save(&self, user: User) {
        self.users.lock().unwrap_or_else(PoisonError::into_inner).insert(user.id, user);
    }
}

#[derive(Clone)]
struct Service {
    users: RedisCacheProvider<User>,
    lists: RedisCacheProvider<Vec<User>>,
    stale: EntityInvalidator,
    database: Arc<Database>,
}

/// The service, over a cache and a database.
///
/// # Errors
/// If the patterns of the keys are none.
pub fn app(users: RedisCacheProvider<User>, database: Arc<Database>) -> isocache::Result<Router> {
    // The same keys as in every other program on this cache, such as a page behind the bridge.
    let stale = CacheInvalidator::new(users.clone()).entity("user").key("user:{id}")?.lists("user_list:*")?;
    let service = Service { lists: users.view(), users, stale, database };
    Ok(Router::new().route("/users", get(list)).route("/users/{id}", get(read).put(write)).with_state(service))
}

// A cache that fails is no reason to fail: the database has the answer.
#[allow(clippy::unused_async, reason = "a real database is waited for")]
impl Service {
    #[cached(ttl = "5m", key = "user:{id}", provider = self.users)]
    async fn one(&self, id: u64) -> Option<User> {
        self.database.one(id)
    }

    #[cached(ttl = "5m", key = "user_list:{page}", provider = self.lists)]
    async fn page(&self, page: usize) -> Vec<User> {
        self.database.page(page)
    }
}

async fn read(State(service): State<Service>, Path(id): Path<u64>) -> Result<Json<User>, StatusCode> {
    service.one(id).await.map(Json).ok_or(StatusCode::NOT_FOUND)
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    page: usize,
}

async fn list(State(service): State<Service>, Query(Page { page }): Query<Page>) -> Json<Vec<User>> {
    Json(service.page(page).await)
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

async fn write(State(service): State<Service>, Path(id): Path<u64>, Json(Name { name }): Json<Name>) -> StatusCode {
    let save = async { service.database.save(User { id, name }) };
    match service.stale.after(save, id).await.invalidated {
        Ok(_) => StatusCode::NO_CONTENT,
        // Saved, but what is cached may be old until its ttl is over: whoever wrote should know.
        Err(error) => {
            eprintln!("cache: {error}");
            StatusCode::ACCEPTED
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "redis://127.0.0.1".into());
    let users = RedisCacheProvider::<User>::builder(&url).namespace("example").build()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app(users, Arc::default())?).await?)
}
