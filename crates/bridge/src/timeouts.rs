//! The timeouts of a connection, in both directions.

use std::future::{Ready, ready};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use axum_server::Server;
use axum_server::accept::Accept;
use hyper_util::rt::TokioTimer;
use tokio::net::TcpStream;
use tokio_io_timeout::TimeoutStream;

use super::connections::{Connections, Counted};

/// The size limit of the head of a request, in bytes.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// The timeouts of a connection. As an acceptor, it closes connections beyond the limit, and those whose client stops
/// reading.
#[derive(Clone, Debug)]
pub(super) struct Timeouts {
    /// The timeout for the head of a request, from its first byte; for the first head, from the start of the
    /// connection.
    pub(super) head: Duration,
    /// How long the client may go without reading any of a response.
    pub(super) write: Duration,
    /// How long the connection may be idle between requests.
    pub(super) keep_alive: Duration,
    /// The limit on the number of connections.
    pub(super) connections: Connections,
}

impl Timeouts {
    /// Configures timeouts for incomplete heads.
    pub(super) fn limit_heads<A>(&self, mut server: Server<SocketAddr, A>) -> Server<SocketAddr, A> {
        // `keep_alive.rs` enforces the two limits separately, and needs an idle connection to be polled. Without a
        // timeout of its own, hyper would not poll it.
        let backstop = self.keep_alive.saturating_add(self.head);
        let builder = server.http_builder();
        builder.http1().timer(TokioTimer::new()).header_read_timeout(backstop).max_buf_size(MAX_HEAD_BYTES);
        let size = u32::try_from(MAX_HEAD_BYTES).unwrap_or(u32::MAX);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_header_list_size(size)
            .keep_alive_interval(Duration::from_secs(60));
        // Until the first bytes reveal the version of HTTP, the timeouts of neither version apply.
        server.first_request_timeout(self.head)
    }
}

impl<S> Accept<TcpStream, S> for Timeouts {
    type Stream = Counted<Pin<Box<TimeoutStream<TcpStream>>>>;
    type Service = S;
    type Future = Ready<io::Result<(Self::Stream, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        // Each write is complete, so delaying it gains nothing.
        let set = stream.set_nodelay(true);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.write));
        ready(set.and_then(|()| self.connections.count(Box::pin(stream))).map(|stream| (stream, service)))
    }
}
