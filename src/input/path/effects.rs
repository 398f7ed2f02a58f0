//! What looking at a path or reading it asks of others. One place applies it: the scheduler.

use std::path::PathBuf;

use super::generation::Generation;
use crate::health::loss::{Amount, Reason};
use crate::input::stream::FoundFifo;
use crate::pipeline::checkpoint::{CheckpointBehind, CheckpointNow};
use crate::pipeline::position::{Inode, SourceId};

/// A rotated file of which nobody had known, and that is to be read.
pub(in crate::input) struct Candidate {
    /// The path that has found it.
    pub(in crate::input) found_by: usize,
    pub(in crate::input) source: SourceId,
    pub(in crate::input) inode: Inode,
    /// Where it was found.
    pub(in crate::input) path: PathBuf,
}

/// What one path asks of the others, of the checkpoint stage, and of those who count.
#[derive(Default)]
#[must_use]
pub(in crate::input) struct Effects {
    /// Checkpoints that overtake what was read.
    pub(in crate::input) now: Vec<CheckpointNow>,
    /// Checkpoints that stay behind what was read.
    pub(in crate::input) behind: Vec<CheckpointBehind>,
    /// Generations that are let go while another path waits for their file.
    pub(in crate::input) handed_over: Vec<Generation>,
    /// Rotated files just found. They are not read until no other path claims them.
    pub(in crate::input) candidates: Vec<Candidate>,
    /// FIFOs that stand where files were looked for.
    pub(in crate::input) fifos: Vec<FoundFifo>,
    /// How many rotations and truncations were noticed.
    pub(in crate::input) rotations: u64,
    /// What is lost for good. Each of these was reported in the log.
    pub(in crate::input) losses: Vec<(Reason, Amount)>,
    /// There is no descriptor left for what is to be read.
    pub(in crate::input) wants_descriptor: bool,
}

impl Effects {
    /// The checkpoint is to forget a generation; behind what was read of it, if something was.
    pub(in crate::input) fn forget(&mut self, generation: &Generation) {
        let id = generation.source.id;
        match generation.position.offset {
            0 => self.now.push(CheckpointNow::forget(id)),
            _ => self.behind.push(CheckpointBehind::forget(id)),
        }
    }

    /// Adds what `other` asks, behind what is asked already.
    pub(in crate::input) fn append(&mut self, mut other: Self) {
        self.now.append(&mut other.now);
        self.behind.append(&mut other.behind);
        self.handed_over.append(&mut other.handed_over);
        self.candidates.append(&mut other.candidates);
        self.fifos.append(&mut other.fifos);
        self.rotations += other.rotations;
        self.losses.append(&mut other.losses);
        self.wants_descriptor |= other.wants_descriptor;
    }
}
