//! Where lines of the log end up: a file that can be opened anew, and a terminal that may show a
//! progress bar.

use std::io::{self, Write};
use std::sync::OnceLock;

use indicatif::ProgressBar;

/// The bar that standard error shows. There is one terminal, so there is one bar.
static BAR: OnceLock<ProgressBar> = OnceLock::new();

/// Shows `bar` below the lines of the log.
pub fn show_progress(bar: ProgressBar) {
    // A second one would not fit on the terminal.
    let _ = BAR.set(bar);
}

/// Writes to standard error, above the progress bar if there is one.
pub(super) fn write_to_stderr(text: &[u8]) -> io::Result<()> {
    match BAR.get() {
        Some(bar) => bar.suspend(|| io::stderr().write_all(text)),
        None => io::stderr().write_all(text),
    }
}
