//! How the stages fare: what they count, and whether their loops go round.

pub mod liveness;
pub mod loss;
mod maker;
pub mod metrics;
pub mod reload;
