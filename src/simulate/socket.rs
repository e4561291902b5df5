//! The server's side of a WebSocket (RFC 6455), as much of it as a simulated stream needs.
//!
//! Written here because a library answers every ping, and there are channels that answer none.

use crate::clock::{Clock, SystemClock};
use crate::shutdown::Shutdown;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf, BytesMut};
use connectors::contract::Frame;
use connectors::testkit::{Fake, FakeStream};
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use sha1::{Digest, Sha1};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// What the key is proved with (RFC 6455).
const PROOF: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const MESSAGE_LIMIT_BYTES: usize = 1 << 20;
/// How often a connection is asked what it owes.
const TICK: Duration = Duration::from_millis(20);

const CONTINUED: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Answers the request that opens a WebSocket, and serves it from then on. None where it does not ask for one.
pub(super) fn open(
    fake: &Arc<dyn Fake>,
    request: &mut Request<Incoming>,
    shutdown: &Shutdown,
) -> Option<Response<Full<bytes::Bytes>>> {
    let path = fake.stream()?.path();
    if request.uri().path() != path || !is(request.headers(), &UPGRADE, "websocket") {
        return None;
    }
    let key = request.headers().get(SEC_WEBSOCKET_KEY);
    let key = key.filter(|_| is(request.headers(), &SEC_WEBSOCKET_VERSION, "13"));
    let mut answer = Response::new(Full::default());
    let Some(key) = key else {
        *answer.status_mut() = StatusCode::BAD_REQUEST;
        return Some(answer);
    };
    let proof = [key.as_bytes(), PROOF.as_bytes()].concat();
    let proof = HeaderValue::from_str(&STANDARD.encode(Sha1::digest(proof))).ok()?;
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    answer.headers_mut().insert(SEC_WEBSOCKET_ACCEPT, proof);
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    answer.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
    let (upgrading, fake, stop) = (hyper::upgrade::on(request), Arc::clone(fake), shutdown.clone());
    shutdown.spawn(async move {
        let (Ok(upgraded), Some(stream)) = (upgrading.await, fake.stream()) else { return };
        let number = stream.opened();
        let served = serve(stream, number, TokioIo::new(upgraded), &stop).await;
        stream.closed(number);
        if let Err(error) = served {
            tracing::debug!(%error, "a client of the simulated stream is gone");
        }
    });
    Some(answer)
}

fn is(headers: &HeaderMap, name: &http::HeaderName, word: &str) -> bool {
    headers.get(name).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(word.as_bytes()))
}

async fn serve<I>(
    stream: &dyn FakeStream,
    number: u64,
    mut io: I,
    stop: &Shutdown,
) -> io::Result<()>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    let mut received = BytesMut::new();
    let mut message = Vec::new();
    let mut kind = CONTINUED;
    let mut tick = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            read = io.read_buf(&mut received) => if read? == 0 { return Ok(()) },
            _ = tick.tick() => {}
            () = stop.stopped() => return io.write_all(&framed(CLOSE, b"\x03\xe9")).await,
        }
        while let Some(part) = take(&mut received)? {
            match part.opcode {
                CLOSE => return io.write_all(&framed(CLOSE, &part.payload)).await,
                PING if stream.answers_pings() => {
                    io.write_all(&framed(PONG, &part.payload)).await?;
                }
                PING | PONG => {}
                CONTINUED | TEXT | BINARY => {
                    if part.opcode != CONTINUED {
                        kind = part.opcode;
                        message.clear();
                    }
                    message.extend(part.payload);
                    if message.len() > MESSAGE_LIMIT_BYTES {
                        return Err(broken());
                    }
                    if part.is_last {
                        let whole = std::mem::take(&mut message);
                        let frame = if kind == TEXT {
                            Frame::Text(String::from_utf8(whole).map_err(|_| broken())?)
                        } else {
                            Frame::Binary(whole.into())
                        };
                        stream.received(number, &frame, SystemClock.now());
                    }
                }
                _ => return Err(broken()),
            }
        }
        let due = stream.due(number, SystemClock.now());
        for frame in due.frames {
            let bytes = match frame {
                Frame::Binary(bytes) => framed(BINARY, &bytes),
                Frame::Text(text) => framed(TEXT, text.as_bytes()),
            };
            io.write_all(&bytes).await?;
        }
        io.flush().await?;
        if due.end {
            return io.write_all(&framed(CLOSE, b"\x03\xe8")).await;
        }
    }
}

/// A frame of a client.
struct Part {
    is_last: bool,
    opcode: u8,
    payload: Vec<u8>,
}

/// Takes one frame out of what has arrived; none while it is not whole.
fn take(received: &mut BytesMut) -> io::Result<Option<Part>> {
    let [first, second, rest @ ..] = &received[..] else { return Ok(None) };
    let (length, head) = match second & 0x7f {
        126 => match rest.first_chunk() {
            Some(length) => (u64::from(u16::from_be_bytes(*length)), 4),
            None => return Ok(None),
        },
        127 => match rest.first_chunk() {
            Some(length) => (u64::from_be_bytes(*length), 10),
            None => return Ok(None),
        },
        length => (u64::from(length), 2),
    };
    let length = usize::try_from(length).map_err(|_| broken())?;
    // A client masks every frame.
    if second & 0x80 == 0 || length > MESSAGE_LIMIT_BYTES {
        return Err(broken());
    }
    let (is_last, opcode) = (first & 0x80 != 0, first & 0x0f);
    if received.len() < head + 4 + length {
        return Ok(None);
    }
    received.advance(head);
    let mask = received.split_to(4);
    let masked = received.split_to(length);
    let payload = masked.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    Ok(Some(Part { is_last, opcode, payload }))
}

/// A frame of a server.
fn framed(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length), _) if length < 126 => frame.push(length),
        (_, Ok(length)) => {
            frame.push(126);
            frame.extend(length.to_be_bytes());
        }
        _ => {
            frame.push(127);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend(payload);
    frame
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not a frame that a client may send")
}
