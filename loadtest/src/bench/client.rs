//! The smallest HTTP/1.1 client that keeps a connection alive: one request, one answer with a `content-length`.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// More than any answer of floor or gateway.
const ANSWER_BYTES: usize = 16 * 1024;

pub(super) struct Client {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Client {
    pub(super) async fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: Vec::with_capacity(ANSWER_BYTES) })
    }

    /// Sends a request and reads its answer to the last byte; returns the status.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> Result<u16> {
        self.stream.write_all(request).await?;
        self.answer.clear();
        loop {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            if let Some(status) = status_of_whole(&self.answer)? {
                return Ok(status);
            }
            if self.answer.len() >= ANSWER_BYTES {
                return Err(Error::other("an answer is too long"));
            }
        }
    }
}

/// The status, once the answer is whole.
fn status_of_whole(answer: &[u8]) -> Result<Option<u16>> {
    const END: &[u8] = b"\r\n\r\n";
    let Some(end) = answer.windows(END.len()).position(|window| window == END) else {
        return Ok(None);
    };
    let wrong = || Error::other("an answer without status or content-length");
    let head =
        answer.get(..end).and_then(|head| std::str::from_utf8(head).ok()).ok_or_else(wrong)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(wrong)?;
    let length: usize = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, length)| length.trim().parse().ok())
        .ok_or_else(wrong)?;
    Ok((answer.len() >= end + END.len() + length).then_some(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_when_its_last_byte_is_there() {
        let whole = b"HTTP/1.1 503 Away\r\nContent-Length: 2\r\n\r\nok";
        for cut in 0..whole.len() {
            assert_eq!(status_of_whole(&whole[..cut]).unwrap(), None, "{cut}");
        }
        assert_eq!(status_of_whole(whole).unwrap(), Some(503));
        assert!(status_of_whole(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
