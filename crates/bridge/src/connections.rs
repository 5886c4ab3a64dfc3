//! The limit on the number of connections.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use prometheus_client::metrics::counter::Counter;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Permits for connections, and a count of refused connections.
#[derive(Clone, Debug)]
pub(super) struct Connections {
    limit: usize,
    permits: Arc<Semaphore>,
    refused: Counter,
}

/// A connection that holds a permit until it is dropped.
pub(super) struct Counted<S> {
    stream: S,
    _permit: OwnedSemaphorePermit,
}

impl Connections {
    pub(super) fn at_most(limit: usize, refused: Counter) -> Self {
        let limit = limit.min(Semaphore::MAX_PERMITS);
        Self { limit, permits: Arc::new(Semaphore::new(limit)), refused }
    }

    /// A separate limit of the same size.
    pub(super) fn another(&self) -> Self {
        Self::at_most(self.limit, self.refused.clone())
    }

    /// Counts a connection. If this fails, the stream is dropped, which closes the connection.
    ///
    /// # Errors
    /// If the limit is reached.
    pub(super) fn count<S>(&self, stream: S) -> io::Result<Counted<S>> {
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            self.refused.inc();
            tracing::debug!("too many connections: one more is closed");
            return Err(io::Error::new(io::ErrorKind::ConnectionRefused, "too many connections"));
        };
        Ok(Counted { stream, _permit: permit })
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
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
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_connection_returns_its_permit() {
        let refused = Counter::default();
        let connections = Connections::at_most(2, refused.clone());
        let first = connections.count(tokio::io::empty()).unwrap();
        let _second = connections.clone().count(tokio::io::empty()).unwrap();
        assert!(connections.count(tokio::io::empty()).is_err());
        assert_eq!(refused.get(), 1);
        drop(first);
        assert!(connections.count(tokio::io::empty()).is_ok());
        assert_eq!(refused.get(), 1);
    }
}
