//! Separate timeouts for idle connections and for the head of a request.
//!
//! hyper has one timeout for both, from the end of a response until the next head is complete. Idle connections need a long
//! timeout, since load balancers keep them open. Heads need a short one, since slow heads are an attack. So both timeouts
//! are enforced here, above TLS, where a request begins with its first byte.
//!
//! HTTP/2 connections have no idle timeout. They end when the client stops responding to pings.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use axum::http::{Request, Response, Version};
use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};
use tower::Service;

use super::timeouts::Timeouts;

/// An acceptor that enforces both timeouts on the connections of another acceptor.
#[derive(Clone, Debug)]
pub(super) struct KeepAlive<A> {
    inner: A,
    head: Duration,
    idle: Duration,
}

impl<A> KeepAlive<A> {
    pub(super) fn new(inner: A, timeouts: &Timeouts) -> Self {
        Self { inner, head: timeouts.head, idle: timeouts.keep_alive }
    }
}

/// The state that the stream and the service of a connection share.
#[derive(Debug, Default)]
struct Activity {
    /// The number of requests whose response is not complete.
    in_progress: AtomicUsize,
    /// The number of requests so far.
    requests: AtomicU64,
}

/// A request in progress, until it is dropped.
struct InProgress(Arc<Activity>);

impl Drop for InProgress {
    fn drop(&mut self) {
        self.0.in_progress.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<A, I, S> Accept<I, S> for KeepAlive<A>
where
    A: Accept<I, S>,
    A::Future: Send + 'static,
{
    type Stream = Guarded<A::Stream>;
    type Service = Tracked<A::Service>;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let (head, idle) = (self.head, self.idle);
        let accepted = self.inner.accept(stream, service);
        Box::pin(async move {
            let (stream, service) = accepted.await?;
            let activity = Arc::new(Activity::default());
            let stream = Guarded {
                stream,
                activity: Arc::clone(&activity),
                head,
                idle,
                state: State::Head(Instant::now() + head),
                requests: 0,
                timer: None,
            };
            Ok((stream, Tracked { service, activity }))
        })
    }
}

/// What the connection is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The end of a response.
    Response,
    /// The first byte of a head, until this moment.
    Idle(Instant),
    /// The rest of a head, until this moment.
    Head(Instant),
    /// HTTP/2, which has no timeout here.
    Http2,
}

/// A stream that ends after a timeout.
pub(super) struct Guarded<S> {
    stream: S,
    activity: Arc<Activity>,
    head: Duration,
    idle: Duration,
    state: State,
    /// The number of requests at the last update of the state.
    requests: u64,
    /// Set to the deadline of the state, or to an earlier one.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<S> Guarded<S> {
    /// Updates the state from the activity of the service.
    fn update(&mut self) {
        if self.state == State::Http2 {
            return;
        }
        let requests = self.activity.requests.load(Ordering::Relaxed);
        let begun = requests != self.requests;
        self.requests = requests;
        if self.activity.in_progress.load(Ordering::Relaxed) > 0 {
            self.state = State::Response;
        } else if begun || self.state == State::Response {
            self.state = State::Idle(Instant::now() + self.idle);
        }
    }

    fn received(&mut self, bytes: &[u8]) {
        if let State::Head(_) = self.state
            && self.requests == 0
            && bytes.starts_with(b"PRI ")
        {
            self.state = State::Http2;
        } else if let State::Idle(_) = self.state {
            self.state = State::Head(Instant::now() + self.head);
        }
    }

    /// Ready once the deadline of the state has passed.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (State::Idle(deadline) | State::Head(deadline)) = self.state else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        // A timer that fires early is reset when it fires, so most requests need not reset it.
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        loop {
            ready!(timer.as_mut().poll(cx));
            if timer.deadline() >= deadline {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.update();
        let before = into.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, into) {
            Poll::Ready(outcome) => {
                let received = into.filled().get(before..).unwrap_or_default();
                if outcome.is_ok() && !received.is_empty() {
                    self.received(received);
                }
                Poll::Ready(outcome)
            }
            // The end of the stream makes hyper close the connection.
            Poll::Pending => self.poll_deadline(cx).map(Ok),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// A service that records its requests for the stream.
#[derive(Clone, Debug)]
pub(super) struct Tracked<S> {
    service: S,
    activity: Arc<Activity>,
}

impl<S, R, B> Service<Request<R>> for Tracked<S>
where
    S: Service<Request<R>, Response = Response<B>>,
    S::Future: Send + 'static,
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<axum::BoxError>,
{
    type Response = Response<TrackedBody<B>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, request: Request<R>) -> Self::Future {
        let tracked = (request.version() != Version::HTTP_2).then(|| {
            self.activity.requests.fetch_add(1, Ordering::Relaxed);
            self.activity.in_progress.fetch_add(1, Ordering::Relaxed);
            InProgress(Arc::clone(&self.activity))
        });
        let response = self.service.call(request);
        Box::pin(async move { Ok(response.await?.map(|body| TrackedBody { body, _tracked: tracked })) })
    }
}

/// A body that keeps its request in progress until it ends.
pub(super) struct TrackedBody<B> {
    body: B,
    _tracked: Option<InProgress>,
}

impl<B: HttpBody + Unpin> HttpBody for TrackedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
