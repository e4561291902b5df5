//! The one place that prints to standard output, for commands whose result is what they print.

use std::io::Write;

/// Prints a line. A reader that went away, like `head`, is no error of ours.
pub fn line(text: impl std::fmt::Display) {
    writeln!(std::io::stdout().lock(), "{text}").ok();
}

/// Prints a line to standard error.
pub fn complain(text: impl std::fmt::Display) {
    writeln!(std::io::stderr().lock(), "{text}").ok();
}
