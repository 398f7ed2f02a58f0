//! What a service manager is told while the stages work: that they do, how they fare, and that
//! none of them hangs.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::health::Health;
use crate::health::liveness::Watchdog;
use crate::health::metrics::Meters;
use crate::service::systemd;

/// How often the line of status is renewed.
const STATUS: Duration = Duration::from_secs(2);
/// How often it is tried again to tell of the end.
const RETRY: Duration = Duration::from_secs(1);

/// Speaks to systemd until `stop`, if it listens.
pub async fn run(meters: Meters, health: Health, stop: CancellationToken) {
    if !systemd::listens() {
        return;
    }
    tokio::select! {
        () = stop.cancelled() => {}
        () = speak(&meters, &health) => {}
    }
    systemd::stopping();
    // The end of the process ends this.
    while !systemd::catch_up() {
        sleep(RETRY).await;
    }
}

async fn speak(meters: &Meters, health: &Health) {
    health.ready.reached().await;
    let mut pace = Pace::new(meters);
    systemd::status(&pace.status(meters));
    systemd::ready();
    // A look at a third of the time leaves room for one that comes late.
    let patience = systemd::watchdog().map(|limit| limit / 3);
    let mut look = every(patience.unwrap_or(Duration::MAX));
    let mut tell = every(STATUS);
    let mut watch = Watchdog::new(health.beats());
    let mut told = String::new();
    loop {
        tokio::select! {
            _ = look.tick(), if patience.is_some() => {
                match watch.silent().first() {
                    None => systemd::alive(),
                    Some(stage) => warn!("{stage} does not answer; systemd will start it anew"),
                }
            }
            _ = tell.tick() => {
                // Of a reload, perhaps.
                systemd::catch_up();
                let status = pace.status(meters);
                if status != told && systemd::status(&status) {
                    told = status;
                }
            }
        }
    }
}

/// Not at once.
fn every(period: Duration) -> tokio::time::Interval {
    let period = period.min(Duration::from_secs(3600));
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.reset();
    ticks
}

/// Lines a second since the last time.
struct Pace {
    at: Instant,
    lines: u64,
}

impl Pace {
    fn new(meters: &Meters) -> Self {
        Self { at: Instant::now(), lines: meters.reading.lines.get() }
    }

    fn status(&mut self, meters: &Meters) -> String {
        let now = Self::new(meters);
        let seconds = (now.at - self.at).as_secs_f64().max(0.001);
        let pace = (now.lines - self.lines) as f64 / seconds;
        *self = now;
        let files = meters.reading.files.get();
        let behind = meters.reading.unread_bytes.get() + meters.reading.queued_bytes.get();
        let receiver = match meters.sending.connection.receiver() {
            Some(receiver) => format!("connected to {receiver}"),
            None => "not connected".to_owned(),
        };
        let refused = match meters.reloads.refusal() {
            Some(why) => format!("; the new configuration is refused: {why}"),
            None => String::new(),
        };
        let s = if files == 1 { "" } else { "s" };
        let silent = match meters.finding.silent.get() {
            0 => String::new(),
            1 => ", 1 mount does not answer".to_owned(),
            count => format!(", {count} mounts do not answer"),
        };
        format!(
            "following {files} file{s}, {pace:.0} lines/s, {behind} bytes behind, {receiver}{silent}{refused}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_status_tells_files_pace_backlog_and_receiver() {
        let meters = Meters::new().unwrap();
        let mut pace = Pace::new(&meters);
        meters.reading.files.set(1);
        meters.reading.lines.inc_by(30);
        meters.reading.unread_bytes.set(40);
        meters.reading.queued_bytes.set(2);
        tokio::time::advance(Duration::from_secs(2)).await;
        let status = pace.status(&meters);
        assert_eq!(status, "following 1 file, 15 lines/s, 42 bytes behind, not connected");
        meters.sending.reached("logs:514 (127.0.0.1:514, TCP)".to_owned());
        meters.reading.files.set(2);
        tokio::time::advance(Duration::from_secs(2)).await;
        let connected = "connected to logs:514 (127.0.0.1:514, TCP)";
        let expected = format!("following 2 files, 0 lines/s, 42 bytes behind, {connected}");
        assert_eq!(pace.status(&meters), expected);
        meters.sending.left();
        assert!(pace.status(&meters).ends_with("not connected"));
        meters.reloads.ended(Some("a.yml:3: no".to_owned()));
        let refused = "; the new configuration is refused: a.yml:3: no";
        assert!(pace.status(&meters).ends_with(refused));
        meters.reloads.ended(None);
        assert!(pace.status(&meters).ends_with("not connected"));
        meters.finding.silent.set(1);
        assert!(pace.status(&meters).ends_with("not connected, 1 mount does not answer"));
    }
}
