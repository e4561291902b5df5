//! A way to a service that a test can close.

use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Forwards connections until it holds.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    held: Arc<watch::Sender<bool>>,
}

impl Proxy {
    /// A proxy in front of `host:port`.
    pub(crate) async fn to(target: &str) -> Self {
        Self::start(target, None).await
    }

    /// A proxy that holds from the first request on that contains these bytes; the request itself does not pass.
    pub(crate) async fn holding_before(target: &str, needle: &'static [u8]) -> Self {
        Self::start(target, Some(needle)).await
    }

    async fn start(target: &str, needle: Option<&'static [u8]>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let held = Arc::new(watch::channel(false).0);
        let (target, switch) = (target.to_owned(), Arc::clone(&held));
        tokio::task::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(&target).await else { continue };
                let (client_read, client_write) = client.into_split();
                let (server_read, server_write) = server.into_split();
                tokio::task::spawn(forward(client_read, server_write, Arc::clone(&switch), needle));
                tokio::task::spawn(forward(server_read, client_write, Arc::clone(&switch), None));
            }
        });
        Self { address, held }
    }

    /// Bytes that come from now on wait.
    pub(crate) fn hold(&self) {
        self.held.send_replace(true);
    }

    /// Lets what waits pass.
    pub(crate) fn release(&self) {
        self.held.send_replace(false);
    }

    /// Ends once it holds.
    pub(crate) async fn holds(&self) {
        self.held.subscribe().wait_for(|held| *held).await.unwrap();
    }
}

async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    held: Arc<watch::Sender<bool>>,
    needle: Option<&'static [u8]>,
) {
    let mut buffer = vec![0; 64 * 1024];
    let mut holding = held.subscribe();
    while let Ok(count) = from.read(&mut buffer).await {
        let bytes = &buffer[..count];
        if bytes.is_empty() {
            return;
        }
        if needle.is_some_and(|needle| bytes.windows(needle.len()).any(|part| part == needle)) {
            held.send_replace(true);
        }
        if holding.wait_for(|held| !held).await.is_err() || to.write_all(bytes).await.is_err() {
            return;
        }
    }
}
