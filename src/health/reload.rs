//! How loading the configuration anew went.

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
        };
        reloads.took_up();
        Ok(reloads)
    }

    /// A reload has ended, well or not.
    pub fn ended(&self, is_ok: bool) {
        let result = if is_ok { "ok" } else { "refused" };
        self.results.with_label_values(&[result]).inc();
        if is_ok {
            self.took_up();
        } else {
            self.successful.set(0);
        }
    }

    /// Whether the configuration as it was last read is in force.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.successful.get() == 0
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
        assert!(last > 1_700_000_000 && !reloads.is_refused());
        reloads.ended(false);
        assert!(reloads.is_refused());
        assert_eq!(reloads.succeeded.get(), last);
        reloads.ended(true);
        assert!(!reloads.is_refused());
        assert_eq!(reloads.results.with_label_values(&["refused"]).get(), 1);
        assert_eq!(reloads.results.with_label_values(&["ok"]).get(), 1);
    }
}
