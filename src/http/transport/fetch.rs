//! Through the `fetch` of the platform: browser window, worker, service worker, Node, Deno, Bun, workerd.

use std::time::Duration;

use isocache_protocol::headers::EXTENSIONS;
use js_sys::{Function, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{AbortController, Headers, ReadableStreamDefaultReader, RequestInit, RequestRedirect, Response};

use super::{Answer, Request, TransportError};
use crate::error::Result;

/// `fetch`, looked up at each call: a platform may not have it while modules load.
#[derive(Clone)]
pub(in crate::http) struct FetchTransport;

/// Stops the request when it is dropped: a future that is given up leaves nothing running.
struct Abort(AbortController);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl FetchTransport {
    #[allow(clippy::unnecessary_wraps, reason = "as natively, where it can fail")]
    pub(in crate::http) fn new() -> Result<Self> {
        Ok(Self)
    }

    #[allow(clippy::unused_self, reason = "as natively, where there is a pool")]
    pub(in crate::http) async fn send(&self, request: Request) -> Result<Answer, TransportError> {
        let not_sent = |error: JsValue| TransportError::NotSent(text(&error));
        let abort = Abort(AbortController::new().map_err(not_sent)?);
        let headers = Headers::new().map_err(not_sent)?;
        for (name, value) in &request.headers {
            headers.set(name, value).map_err(not_sent)?;
        }
        let init = RequestInit::new();
        init.set_method("POST");
        init.set_headers(&headers);
        init.set_body(&Uint8Array::from(request.body.as_slice()));
        init.set_signal(Some(&abort.0.signal()));
        // A redirection would carry the token elsewhere. `keepalive` stays off: browsers allow it 64 KiB in all.
        init.set_redirect(RequestRedirect::Manual);
        let fetch: Function =
            global("fetch").ok_or_else(|| TransportError::NotSent("there is no fetch here".into()))?;
        let promise = fetch.call2(&JsValue::UNDEFINED, &JsValue::from_str(&request.url), &init).map_err(not_sent)?;
        // A browser does not tell whether the request had reached the server.
        let broken = |error: JsValue| TransportError::Broken(text(&error));
        let response = JsFuture::from(Promise::from(promise)).await.map_err(broken)?;
        let response: Response = response.unchecked_into();
        let header = |name: &str| response.headers().get(name).ok().flatten();
        let mut answer = Answer {
            status: response.status(),
            retry_after: header("retry-after").and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs),
            extensions: header(EXTENSIONS),
            body: Vec::new(),
        };
        let Some(body) = response.body() else { return Ok(answer) };
        let reader: ReadableStreamDefaultReader = body.get_reader().unchecked_into();
        loop {
            let step = JsFuture::from(reader.read()).await.map_err(broken)?;
            if Reflect::get(&step, &"done".into()).is_ok_and(|done| done.is_truthy()) {
                // Nothing is running any more; to abort what is over does no harm.
                return Ok(answer);
            }
            let part: Uint8Array = Reflect::get(&step, &"value".into()).map_err(broken)?.unchecked_into();
            if answer.body.len() + part.length() as usize > request.max_bytes {
                return Err(TransportError::TooLong);
            }
            answer.body.extend_from_slice(&part.to_vec());
        }
    }
}

/// A function of the platform.
fn global(name: &str) -> Option<Function> {
    Reflect::get(&js_sys::global(), &name.into()).ok()?.dyn_into().ok()
}

fn text(error: &JsValue) -> String {
    let error: Option<&js_sys::Error> = error.dyn_ref();
    error.map_or_else(|| "fetch failed".to_owned(), |error| String::from(error.message()))
}

/// Ends a wait when it is dropped.
struct Timer {
    id: JsValue,
    resolve: Function,
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(clear) = global("clearTimeout") {
            let _ = clear.call1(&JsValue::UNDEFINED, &self.id);
        }
        // Who awaits a promise keeps callbacks on it, which go when it is settled, and not before.
        let _ = self.resolve.call0(&JsValue::UNDEFINED);
    }
}

/// Waits.
pub(crate) async fn sleep(time: Duration) {
    let ms = u32::try_from(time.as_millis()).unwrap_or(u32::MAX).min(i32::MAX.unsigned_abs());
    let mut timer = None;
    let promise = Promise::new(&mut |resolve, _| {
        let id = global("setTimeout").and_then(|set| set.call2(&JsValue::UNDEFINED, &resolve, &ms.into()).ok());
        timer = id.map(|id| Timer { id, resolve });
    });
    let _ = JsFuture::from(promise).await;
    drop(timer);
}

/// A random number from 0 up to 1. Rust's own would be the same in every instance.
pub(in crate::http) fn random() -> f64 {
    js_sys::Math::random()
}

/// Runs a task in the background.
#[allow(clippy::unnecessary_wraps, reason = "as natively, where it can fail")]
pub(in crate::http) fn spawn(task: impl Future<Output = ()> + 'static) -> Result<()> {
    spawn_local(task);
    Ok(())
}

/// Lets all callers that are ready issue their operations first.
pub(in crate::http) async fn next_tick() {
    let _ = JsFuture::from(Promise::resolve(&JsValue::UNDEFINED)).await;
}
