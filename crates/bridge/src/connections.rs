//! How many connections there may be.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use prometheus_client::metrics::counter::Counter;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Room for so many connections, and a count of those for which there was none.
#[derive(Clone, Debug)]
pub(super) struct Connections {
    limit: usize,
    room: Arc<Semaphore>,
    refused: Counter,
}

/// A connection that takes room until it is dropped.
pub(super) struct Counted<S> {
    stream: S,
    _room: OwnedSemaphorePermit,
}

impl Connections {
    pub(super) fn at_most(limit: usize, refused: Counter) -> Self {
        let limit = limit.min(Semaphore::MAX_PERMITS);
        Self { limit, room: Arc::new(Semaphore::new(limit)), refused }
    }

    /// Room for as many others.
    pub(super) fn another(&self) -> Self {
        Self::at_most(self.limit, self.refused.clone())
    }

    /// # Errors
    /// If there are as many already. Whoever dropped the stream then has closed the connection.
    pub(super) fn count<S>(&self, stream: S) -> io::Result<Counted<S>> {
        let Ok(room) = Arc::clone(&self.room).try_acquire_owned() else {
            self.refused.inc();
            tracing::debug!("too many connections: one more is closed");
            return Err(io::Error::new(io::ErrorKind::ConnectionRefused, "too many connections"));
        };
        Ok(Counted { stream, _room: room })
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
    fn room_is_given_back() {
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
