//! One line that shows how far things are; a terminal sees it change, a log file gets one now and then.

use parking_lot::Mutex;
use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::time::Duration;
use tokio::time::Instant;

const LOG_EVERY: Duration = Duration::from_secs(5);
static LAST: Mutex<Option<Instant>> = Mutex::new(None);

pub(super) fn show(text: impl Display) {
    let mut stderr = std::io::stderr().lock();
    if stderr.is_terminal() {
        write!(stderr, "\r\x1b[K{text}").ok();
        stderr.flush().ok();
        return;
    }
    let mut last = LAST.lock();
    if last.is_none_or(|at| at.elapsed() >= LOG_EVERY) {
        *last = Some(Instant::now());
        writeln!(stderr, "{text}").ok();
    }
}

pub(super) fn clear() {
    let mut stderr = std::io::stderr().lock();
    if stderr.is_terminal() {
        write!(stderr, "\r\x1b[K").ok();
        stderr.flush().ok();
    }
}
