//! Long connections to a channel: a WebSocket on the same guarded way out as every call.

use super::Transport;
use bytes::Bytes;
use connectors::contract::{Error, ErrorKind, Frame, Result};
use futures_util::{SinkExt, StreamExt};
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::Full;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::fmt;
use std::time::Duration;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

/// Time for a frame to leave. A server that takes nothing for so long is gone.
const SEND_TIME: Duration = Duration::from_secs(10);

/// An open WebSocket.
pub struct Socket(WebSocketStream<TokioIo<Upgraded>>);

impl Transport {
    /// Opens a WebSocket. The address is `ws://…` or `wss://…`; the same addresses may be called as by HTTP.
    pub async fn open_socket(&self, address: &str, headers: HeaderMap) -> Result<Socket> {
        let key = generate_key();
        let mut request = Request::new(Full::<Bytes>::default());
        *request.method_mut() = Method::GET;
        *request.uri_mut() = http_address(address)?;
        *request.headers_mut() = headers;
        let own = request.headers_mut();
        own.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        own.insert(UPGRADE, HeaderValue::from_static("websocket"));
        own.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        own.insert(SEC_WEBSOCKET_KEY, HeaderValue::from_str(&key).map_err(|_| not_a_url())?);
        let opening = async {
            let answer = self.ask_for_socket(request).await?;
            let proof = derive_accept_key(key.as_bytes());
            let said = answer.headers().get(SEC_WEBSOCKET_ACCEPT);
            let is_open = answer.status() == StatusCode::SWITCHING_PROTOCOLS
                && said.is_some_and(|said| said.as_bytes() == proof.as_bytes());
            if !is_open {
                let text = "the channel does not open the connection";
                let status = answer.status();
                return Err(Error::new(ErrorKind::Unavailable, text).code(status.as_str()));
            }
            hyper::upgrade::on(answer)
                .await
                .map_err(|_| Error::new(ErrorKind::Unavailable, "the connection broke"))
        };
        let upgraded = tokio::time::timeout(self.timeout(), opening).await.map_err(|_| {
            Error::new(ErrorKind::Unavailable, "the channel did not open the connection in time")
        })??;
        let limit = self.answer_limit();
        let settings = WebSocketConfig::default()
            .max_message_size(Some(limit))
            .max_frame_size(Some(limit))
            .max_write_buffer_size(limit.max(256 * 1024));
        let io = TokioIo::new(upgraded);
        Ok(Socket(WebSocketStream::from_raw_socket(io, Role::Client, Some(settings)).await))
    }
}

impl Socket {
    /// The next frame; none once the channel has closed the connection. Dropping the future loses nothing.
    pub async fn receive(&mut self) -> Result<Option<Frame>> {
        loop {
            return match self.0.next().await {
                Some(Ok(Message::Binary(bytes))) => Ok(Some(Frame::Binary(bytes))),
                Some(Ok(Message::Text(text))) => Ok(Some(Frame::Text(text.as_str().to_owned()))),
                Some(Ok(Message::Close(_))) | None => Ok(None),
                // Pings are answered by the protocol itself.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Err(_)) => Err(Error::new(ErrorKind::Unavailable, "the connection broke")),
            };
        }
    }

    /// Sends a frame.
    pub async fn send(&mut self, frame: Frame) -> Result<()> {
        let message = match frame {
            Frame::Binary(bytes) => Message::Binary(bytes),
            Frame::Text(text) => Message::Text(text.into()),
        };
        self.write(message).await
    }

    /// Sends a ping. Whether it is answered is not looked at.
    pub async fn ping(&mut self) -> Result<()> {
        self.write(Message::Ping(Bytes::new())).await
    }

    /// Says farewell, if the channel still listens.
    pub async fn close(mut self) {
        if !matches!(tokio::time::timeout(SEND_TIME, self.0.close(None)).await, Ok(Ok(()))) {
            tracing::debug!("the channel left before the farewell");
        }
    }

    async fn write(&mut self, message: Message) -> Result<()> {
        match tokio::time::timeout(SEND_TIME, self.0.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Error::new(ErrorKind::Unavailable, "the connection broke")),
            Err(_) => Err(Error::new(ErrorKind::Unavailable, "the channel takes no frame")),
        }
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Socket")
    }
}

/// A WebSocket begins as a call of HTTP.
fn http_address(address: &str) -> Result<Uri> {
    let plain = address.strip_prefix("ws://").map(|rest| ["http://", rest].concat());
    let secure = address.strip_prefix("wss://").map(|rest| ["https://", rest].concat());
    let uri: Uri = plain.or(secure).ok_or_else(not_a_url)?.parse().map_err(|_| not_a_url())?;
    Ok(uri)
}

fn not_a_url() -> Error {
    Error::new(ErrorKind::Rejected, "the address of the stream is not ws:// or wss://")
}
