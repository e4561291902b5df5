//! One connection: its protocol, its deadlines, its end.

use super::{Handler, listener::Limits};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use parking_lot::Mutex;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Streams of one HTTP/2 connection; its windows; the size of a request's headers. Values of the edge guides.
const H2_STREAMS: u32 = 100;
const H2_STREAM_WINDOW: u32 = 64 * 1024;
const H2_CONNECTION_WINDOW: u32 = 1024 * 1024;
const HEAD_BYTES: usize = 64 * 1024;
const HEADERS: usize = 64;
const H2_PING: Duration = Duration::from_secs(20);

/// HTTP/1.1 or HTTP/2, known before the first request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// What a connection is doing, to know when it has done nothing for too long. hyper's own header deadline would close
/// a kept-alive connection as early as one that dribbles its headers.
#[derive(Debug)]
struct Activity(Mutex<Doing>);

#[derive(Debug, Clone, Copy)]
struct Doing {
    requests: usize,
    /// Since when the connection waits for the rest of a request head; none while it is merely idle.
    head_since: Option<Instant>,
    idle_since: Instant,
}

impl Activity {
    fn new() -> Self {
        let now = Instant::now();
        // A new connection owes its first request.
        Self(Mutex::new(Doing { requests: 0, head_since: Some(now), idle_since: now }))
    }

    fn bytes_arrived(&self) {
        let mut doing = self.0.lock();
        if doing.requests == 0 && doing.head_since.is_none() {
            doing.head_since = Some(Instant::now());
        }
    }

    fn request_began(&self) {
        let mut doing = self.0.lock();
        doing.requests += 1;
        doing.head_since = None;
    }

    fn request_ended(&self) {
        let mut doing = self.0.lock();
        doing.requests = doing.requests.saturating_sub(1);
        doing.idle_since = Instant::now();
    }

    /// When the connection must end unless something happens; `Err` if it must end now.
    fn deadline(&self, limits: &Limits, protocol: Protocol) -> Result<Instant, ()> {
        let doing = *self.0.lock();
        let now = Instant::now();
        if doing.requests > 0 {
            return Ok(now + limits.header_timeout);
        }
        let idle = doing.idle_since + limits.idle_timeout;
        let deadline = match (doing.head_since, protocol) {
            (Some(since), Protocol::Http1) => idle.min(since + limits.header_timeout),
            // Between requests HTTP/2 exchanges frames of its own; only its idle time counts.
            (Some(since), Protocol::Http2) if doing.idle_since == since => {
                since + limits.header_timeout
            }
            (_, _) => idle,
        };
        if deadline <= now { Err(()) } else { Ok(deadline) }
    }
}

struct Ongoing(Arc<Activity>);

impl Drop for Ongoing {
    fn drop(&mut self) {
        self.0.request_ended();
    }
}

/// Serves a connection until it ends, is idle or slow for too long, or `stop` asks it to finish its requests.
pub(super) async fn serve<I>(
    io: I,
    protocol: Protocol,
    limits: Arc<Limits>,
    handler: Arc<dyn Handler>,
    stop: CancellationToken,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let activity = Arc::new(Activity::new());
    let io = Watched { io: TokioIo::new(io), activity: Arc::clone(&activity) };
    let service = Requests { handler, activity: Arc::clone(&activity) };
    match protocol {
        Protocol::Http1 => {
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(limits.idle_timeout.max(limits.header_timeout))
                .max_buf_size(HEAD_BYTES)
                .max_headers(HEADERS)
                .serve_connection(io, service)
                // No handler of the gateway offers another protocol; a simulated channel's does.
                .with_upgrades();
            let mut connection = std::pin::pin!(connection);
            tokio::select! {
                _ = connection.as_mut() => return,
                () = overdue(&activity, &limits, protocol) => return,
                () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
            }
            // The answer under way is still given; a connection without one ends at once.
            tokio::select! {
                _ = connection.as_mut() => {}
                () = overdue(&activity, &limits, protocol) => {}
            }
        }
        Protocol::Http2 => {
            let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .max_concurrent_streams(H2_STREAMS)
                .initial_stream_window_size(H2_STREAM_WINDOW)
                .initial_connection_window_size(H2_CONNECTION_WINDOW)
                .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX))
                .keep_alive_interval(H2_PING)
                .keep_alive_timeout(limits.header_timeout)
                .serve_connection(io, service);
            let mut connection = std::pin::pin!(connection);
            tokio::select! {
                _ = connection.as_mut() => return,
                () = overdue(&activity, &limits, protocol) => return,
                () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
            }
            tokio::select! {
                _ = connection.as_mut() => {}
                () = overdue(&activity, &limits, protocol) => {}
            }
        }
    }
}

/// hyper's view of a handler.
struct Requests {
    handler: Arc<dyn Handler>,
    activity: Arc<Activity>,
}

impl Service<Request<Incoming>> for Requests {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.activity.request_began();
        let ongoing = Ongoing(Arc::clone(&self.activity));
        let handler = Arc::clone(&self.handler);
        Box::pin(async move {
            let reply = handler.handle(request).await;
            drop(ongoing);
            Ok(reply)
        })
    }
}

async fn overdue(activity: &Activity, limits: &Limits, protocol: Protocol) {
    while let Ok(deadline) = activity.deadline(limits, protocol) {
        tokio::time::sleep_until(deadline).await;
    }
}

/// Tells [`Activity`] about arriving bytes.
struct Watched<I> {
    io: TokioIo<I>,
    activity: Arc<Activity>,
}

impl<I: AsyncRead + Unpin> Read for Watched<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_read(cx, buffer);
        if polled.is_ready() {
            self.activity.bytes_arrived();
        }
        polled
    }
}

impl<I: AsyncWrite + Unpin> Write for Watched<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, buffers)
    }
}
