//! A balancer before several bridges, which sends each request to the next of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response, StatusCode, header};

use super::serving::serve;

/// A balancer. It lives as long as its runtime.
pub struct Balancer {
    pub url: String,
    shared: Arc<Shared>,
}

struct Shared {
    bridges: Vec<String>,
    client: reqwest::Client,
    requests: AtomicUsize,
    streams: AtomicUsize,
}

impl Balancer {
    pub async fn start(bridges: impl IntoIterator<Item = String>) -> Self {
        // rustls needs one for the process, even where there is no TLS. This fails if there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
        let shared = Shared {
            bridges: bridges.into_iter().collect(),
            client,
            requests: AtomicUsize::new(0),
            streams: AtomicUsize::new(0),
        };
        let shared = Arc::new(shared);
        let app = Router::new().fallback(pass_on).with_state(Arc::clone(&shared));
        Self { url: serve(app).await, shared }
    }

    /// How many streams of changed keys were requested.
    pub fn streams(&self) -> usize {
        self.shared.streams.load(Ordering::SeqCst)
    }
}

/// Streams and other requests take turns by themselves, so that a client's stream and its requests go to different bridges
/// whatever else it does.
async fn pass_on(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let accepts = head.headers.get(header::ACCEPT).is_some_and(|accept| accept == "text/event-stream");
    let turns = if accepts { &shared.streams } else { &shared.requests };
    let bridge = &shared.bridges[turns.fetch_add(1, Ordering::SeqCst) % shared.bridges.len()];
    let url = format!("{bridge}{}", head.uri.path_and_query().map_or("/", |path| path.as_str()));
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    match shared.client.request(head.method, url).headers(end_to_end(head.headers)).body(body).send().await {
        Ok(response) => {
            let (status, headers) = (response.status(), end_to_end(response.headers().clone()));
            let mut passed = Response::new(Body::from_stream(response.bytes_stream()));
            (*passed.status_mut(), *passed.headers_mut()) = (status, headers);
            passed
        }
        Err(_) => Response::builder().status(StatusCode::BAD_GATEWAY).body(Body::empty()).unwrap(),
    }
}

/// Without what concerns one connection.
fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    for name in [header::CONNECTION, header::CONTENT_LENGTH, header::HOST, header::TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers
}
