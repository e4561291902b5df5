//! Opens what the channel packed, up to a size.

use crate::contract::{Error, Result};
use flate2::{Crc, Decompress, FlushDecompress, Status};

/// Largest content of a message. The longest that the channel documents has a few kilobytes.
pub(super) const CONTENT_LIMIT_BYTES: usize = 1 << 20;

const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
const CHECKSUM: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;

/// Opens a gzip stream of one member (RFC 1952).
pub(super) fn open(packed: &[u8]) -> Result<Vec<u8>> {
    let body = behind_head(packed).ok_or_else(broken)?;
    let mut inflate = Decompress::new(false);
    let mut content = Vec::with_capacity(packed.len().saturating_mul(4).min(CONTENT_LIMIT_BYTES));
    let rest = loop {
        let read = position(&inflate);
        let rest = body.get(read..).unwrap_or_default();
        let known = content.len();
        let status = inflate.decompress_vec(rest, &mut content, FlushDecompress::None);
        let rest = body.get(position(&inflate)..).unwrap_or_default();
        match status.map_err(|_| broken())? {
            Status::StreamEnd => break rest,
            Status::Ok | Status::BufError if content.len() == content.capacity() => {
                if content.len() >= CONTENT_LIMIT_BYTES {
                    return Err(Error::malformed("the content is too large").at("content"));
                }
                content.reserve(content.len().max(256));
            }
            Status::Ok | Status::BufError
                if position(&inflate) == read && content.len() == known =>
            {
                return Err(broken());
            }
            Status::Ok | Status::BufError => {}
        }
    };
    let mut sums = Crc::new();
    sums.update(&content);
    let expected = [sums.sum().to_le_bytes(), sums.amount().to_le_bytes()].concat();
    if content.len() > CONTENT_LIMIT_BYTES || !rest.starts_with(&expected) {
        return Err(broken());
    }
    Ok(content)
}

fn position(inflate: &Decompress) -> usize {
    usize::try_from(inflate.total_in()).unwrap_or(usize::MAX)
}

/// What follows the head, whose parts depend on its flags.
fn behind_head(packed: &[u8]) -> Option<&[u8]> {
    let (head, mut rest) = packed.split_at_checked(10)?;
    let flags = *head.get(3)?;
    if !head.starts_with(&MAGIC) {
        return None;
    }
    if flags & EXTRA != 0 {
        let (length, behind) = rest.split_first_chunk()?;
        rest = behind.get(usize::from(u16::from_le_bytes(*length))..)?;
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let end = rest.iter().position(|byte| *byte == 0)?;
            rest = rest.get(end + 1..)?;
        }
    }
    if flags & CHECKSUM != 0 {
        rest = rest.get(2..)?;
    }
    Some(rest)
}

fn broken() -> Error {
    Error::malformed("the packed content cannot be opened").at("content")
}
