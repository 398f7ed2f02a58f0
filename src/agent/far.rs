//! What is particular about a shard behind the border.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::answers::Answers;
use super::settings::Vitals;
use super::shard::Shard;
use crate::discover::Crossing;
use crate::mounts::{SharedMounts, Territory};
use crate::pipeline::channel::Outlet;
use crate::pipeline::position::Record;
use crate::shown::Show;

/// The ways over the border that lead to it; nothing until they are known.
type Ways = Option<Arc<BTreeSet<Crossing>>>;

/// A shard behind the border.
#[derive(Debug)]
pub(super) struct FarShard {
    pub(super) shard: Shard,
    pub(super) ways: watch::Sender<Ways>,
    pub(super) vitals: Vitals,
    pub(super) answers: Answers,
}

/// The records by the territories to which their paths lead.
pub(super) fn split(
    records: Vec<Record>,
    mounts: &SharedMounts,
) -> HashMap<Territory, Vec<Record>> {
    let mounts = mounts.get();
    let mut split: HashMap<_, Vec<_>> = HashMap::new();
    for record in records {
        split
            .entry(mounts.territory(&record.reached.source.path.to_path_buf()))
            .or_default()
            .push(record);
    }
    split
}

/// A file system as people know it.
pub(super) fn named(point: &Path, mounts: &SharedMounts) -> String {
    match mounts.get().at(point) {
        Some(mount) => {
            format!("{} ({}, {})", point.shown(), mount.kind.shown(), mount.source.shown())
        }
        None => point.shown().to_string(),
    }
}

/// A way to `outlet` on which nobody who hangs keeps the room of others: who has got room for a batch
/// may read a file before there is one.
pub(super) fn relay(outlet: Outlet) -> Outlet {
    let (sender, mut batches) = mpsc::channel(1);
    tokio::spawn(async move {
        while let Some(batch) = batches.recv().await {
            let Ok(room) = outlet.room().await else { return };
            room.queue(batch);
        }
    });
    Outlet::new(sender, None)
}
