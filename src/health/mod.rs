//! How the stages fare: what they count, whether their loops go round, and whether they are ready.

pub mod certificates;
pub mod connection;
pub mod liveness;
pub mod loss;
mod maker;
pub mod metrics;
pub mod readiness;
pub mod reload;
pub mod silence;

use std::fmt;

use self::liveness::Beat;
use self::readiness::ReadySignal;
use self::silence::Silence;

/// A stage that runs by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StageName {
    /// [`crate::discover`].
    Discover,
    /// [`crate::input`].
    Input,
    /// [`crate::deliver`].
    Deliver,
    /// [`crate::checkpoint`].
    Checkpoint,
}

impl fmt::Display for StageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Discover => "looking for files",
            Self::Input => "reading",
            Self::Deliver => "sending",
            Self::Checkpoint => "saving positions",
        })
    }
}

/// What the stages show of themselves, apart from numbers.
#[derive(Debug, Clone, Default)]
pub struct Health {
    /// The loop of [`crate::discover`] goes round.
    pub discover: Beat,
    /// The loop of [`crate::input`] goes round.
    pub input: Beat,
    /// The loop of [`crate::deliver`] goes round.
    pub deliver: Beat,
    /// The loop of [`crate::checkpoint`] goes round.
    pub checkpoint: Beat,
    /// The first pass is done: from then on the files are followed.
    pub ready: ReadySignal,
    /// File systems that do not answer.
    pub silence: Silence,
}

impl Health {
    /// Of a run that looks for no files: nobody waits for that loop by itself.
    #[must_use]
    pub fn without_discover() -> Self {
        let input = Beat::default();
        Self { discover: input.clone(), input, ..Self::default() }
    }

    /// The beat of each stage.
    #[must_use]
    pub fn beats(&self) -> [(StageName, Beat); 4] {
        [
            (StageName::Discover, self.discover.clone()),
            (StageName::Input, self.input.clone()),
            (StageName::Deliver, self.deliver.clone()),
            (StageName::Checkpoint, self.checkpoint.clone()),
        ]
    }
}
