//! How loading the configuration anew went.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::{IntCounterVec, IntGauge};

use super::maker::Maker;

/// Reloads of the configuration.
#[derive(Debug, Clone)]
pub struct Reloads {
    /// By `result`: `ok` or `refused`.
    results: IntCounterVec,
    /// 1 when the last attempt was taken up, the start included, else 0.
    successful: IntGauge,
    /// When a configuration was last taken up, in seconds since the epoch.
    succeeded: IntGauge,
    /// Why the last attempt was refused.
    refusal: Arc<Mutex<Option<String>>>,
}

impl Reloads {
    /// As at a start, which has taken up a configuration.
    pub(super) fn new(maker: &Maker) -> prometheus::Result<Self> {
        let reloads = Self {
            results: maker.counters("reloads_total", "Reloads of the configuration.", "result")?,
            successful: maker.gauge(
                "last_reload_successful",
                "1 when the configuration as it was last read is in force, 0 when it was refused.",
            )?,
            succeeded: maker.gauge(
                "last_reload_success_timestamp_seconds",
                "When a configuration was last taken up, at the start or by a reload.",
            )?,
            refusal: Arc::default(),
        };
        reloads.took_up();
        Ok(reloads)
    }

    /// A reload has ended, well or not: then it was for `refusal`.
    pub fn ended(&self, refusal: Option<String>) {
        let result = if refusal.is_none() { "ok" } else { "refused" };
        self.results.with_label_values(&[result]).inc();
        if refusal.is_none() {
            self.took_up();
        } else {
            self.successful.set(0);
        }
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = refusal;
    }

    /// Why the configuration as it was last read is not in force, if so.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn took_up(&self) {
        self.successful.set(1);
        self.succeeded.set(jiff::Timestamp::now().as_second());
    }
}

#[cfg(test)]
mod tests {
    use super::super::metrics::Meters;

    #[test]
    fn a_refused_reload_shows_until_one_is_taken_up() {
        let reloads = Meters::new().unwrap().reloads;
        let last = reloads.succeeded.get();
        assert!(last > 1_700_000_000);
        assert_eq!((reloads.successful.get(), reloads.refusal()), (1, None));
        reloads.ended(Some("a.yml:3: no".to_owned()));
        assert_eq!(reloads.successful.get(), 0);
        assert_eq!(reloads.refusal().as_deref(), Some("a.yml:3: no"));
        assert_eq!(reloads.succeeded.get(), last);
        reloads.ended(None);
        assert_eq!((reloads.successful.get(), reloads.refusal()), (1, None));
        assert_eq!(reloads.results.with_label_values(&["refused"]).get(), 1);
        assert_eq!(reloads.results.with_label_values(&["ok"]).get(), 1);
    }
}
