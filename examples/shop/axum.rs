//! A bookshop in Rust. `hono.mjs` is the same service in JavaScript; both share one bridge, and so their entries, their
//! sessions and their limits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Path, Query, State};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use isocache::{
    CacheAside, CacheInvalidator, EntityInvalidator, HttpCacheProvider, KeyPattern, LoadOptions, MemoryCacheProvider,
    OnStoreError, RateLimiter, SessionStore, Tagged, TaggedEntry, cached,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Clone, Serialize, Deserialize)]
struct Book {
    #[serde(default)]
    id: u64,
    title: String,
    shelf: String,
    price: f64,
}

type Shelf = Vec<String>;

// #region parts
#[derive(Clone)]
struct Shop {
    books: HttpCacheProvider<Book>,
    shelves: Tagged<HttpCacheProvider<TaggedEntry<Shelf>>, HttpCacheProvider<i64>>,
    limiter: RateLimiter<HttpCacheProvider<i64>>,
    sessions: Arc<SessionStore<Value, HttpCacheProvider<Value>>>,
    // Small, needed by every request and the same for everybody: kept in this process alone.
    rates: MemoryCacheProvider<f64>,
    changed: EntityInvalidator,
    database: Arc<Database>,
}

impl Shop {
    fn new(bridge: &str, timeout: Duration, token: &str, database: Database) -> isocache::Result<Self> {
        // One connection to the bridge; the others are views of it for values of other types.
        let books = HttpCacheProvider::builder(bridge).token(token).namespace("shop").timeout(timeout).build()?;
        let limiter = RateLimiter::token_bucket(books.view(), 5, Duration::from_secs(3600))?;
        let sessions = SessionStore::new(books.view(), Duration::from_secs(20 * 60))?;
        Ok(Self {
            shelves: Tagged::new(books.view(), books.view()),
            limiter: limiter.on_store_error(OnStoreError::Allow),
            sessions: Arc::new(sessions.absolute_limit(Duration::from_secs(12 * 3600))?),
            rates: MemoryCacheProvider::builder().max_entries(100).build()?,
            changed: CacheInvalidator::new(books.clone()).entity("book").key("book:{id}")?,
            database: Arc::new(database),
            books,
        })
    }
}
// #endregion parts

// #region reads
impl Shop {
    // An old price is better than none.
    #[cached(ttl = "5m", stale_if_error = "1h", key = "book:{id}", provider = self.books)]
    async fn book(&self, id: u64) -> Option<Book> {
        self.database.book(id).await
    }

    async fn shelf(&self, name: &str) -> Result<Shelf, Failure> {
        let key = KeyPattern::new("shelf:{name}")?.key(&[("name", &name)])?;
        let shelves = self.shelves.with_tags(&["shelves"]).await?;
        // One process of all loads it.
        let options = LoadOptions::new().ttl(Duration::from_secs(3600)).lease(Duration::from_secs(10));
        let load = || async { Ok::<_, std::convert::Infallible>(self.database.shelf(name).await) };
        Ok(shelves.get_or_set(&key, options, load).await?)
    }

    #[cached(ttl = "1m", key = "rate:{currency}", provider = self.rates)]
    async fn rate(&self, currency: &str) -> f64 {
        self.database.rate(currency).await
    }
}
// #endregion reads

// #region writes
impl Shop {
    async fn save(&self, book: Book) -> Result<(), Failure> {
        let id = book.id;
        let written = self.changed.after(self.database.save(book), id).await;
        written.outcome?;
        written.invalidated?;
        Ok(self.shelves.invalidate_tags::<Shelf>(&["shelves"]).await?)
    }
}
// #endregion writes

#[derive(Deserialize)]
struct Currency {
    currency: Option<String>,
}

async fn read(State(shop): State<Shop>, Path(id): Path<u64>, Query(query): Query<Currency>) -> Response {
    let Some(mut book) = shop.book(id).await else {
        return (StatusCode::NOT_FOUND, Json(json!({ "error": "no such book" }))).into_response();
    };
    book.price *= shop.rate(query.currency.as_deref().unwrap_or("EUR")).await;
    Json(book).into_response()
}

async fn shelf(State(shop): State<Shop>, Path(name): Path<String>) -> Result<Json<Shelf>, Failure> {
    Ok(Json(shop.shelf(&name).await?))
}

// #region login
#[derive(Deserialize)]
struct Login {
    name: String,
}

async fn login(
    State(shop): State<Shop>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    Json(Login { name }): Json<Login>, // a real shop asks for a password
) -> Result<Response, Failure> {
    let checked = shop.limiter.check(address.ip(), "/login").await?;
    if !checked.allowed {
        let mut response = StatusCode::TOO_MANY_REQUESTS.into_response();
        for (name, value) in checked.headers("login")? {
            response.headers_mut().insert(name, value.parse()?);
        }
        return Ok(response);
    }
    let token = shop.sessions.create(json!({ "name": name })).await?;
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie(token.as_str(), 12 * 3600)?)]).into_response())
}

async fn write(
    State(shop): State<Shop>,
    Path(id): Path<u64>,
    headers: HeaderMap,
    Json(book): Json<Book>,
) -> Result<StatusCode, Failure> {
    if shop.sessions.get(session(&headers)).await?.is_none() {
        return Ok(StatusCode::UNAUTHORIZED);
    }
    shop.save(Book { id, ..book }).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn logout(State(shop): State<Shop>, headers: HeaderMap) -> Result<Response, Failure> {
    shop.sessions.destroy(session(&headers)).await?;
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie("", 0)?)]).into_response())
}

fn session(headers: &HeaderMap) -> &str {
    let cookies = headers.get(COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    cookies.split("; ").find_map(|cookie| cookie.strip_prefix("session=")).unwrap_or_default()
}

fn cookie(token: &str, max_age: u32) -> Result<HeaderValue, Failure> {
    Ok(format!("session={token}; HttpOnly; Secure; SameSite=Lax; Path=/; Max-Age={max_age}").parse()?)
}
// #endregion login

/// Any error answers 500 and is written to the log.
struct Failure(String);

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        eprintln!("shop: {}", self.0);
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

/// A file stands for the database of both services.
struct Database(String);

impl Database {
    async fn stored(&self) -> Vec<Book> {
        let text = tokio::fs::read_to_string(&self.0).await.expect("the file of books is there");
        serde_json::from_str(&text).expect("the file of books is JSON")
    }

    async fn book(&self, id: u64) -> Option<Book> {
        self.stored().await.into_iter().find(|book| book.id == id)
    }

    async fn shelf(&self, name: &str) -> Shelf {
        self.stored().await.into_iter().filter(|book| book.shelf == name).map(|book| book.title).collect()
    }

    #[allow(clippy::unused_async)] // in a real shop, a request to another service
    async fn rate(&self, currency: &str) -> f64 {
        if currency == "USD" { 1.25 } else { 1.0 }
    }

    async fn save(&self, book: Book) -> std::io::Result<()> {
        let mut books = self.stored().await;
        books.retain(|other| other.id != book.id);
        books.push(book);
        tokio::fs::write(&self.0, serde_json::to_vec(&books)?).await
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let variable = |name: &str, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
    let database = Database(variable("BOOKS", "books.json"));
    let bridge = variable("BRIDGE_URL", "http://127.0.0.1:8079");
    let timeout = Duration::from_secs(variable("BRIDGE_TIMEOUT", "1s").trim_end_matches('s').parse()?);
    let shop = Shop::new(&bridge, timeout, &variable("SHOP_TOKEN", ""), database)?;
    let app = Router::new()
        .route("/books/{id}", get(read).put(write))
        .route("/shelves/{name}", get(shelf))
        .route("/login", post(login))
        .route("/logout", post(logout))
        .with_state(shop);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", variable("PORT", "3001").parse()?)).await?;
    println!("shop: listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?)
}
