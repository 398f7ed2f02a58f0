//! Which files to follow: globs and directory watches become [`Event`]s.
//!
//! Runs on a thread of its own, since listing directories blocks. Knows nothing of file contents:
//! it names paths to look at, and [`crate::input`] finds out what is there.

mod border;
mod happened;
mod inbox;
mod instance;
mod links;
mod parked;
mod pending;
mod places;
mod polled;
mod reached;
mod stage;
mod survey;
mod sweep;
mod unmatched;
mod walk;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc::{Sender, UnboundedSender, unbounded_channel};

use self::inbox::Inbox;
use self::parked::Timer;
use self::stage::Stage;
use self::watch::Watch;
use crate::filter::Patterns;
use crate::health::liveness::Beat;
use crate::health::metrics::Finding;
use crate::mounts::SharedMounts;
use crate::pipeline::event::Event;

pub use self::border::{Area, Crossing, Crossings};
pub use self::places::Globs;
pub use self::survey::{Survey, survey};
pub use self::unmatched::mistake;

/// What to look for, and how.
#[derive(Debug)]
pub struct Settings {
    /// The entries of `files`.
    pub globs: Globs,
    /// Paths left out.
    pub exclude: Patterns,
    /// How often everything is looked through, whatever inotify says.
    pub sweep_interval: Duration,
    /// Do without inotify.
    pub poll: bool,
    /// What is counted meanwhile.
    pub meters: Finding,
    /// What is mounted where.
    pub mounts: SharedMounts,
    /// What of all directories is looked through.
    pub area: Area,
    /// Shows that the loop goes round.
    pub beat: Beat,
}

/// What to do from now on.
struct Order {
    settings: Settings,
    events: Sender<Vec<Event>>,
}

/// The running stage; dropping it ends it.
#[derive(Debug)]
pub struct Discover {
    orders: UnboundedSender<Box<Order>>,
}

/// Makes the stage and its work, which is for a thread of its own. The work ends when the stage is
/// dropped. inotify is listened to on `listening`, best the runtime of the one that receives the
/// events: then nobody else is woken for a line.
pub fn stage(
    settings: Settings,
    events: Sender<Vec<Event>>,
    listening: &Handle,
) -> (Discover, impl FnOnce() + Send + 'static) {
    let (orders, mut ordered) = unbounded_channel();
    let inbox = Arc::new(Inbox::default());
    let mut watch = Watch::new(Arc::clone(&inbox), listening.clone());
    let discover = Discover { orders };
    discover.restart(settings, events);
    let work = async move |timer: Timer| {
        let mut next = ordered.recv().await;
        while let Some(order) = next {
            let inbox = Arc::clone(&inbox);
            let stage = Stage::new(*order, inbox, (&mut watch, &timer), &mut ordered);
            next = stage.run().await;
        }
    };
    (discover, move || parked::run(work))
}

impl Discover {
    /// Begins again with other settings, and with the watches it has.
    pub fn restart(&self, settings: Settings, events: Sender<Vec<Event>>) {
        // The other side ends when this is dropped.
        let _ = self.orders.send(Box::new(Order { settings, events }));
    }
}

#[cfg(test)]
mod tests;
