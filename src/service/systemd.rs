//! What systemd is told, and what it asks for: sd_notify(3). Without systemd nothing is sent.

use std::time::Duration;

use sd_notify::NotifyState;

/// Whether somebody listens.
#[must_use]
pub fn listens() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some()
}

/// Everything runs, at first or after a reload.
pub fn ready() {
    notify(&[NotifyState::Ready]);
}

/// A line for `systemctl status`.
pub fn status(text: &str) {
    notify(&[NotifyState::Status(text)]);
}

/// The configuration is being loaded anew; [`ready`] ends that.
pub fn reloading() {
    // The time tells a reload from what was said of an earlier one.
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        notify(&[NotifyState::Reloading, now]);
    }
}

/// It ends by itself, or because it was told to.
pub fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// After how long without [`alive`] systemd takes it for dead, if it does so at all.
#[must_use]
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

/// Not dead yet.
pub fn alive() {
    notify(&[NotifyState::Watchdog]);
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!("systemd cannot be told: {error}");
    }
}
