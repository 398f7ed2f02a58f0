//! Warns of certificates before they expire, and of those whose files cannot be read any more.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tracing::warn;

use crate::config::Config;
use crate::deliver::own_end;
use crate::health::certificates::{CertificateEnds, CertificateOwner, DAYS_AHEAD};
use crate::threads;

/// When it looks first: by then there may be a connection.
const FIRST: Duration = Duration::from_secs(2);
/// How often it looks.
const EVERY: Duration = Duration::from_secs(3600);
/// So long before a certificate expires it begins to warn.
const AHEAD: i64 = DAYS_AHEAD * DAY;
/// It warns again after so long.
const DAY: i64 = 24 * 3600;

/// Looks after certificates every hour.
pub(super) struct ExpiryWatch {
    ticks: Interval,
    warned: Arc<Mutex<Warned>>,
}

/// What was warned of last, in seconds since the epoch: until when a certificate is valid, and when that was
/// said.
#[derive(Debug, Default)]
struct Warned([Option<(i64, i64)>; 2]);

impl ExpiryWatch {
    /// Begins to look; must be called within a runtime.
    pub(super) fn start() -> Self {
        let mut ticks = interval_at(Instant::now() + FIRST, EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { ticks, warned: Arc::default() }
    }

    /// Waits until it is time to look. Dropping it loses nothing.
    pub(super) async fn due(&mut self) {
        self.ticks.tick().await;
    }

    /// Reads our own certificate of `config`, and says what is about to expire. That happens elsewhere: it
    /// asks the file system.
    pub(super) fn look(&self, config: &Config, ends: &CertificateEnds) {
        let (config, ends) = (config.clone(), ends.clone());
        let warned = Arc::clone(&self.warned);
        threads::start("trust", move || {
            let mut own_key = None;
            match own_end(&config) {
                Ok(end) => {
                    let at = end.as_ref().map(|end| end.value.as_second());
                    ends.set(CertificateOwner::Client, at);
                    own_key = end.map(|end| end.key);
                }
                // What was read before stays in force.
                Err(error) => warn!("{error}"),
            }
            let own_key = own_key.as_deref().unwrap_or("destination.cert_file");
            let now = Timestamp::now().as_second();
            let mut warned = warned.lock().unwrap_or_else(PoisonError::into_inner);
            for owner in CertificateOwner::ALL {
                if let Some(text) = warned.of(owner, own_key, ends.get(owner), now) {
                    warn!("{text}");
                }
            }
        });
    }
}

impl Warned {
    /// What to say of a certificate that is valid until `end`, if it is time to say something; `own_key` names ours.
    fn of(
        &mut self,
        owner: CertificateOwner,
        own_key: &str,
        end: Option<i64>,
        now: i64,
    ) -> Option<String> {
        let last = &mut self.0[owner as usize];
        let end = end.filter(|end| end - now < AHEAD)?;
        if last.is_some_and(|(of, at)| of == end && now - at < DAY) {
            return None;
        }
        *last = Some((end, now));
        let (whose, remedy) = match owner {
            CertificateOwner::Receiver => (
                "the receiver's certificate".to_owned(),
                "have it renewed there, and a pin of it with it",
            ),
            CertificateOwner::Client => (
                format!("our own certificate ({own_key})"),
                "renew it; a new file is taken up by itself",
            ),
        };
        let date = Timestamp::from_second(end).ok()?;
        Some(match (end - now) / DAY {
            _ if end < now => format!("{whose} has expired on {date}; {remedy}"),
            0 => format!("{whose} expires on {date}, within a day; {remedy}"),
            1 => format!("{whose} expires on {date}, in a day; {remedy}"),
            days => format!("{whose} expires on {date}, in {days} days; {remedy}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "destination.hosts[1].cert_file";

    #[test]
    fn it_warns_once_a_day_from_14_days_ahead() {
        let mut warned = Warned::default();
        let end = 100 * DAY;
        let mut at = |now| warned.of(CertificateOwner::Client, KEY, Some(end), now);
        assert_eq!(at(end - AHEAD), None);
        let said = at(end - AHEAD + 1).unwrap();
        assert!(said.starts_with(
            "our own certificate (destination.hosts[1].cert_file) expires on 1970-04-11"
        ));
        assert!(said.contains("in 13 days; renew it"), "{said}");
        assert_eq!(at(end - AHEAD + DAY), None);
        assert!(at(end - AHEAD + DAY + 1).is_some());
        assert!(at(end - 5).unwrap().contains("within a day"));
        assert!(at(end + DAY).unwrap().contains("has expired on"));
        // A new one is another matter, and so is that of the other side.
        assert_eq!(warned.of(CertificateOwner::Client, KEY, Some(end + 90 * DAY), end), None);
        let said = warned.of(CertificateOwner::Receiver, KEY, Some(end), end).unwrap();
        assert!(said.starts_with("the receiver's certificate"));
        assert_eq!(warned.of(CertificateOwner::Receiver, KEY, None, end), None);
    }
}
