//! Until when certificates are valid.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use prometheus::IntGaugeVec;

use super::maker::Maker;

/// Whose certificate it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateOwner {
    /// The receiver, which has shown it.
    Receiver,
    /// This side.
    Client,
}

impl CertificateOwner {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Receiver, Self::Client];

    /// The label in metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Receiver => "receiver",
            Self::Client => "client",
        }
    }
}

/// Until when the certificates are valid that are in use, in seconds since the epoch.
#[derive(Debug, Clone)]
pub struct CertificateEnds {
    gauges: IntGaugeVec,
    ends: Arc<[AtomicI64; 2]>,
}

/// So many days before one expires somebody should know.
pub const DAYS_AHEAD: i64 = 14;
/// There is no certificate.
const NONE: i64 = i64::MAX;

impl CertificateEnds {
    /// None are known.
    pub(super) fn new(maker: &Maker) -> prometheus::Result<Self> {
        let gauges = maker.gauges(
            "certificate_expiry_timestamp_seconds",
            "Until when the certificate is valid: that of the receiver as it showed it last, or our own.",
            "which",
        )?;
        Ok(Self { gauges, ends: Arc::new([const { AtomicI64::new(NONE) }; 2]) })
    }

    /// Sets until when that of `owner` is valid; `None`: there is none.
    pub fn set(&self, owner: CertificateOwner, end: Option<i64>) {
        self.ends[owner as usize].store(end.unwrap_or(NONE), Ordering::Relaxed);
        match end {
            Some(end) => self.gauges.with_label_values(&[owner.label()]).set(end),
            // It is an error where it was never set.
            None => drop(self.gauges.remove_label_values(&[owner.label()])),
        }
    }

    /// Until when that of `owner` is valid, if there is one.
    #[must_use]
    pub fn get(&self, owner: CertificateOwner) -> Option<i64> {
        Some(self.ends[owner as usize].load(Ordering::Relaxed)).filter(|&end| end != NONE)
    }
}
