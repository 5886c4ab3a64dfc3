//! Answers `GET /users/:id` from the memory of this isolate, otherwise from the bridge, otherwise from the origin.
//! `PUT /users/:id` goes to the origin and removes the user from the caches of all isolates.

use std::time::Duration;

use isocache::{CacheProvider, HttpCacheProvider, TieredCacheProvider};
use js_sys::Promise;
use serde_json::Value;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, future_to_promise};
use web_sys::{Headers, Request, RequestInit, Response, ResponseInit, console};

#[wasm_bindgen]
extern "C" {
    /// The context of a request.
    pub type Context;

    #[wasm_bindgen(method, js_name = waitUntil)]
    fn wait_until(this: &Context, promise: &Promise);

    #[wasm_bindgen(js_name = fetch)]
    fn fetch_origin(url: &str, init: &RequestInit) -> Promise;
}

/// The worker, created at module scope.
#[wasm_bindgen]
pub struct Worker {
    users: TieredCacheProvider<Value, HttpCacheProvider<Value>>,
    origin: String,
}

#[wasm_bindgen]
impl Worker {
    /// A worker in front of a bridge and an origin. An operation on the bridge takes at most `timeout` seconds. A copy in
    /// memory is at most `oldest` seconds old.
    #[wasm_bindgen(constructor)]
    pub fn new(bridge: &str, token: &str, origin: String, timeout: f64, oldest: f64) -> Result<Self, JsError> {
        let bridge = HttpCacheProvider::builder(bridge)
            .token(token)
            .namespace("shop")
            .default_ttl(Duration::from_secs(300))
            // A cache that is slower than the origin does not help.
            .timeout(Duration::try_from_secs_f64(timeout)?)
            .retries(0)
            .build()?;
        let (far, changes) = bridge.with_invalidations();
        // A worker cannot keep a stream of changes open. A read polls for them if the last answer is older than this.
        let changes = changes.polling(Duration::try_from_secs_f64(oldest)?)?;
        let users = TieredCacheProvider::builder(far).invalidations(changes).near_max_entries(1000).build()?;
        Ok(Self { users, origin })
    }

    /// Answers a request.
    pub async fn fetch(&self, request: Request, context: Context) -> Result<Response, JsValue> {
        let url = request.url();
        // The part after the host.
        let path = url.splitn(4, '/').nth(3).unwrap_or_default();
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let id =
            path.strip_prefix("users/").filter(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()));
        match (id, request.method().as_str()) {
            (None, _) => plain("not found\n", 404),
            (Some(id), "GET") => self.read(id, &context).await,
            (Some(id), "PUT") => self.write(id, &request).await,
            _ => plain("method not allowed\n", 405),
        }
    }

    async fn read(&self, id: &str, context: &Context) -> Result<Response, JsValue> {
        let key = format!("user:{id}");
        // A failing bridge is a miss.
        let stored = self.users.get(&key).await.unwrap_or_else(|error| {
            warn(&error);
            None
        });
        if let Some(user) = stored {
            return answer(&user, "cache");
        }
        let response = self.ask_origin(id, &RequestInit::new()).await?;
        if !response.ok() {
            return Ok(response);
        }
        let text = JsFuture::from(response.text()?).await?.as_string().unwrap_or_default();
        let user: Value = serde_json::from_str(&text).map_err(JsError::from)?;
        let answered = answer(&user, "origin");
        let users = self.users.clone();
        // Continues after the response.
        context.wait_until(&future_to_promise(async move {
            users.set(&key, user, None).await.unwrap_or_else(|error| warn(&error));
            Ok(JsValue::UNDEFINED)
        }));
        answered
    }

    async fn write(&self, id: &str, request: &Request) -> Result<Response, JsValue> {
        let key = format!("user:{id}");
        let init = RequestInit::new();
        init.set_method("PUT");
        init.set_headers(&request.headers());
        init.set_body(&request.body().map_or(JsValue::NULL, JsValue::from));
        let response = self.ask_origin(id, &init).await?;
        // Before the response, so that its receiver reads the new value.
        if let Err(error) = self.users.delete(&key).await {
            warn(&error);
        }
        Ok(response)
    }

    async fn ask_origin(&self, id: &str, init: &RequestInit) -> Result<Response, JsValue> {
        let response = JsFuture::from(fetch_origin(&format!("{}/users/{id}", self.origin), init)).await?;
        Ok(response.unchecked_into())
    }
}

fn answer(user: &Value, from: &str) -> Result<Response, JsValue> {
    let headers = Headers::new()?;
    headers.set("content-type", "application/json")?;
    headers.set("x-cache", from)?;
    let init = ResponseInit::new();
    init.set_headers(&headers);
    Response::new_with_opt_str_and_init(Some(&user.to_string()), &init)
}

fn plain(text: &str, status: u16) -> Result<Response, JsValue> {
    let init = ResponseInit::new();
    init.set_status(status);
    Response::new_with_opt_str_and_init(Some(text), &init)
}

fn warn(error: &isocache::CacheError) {
    console::warn_1(&error.to_string().into());
}
