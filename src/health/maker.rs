//! How meters are made: under the program's name, and each entered into one registry.

use prometheus::core::Collector;
use prometheus::{Counter, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// Makes meters and enters them into the registry.
pub(super) struct Maker(Registry);

impl Maker {
    /// With a registry that holds nothing yet.
    pub(super) fn new() -> prometheus::Result<Self> {
        Ok(Self(Registry::new_custom(Some("remote_syslog".to_owned()), None)?))
    }

    /// All that was made.
    pub(super) fn registry(&self) -> &Registry {
        &self.0
    }

    pub(super) fn counter(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        self.enter(IntCounter::new(name, help)?)
    }

    /// One of seconds, which need not be whole.
    pub(super) fn seconds(&self, name: &str, help: &str) -> prometheus::Result<Counter> {
        self.enter(Counter::new(name, help)?)
    }

    pub(super) fn counters(
        &self,
        name: &str,
        help: &str,
        label: &str,
    ) -> prometheus::Result<IntCounterVec> {
        self.enter(IntCounterVec::new(Opts::new(name, help), &[label])?)
    }

    pub(super) fn gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        self.enter(IntGauge::new(name, help)?)
    }

    pub(super) fn gauges(
        &self,
        name: &str,
        help: &str,
        label: &str,
    ) -> prometheus::Result<IntGaugeVec> {
        self.enter(IntGaugeVec::new(Opts::new(name, help), &[label])?)
    }

    fn enter<T: Collector + Clone + 'static>(&self, meter: T) -> prometheus::Result<T> {
        self.0.register(Box::new(meter.clone()))?;
        Ok(meter)
    }
}
