//! A service that caches users and lists of users, in memory before Redis; a write invalidates both, also in other processes. Its page shares the cache through the bridge:
//! see the README beside this file.
//!
//! `cargo run --example user_service --features redis`, then
//! `curl localhost:3000/users/1`, `curl localhost:3000/users?page=0`,
//! `curl -X PUT localhost:3000/users/1 -H 'content-type: application/json' -d '{"name":"Ada"}'`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use axum::{Json, Router};
use isocache::{CacheInvalidator, EntityInvalidator, RedisCacheProvider, TieredCacheProvider, cached};
use serde::{Deserialize, Serialize};
use tower_http::services::ServeDir;

const USERS_PER_PAGE: usize = 10;

/// A user, as it is cached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// The id.
    pub id: u64,
    /// The name.
    pub name: String,
}

/// Stands for a database. It counts its reads, to show which ones the cache saved.
#[derive(Default)]
pub struct Database {
    users: Mutex<BTreeMap<u64, User>>,
    /// How often the database was read.
    pub reads: AtomicU64,
}

impl Database {
    /// A real database is remote.
    async fn answers() {
        tokio::task::yield_now().await;
    }

    async fn one(&self, id: u64) -> Option<User> {
        Self::answers().await;
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.users.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    async fn page(&self, page: usize) -> Vec<User> {
        Self::answers().await;
        self.reads.fetch_add(1, Ordering::Relaxed);
        let users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        users.values().skip(page * USERS_PER_PAGE).take(USERS_PER_PAGE).cloned().collect()
    }

    async fn save(&self, user: User) {
        Self::answers().await;
        self.users.lock().unwrap_or_else(PoisonError::into_inner).insert(user.id, user);
    }
}

/// Memory before Redis: what anybody writes there drops the copies here.
type Tier<T> = TieredCacheProvider<T, RedisCacheProvider<T>>;

#[derive(Clone)]
struct Service {
    users: Tier<User>,
    lists: Tier<Vec<User>>,
    stale: EntityInvalidator,
    database: Arc<Database>,
}

/// The service, over a cache and a database.
///
/// # Errors
/// If a key pattern or an option is invalid.
pub fn app(users: RedisCacheProvider<User>, database: Arc<Database>) -> isocache::Result<Router> {
    let (announcements, far_lists) = (users.invalidations(), users.view::<Vec<User>>());
    let users = TieredCacheProvider::builder(users).invalidations(announcements).build()?;
    let lists = users.view(far_lists).build()?;
    // The same keys as in the page, which reaches them through the bridge.
    let stale = CacheInvalidator::new(users.clone()).entity("user").key("user:{id}")?.lists("user_list:*")?;
    let service = Service { users, lists, stale, database };
    Ok(Router::new().route("/users", get(list)).route("/users/{id}", get(read).put(write)).with_state(service))
}

// A failing cache is bypassed: the database answers.
impl Service {
    #[cached(ttl = "5m", key = "user:{id}", provider = self.users)]
    async fn one(&self, id: u64) -> Option<User> {
        self.database.one(id).await
    }

    #[cached(ttl = "5m", key = "user_list:{page}", provider = self.lists)]
    async fn page(&self, page: usize) -> Vec<User> {
        self.database.page(page).await
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
    let save = service.database.save(User { id, name });
    match service.stale.after(save, id).await.invalidated {
        Ok(_) => StatusCode::NO_CONTENT,
        // Saved, but the cached user may be out of date until its TTL has passed: tell the client.
        Err(error) => {
            eprintln!("cache: {error}");
            StatusCode::ACCEPTED
        }
    }
}

/// The page, which uses the bridge at `bridge` with `token`, and imports the npm package from `package`.
fn page(bridge: &str, token: &str, package: &str) -> Router {
    let html = include_str!("page/index.html").replace("BRIDGE_URL", bridge).replace("BRIDGE_TOKEN", token);
    let policy =
        format!("default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; img-src data:; connect-src 'self' {bridge}");
    let head = [(CACHE_CONTROL, "no-store".to_owned()), (CONTENT_SECURITY_POLICY, policy)];
    let script = async || ([(CONTENT_TYPE, "text/javascript")], include_str!("page/page.js"));
    Router::new()
        .route("/", get(async move || (head, Html(html)).into_response()))
        .route("/page.js", get(script))
        .nest_service("/isocache", ServeDir::new(package))
}

fn variable(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A cache that is slower than the database does not help.
    let limit = Duration::try_from_secs_f64(variable("REDIS_TIMEOUT_SECONDS", "1").parse()?)?;
    let users = RedisCacheProvider::<User>::builder(&variable("REDIS_URL", "redis://127.0.0.1"))
        .namespace("app")
        .connect_timeout(limit)
        .operation_timeout(limit)
        .build()?;
    let page = page(
        &variable("BRIDGE_URL", "http://127.0.0.1:8079"),
        &variable("ISOCACHE_PAGE_TOKEN", ""),
        &variable("ISOCACHE_PACKAGE", "node_modules/isocache/dist"),
    );
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", variable("PORT", "3000").parse()?)).await?;
    println!("the page is at http://{}/", listener.local_addr()?);
    Ok(axum::serve(listener, app(users, Arc::default())?.merge(page)).await?)
}
