//! Requests with the platform's `fetch`: browser window, worker, service worker, Node, Deno, Bun, workerd.

use std::time::Duration;

use js_sys::{Function, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{AbortController, Headers, ReadableStreamDefaultReader, RequestInit, RequestRedirect};

use super::{Head, Opened, Request, TransportError};
use crate::error::Result;

/// `fetch`, looked up at each call: some platforms do not have it yet while modules load.
#[derive(Clone)]
pub(in crate::http) struct FetchTransport;

/// Aborts the request when it is dropped, so that a cancelled future leaves nothing running.
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

    /// Sends a request, and returns when the head of the response has arrived.
    #[allow(clippy::unused_self, reason = "as natively, where there is a pool")]
    pub(in crate::http) async fn open(&self, request: Request) -> Result<Opened, TransportError> {
        let not_sent = |error: JsValue| TransportError::NotSent(text(&error));
        let abort = Abort(AbortController::new().map_err(not_sent)?);
        let headers = Headers::new().map_err(not_sent)?;
        for (name, value) in &request.headers {
            headers.set(name, value).map_err(not_sent)?;
        }
        let init = RequestInit::new();
        init.set_method("GET");
        if let Some(body) = &request.body {
            init.set_method("POST");
            init.set_body(&Uint8Array::from(body.as_slice()));
        }
        init.set_headers(&headers);
        init.set_signal(Some(&abort.0.signal()));
        // Following a redirect would send the token elsewhere. `keepalive` is off: browsers limit it to 64 KiB in
        // total.
        init.set_redirect(RequestRedirect::Manual);
        let fetch: Function =
            global("fetch").ok_or_else(|| TransportError::NotSent("there is no fetch here".into()))?;
        let promise = fetch.call2(&JsValue::UNDEFINED, &JsValue::from_str(&request.url), &init).map_err(not_sent)?;
        // Browsers do not report whether the request reached the server.
        let response = JsFuture::from(Promise::from(promise)).await.map_err(|error| broken(&error))?;
        let response: web_sys::Response = response.unchecked_into();
        let head = Head::new(response.status(), |name| response.headers().get(name).ok().flatten());
        let reader = response.body().map(|body| body.get_reader().unchecked_into());
        Ok(Opened { head, body: FetchBody { reader, _abort: abort } })
    }
}

fn broken(error: &JsValue) -> TransportError {
    TransportError::Broken(text(error))
}

/// The body of a response, in parts.
pub(in crate::http) struct FetchBody {
    reader: Option<ReadableStreamDefaultReader>,
    /// After the end, aborting has no effect.
    _abort: Abort,
}

impl FetchBody {
    /// The next part; `None` at the end.
    pub(in crate::http) async fn next(&mut self) -> Option<Result<Vec<u8>, TransportError>> {
        let reader = self.reader.as_ref()?;
        let step = match JsFuture::from(reader.read()).await {
            Ok(step) => step,
            Err(error) => return Some(Err(broken(&error))),
        };
        if Reflect::get(&step, &"done".into()).is_ok_and(|done| done.is_truthy()) {
            return None;
        }
        let part = Reflect::get(&step, &"value".into()).map_err(|error| broken(&error));
        Some(part.map(|part| part.unchecked_into::<Uint8Array>().to_vec()))
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

/// Cancels the timer when it is dropped.
struct Timer {
    id: JsValue,
    resolve: Function,
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(clear) = global("clearTimeout") {
            let _ = clear.call1(&JsValue::UNDEFINED, &self.id);
        }
        // A future that awaits a promise leaves callbacks on it, which are freed only when the promise settles.
        let _ = self.resolve.call0(&JsValue::UNDEFINED);
    }
}

/// Sleeps.
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

/// A random number from 0 (inclusive) to 1 (exclusive). Rust's own seed would be the same in every instance.
pub(in crate::http) fn random() -> f64 {
    js_sys::Math::random()
}

/// Runs a task in the background.
#[allow(clippy::unnecessary_wraps, reason = "as natively, where it can fail")]
pub(in crate::http) fn spawn(task: impl Future<Output = ()> + 'static) -> Result<()> {
    spawn_local(task);
    Ok(())
}

/// Yields, so that all callers that are ready can issue their operations first.
pub(in crate::http) async fn next_tick() {
    let _ = JsFuture::from(Promise::resolve(&JsValue::UNDEFINED)).await;
}
