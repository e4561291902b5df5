//! A listening socket: takes connections up to a number, learns their protocol, and drains them at the end.

use super::Handler;
use super::connection::{self, Protocol};
use crate::config;
use crate::shutdown::Shutdown;
use prometheus::IntGauge;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections beyond the limit that are told so at the same time; still more are just closed.
const TURNED_AWAY: usize = 256;
const TURN_AWAY_TIME: Duration = Duration::from_millis(500);
/// Pause after the machine had no descriptor for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\n\
content-type: application/json\r\ncontent-length: 73\r\n\r\n\
{\"error\":{\"code\":\"unavailable\",\"message\":\"too many connections at once\"}}";
/// How HTTP/2 without TLS begins.
const PREFACE: &[u8] = b"PRI";

/// Limits of a listener.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Time for a request's head, and for a TLS handshake.
    pub header_timeout: Duration,
    /// Time that a connection may do nothing.
    pub idle_timeout: Duration,
    /// Connections at once.
    pub max_connections: usize,
    /// Time for requests under way at the end.
    pub drain_timeout: Duration,
}

impl Limits {
    /// The limits of the public listener.
    pub fn of(settings: &config::Listen) -> Self {
        Self {
            header_timeout: Duration::from_millis(settings.header_timeout_ms),
            idle_timeout: Duration::from_millis(settings.idle_timeout_ms),
            max_connections: settings.max_connections.get(),
            drain_timeout: Duration::from_millis(settings.drain_timeout_ms),
        }
    }

    /// The limits of a listener that only people and their tools use.
    pub fn of_admin() -> Self {
        Self {
            header_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_mins(1),
            max_connections: 256,
            drain_timeout: Duration::from_secs(1),
        }
    }
}

/// A bound socket that does not serve yet.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Binds.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpListener::bind(address).await?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address })
    }

    /// Where it listens; the port is the real one where 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until shutdown, then gives requests under way their time. Ends when the last connection has.
    pub async fn serve(
        self,
        limits: Limits,
        tls: Option<TlsAcceptor>,
        handler: Arc<dyn Handler>,
        open: IntGauge,
        shutdown: &Shutdown,
    ) {
        let places = Arc::new(Semaphore::new(limits.max_connections));
        let turned_away = Arc::new(Semaphore::new(TURNED_AWAY));
        let limits = Arc::new(limits);
        let connections = TaskTracker::new();
        let (stop, kill) = (CancellationToken::new(), CancellationToken::new());
        loop {
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                () = shutdown.stopped() => break,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                if let Ok(slot) = Arc::clone(&turned_away).try_acquire_owned() {
                    let plain = tls.is_none();
                    connections.spawn(async move {
                        turn_away(stream, plain).await;
                        drop(slot);
                    });
                }
                continue;
            };
            open.inc();
            let (limits, tls, handler) = (Arc::clone(&limits), tls.clone(), Arc::clone(&handler));
            let (stop, kill, open) = (stop.clone(), kill.clone(), open.clone());
            connections.spawn(async move {
                tokio::select! {
                    () = take(stream, limits, tls, handler, stop) => {}
                    () = kill.cancelled() => {}
                }
                open.dec();
                drop(place);
            });
        }
        drop(self.socket);
        stop.cancel();
        connections.close();
        if tokio::time::timeout(limits.drain_timeout, connections.wait()).await.is_err() {
            tracing::warn!(left = connections.len(), "connections are cut: the drain time is over");
            kill.cancel();
            connections.wait().await;
        }
    }
}

async fn take(
    stream: TcpStream,
    limits: Arc<Limits>,
    tls: Option<TlsAcceptor>,
    handler: Arc<dyn Handler>,
    stop: CancellationToken,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let Some(tls) = tls else {
        let learned = tokio::time::timeout(limits.header_timeout, learn(&stream));
        let learned = tokio::select! {
            learned = learned => learned,
            () = stop.cancelled() => return,
        };
        if let Ok(Ok(protocol)) = learned {
            connection::serve(stream, protocol, limits, handler, stop).await;
        }
        return;
    };
    match tokio::time::timeout(limits.header_timeout, tls.accept(stream)).await {
        Ok(Ok(stream)) => {
            let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            let protocol = if http2 { Protocol::Http2 } else { Protocol::Http1 };
            connection::serve(stream, protocol, limits, handler, stop).await;
        }
        Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
        Err(_) => tracing::debug!("TLS handshake took too long"),
    }
}

/// Looks at the first bytes without taking them: the preface of HTTP/2, or a request line.
async fn learn(stream: &TcpStream) -> io::Result<Protocol> {
    let mut seen = [0; PREFACE.len()];
    loop {
        let count = stream.peek(&mut seen).await?;
        let start = seen.get(..count).unwrap_or_default();
        if count == 0 || !PREFACE.starts_with(start) {
            return Ok(Protocol::Http1);
        }
        if count == PREFACE.len() {
            return Ok(Protocol::Http2);
        }
        // A first segment of one or two bytes: peeking again would return at once with the same.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Says why, where that is possible, and lets the client read it before the connection goes away.
async fn turn_away(mut stream: TcpStream, plain: bool) {
    if !plain {
        return;
    }
    let farewell = async {
        stream.write_all(FULL).await?;
        stream.shutdown().await?;
        let mut rest = [0; 512];
        while stream.read(&mut rest).await? > 0 {}
        io::Result::Ok(())
    };
    if !matches!(tokio::time::timeout(TURN_AWAY_TIME, farewell).await, Ok(Ok(()))) {
        tracing::debug!("a client left before it was told to come back");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prepared_answer_states_its_own_length() {
        let text = std::str::from_utf8(FULL).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
    }
}
