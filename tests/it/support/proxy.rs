//! A way to a service that a test can close: what goes to the service, what comes back, or both.

use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Forwards connections until it is told to hold.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    held: watch::Sender<bool>,
    seen: Arc<watch::Sender<usize>>,
}

impl Proxy {
    /// A proxy in front of `host:port`.
    pub(crate) async fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (held, holding) = watch::channel(false);
        let seen = Arc::new(watch::channel(0).0);
        let (target, counter) = (target.to_owned(), Arc::clone(&seen));
        tokio::task::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(&target).await else { continue };
                let (client_read, client_write) = client.into_split();
                let (server_read, server_write) = server.into_split();
                let counted = Some(Arc::clone(&counter));
                tokio::task::spawn(forward(client_read, server_write, holding.clone(), counted));
                tokio::task::spawn(forward(server_read, client_write, holding.clone(), None));
            }
        });
        Self { address, held, seen }
    }

    /// Bytes that come from now on wait.
    pub(crate) fn hold(&self) {
        self.held.send(true).unwrap();
    }

    /// Lets what waits pass.
    pub(crate) fn release(&self) {
        self.held.send(false).unwrap();
    }

    /// Bytes that clients have sent so far, forwarded or held.
    pub(crate) fn sent(&self) -> usize {
        *self.seen.borrow()
    }
}

async fn forward(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut holding: watch::Receiver<bool>,
    counter: Option<Arc<watch::Sender<usize>>>,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count) = from.read(&mut buffer).await {
        if count == 0 {
            return;
        }
        if let Some(counter) = &counter {
            counter.send_modify(|seen| *seen += count);
        }
        if holding.wait_for(|held| !held).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
