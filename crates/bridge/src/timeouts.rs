//! How long a connection may keep the bridge waiting, in either direction.

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

/// The most bytes of the head of a request.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// The limits of a connection. As an acceptor, it closes connections whose client takes nothing of what is written, and
/// those that are too many.
#[derive(Clone, Debug)]
pub(super) struct Timeouts {
    /// How long the head of a request may take to come.
    pub(super) head: Duration,
    /// How long nothing of an answer may be taken.
    pub(super) write: Duration,
    /// How many there may be.
    pub(super) connections: Connections,
}

impl Timeouts {
    /// A head that dribbles in, does not end or does not come at all is cut off.
    pub(super) fn limit_heads<A>(&self, mut server: Server<SocketAddr, A>) -> Server<SocketAddr, A> {
        let builder = server.http_builder();
        builder.http1().timer(TokioTimer::new()).header_read_timeout(self.head).max_buf_size(MAX_HEAD_BYTES);
        let size = u32::try_from(MAX_HEAD_BYTES).unwrap_or(u32::MAX);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_header_list_size(size)
            .keep_alive_interval(Duration::from_secs(60));
        // Before the first bytes it is not known which HTTP it is, and the timeouts of neither hold.
        server.first_request_timeout(self.head)
    }
}

impl<S> Accept<TcpStream, S> for Timeouts {
    type Stream = Counted<Pin<Box<TimeoutStream<TcpStream>>>>;
    type Service = S;
    type Future = Ready<io::Result<(Self::Stream, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        // What is written is complete: nothing is gained by waiting for more.
        let set = stream.set_nodelay(true);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.write));
        ready(set.and_then(|()| self.connections.count(Box::pin(stream))).map(|stream| (stream, service)))
    }
}
