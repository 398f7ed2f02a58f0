//! `remote_syslog` follows log files and ships every line to a syslog receiver.
//!
//! # The path of a line
//!
//! ```text
//! config ─► discover ─► tail ─► filter ─► encode ─► send ─► receiver
//!                        ▲                            │
//!                        │                         ledger  (sent, acknowledged, confirmed)
//!                        └── positions ◄── state ◄────┘
//! ```
//!
//! Data flows left to right through bounded channels; only confirmations flow back.
//!
//! | room | what happens there | does I/O |
//! |---|---|---|
//! | [`cli`], [`config`] | what was typed becomes one resolved [`config::Config`], or all its errors | reads the file |
//! | [`discover`] | globs and directory watches become "found" and "changed" events | yes |
//! | [`tail`] | followed files become [`batch::Batch`]es of encoded messages | yes |
//! | [`filter`] | keeps or drops a line | no |
//! | [`syslog`] | RFC 5424 messages and their framing | no |
//! | [`send`] | batches go over UDP, TCP or TLS; the ledger says what has arrived | yes |
//! | [`state`] | positions of confirmed lines, saved and loaded | yes |
//! | [`service`] | detaching, pid file, signals, own log | yes |
//! | [`agent`] | the one place that builds the stages and wires them | no |
//! | [`daemon`] | the life of the process: start, reload, report, end | yes |
//! | [`announce`], [`exporter`] | systemd and Prometheus are told how the stages fare | yes |
//! | [`inspect`] | `--check` and `--status`: looks at all of it from outside, changes nothing | yes |
//!
//! [`batch`], [`event`] and [`position`] hold the types that cross the borders between stages,
//! [`outlet`] is how batches cross;
//! [`meter`] holds what the stages count, for those who watch them.
//! A stage imports no other stage; only [`agent`] and [`inspect`] know more than one. [`pulse`] shows
//! that a stage's loop goes round.

pub mod agent;
pub mod announce;
pub mod batch;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod discover;
pub mod event;
pub mod exporter;
pub mod filter;
pub mod inspect;
mod lockfile;
pub mod meter;
pub mod outlet;
pub mod position;
pub mod pulse;
pub mod send;
pub mod service;
pub mod state;
mod sys;
pub mod syslog;
pub mod tail;
