//! What all commands have in common.

use crate::bus::{Position, RawCommand};
use connectors::contract::{Error, Result};
use tokio::time::Instant;

const NAME_LIMIT_BYTES: usize = 128;

/// A command that waits, with what is needed to report on it.
#[derive(Debug, Clone)]
pub(super) struct Job<C> {
    pub(super) command: C,
    pub(super) position: Position,
    pub(super) read_at: Instant,
    pub(super) tries: u32,
}

impl<C> Job<C> {
    pub(super) fn new(command: C, raw: &RawCommand, read_at: Instant) -> Self {
        Self { command, position: raw.position.clone(), read_at, tries: 0 }
    }
}

pub(super) fn check_name(value: &str, field: &'static str) -> Result<()> {
    let is_name = !value.is_empty()
        && value.len() <= NAME_LIMIT_BYTES
        && value.bytes().all(|byte| byte.is_ascii_graphic());
    if is_name {
        Ok(())
    } else {
        Err(Error::malformed("1 to 128 visible ASCII characters are expected").at(field))
    }
}
