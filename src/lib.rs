//! `remote_syslog` follows log files and ships every line to a syslog receiver.
//!
//! # The path of a line
//!
//! ```text
//! config ─► discover ─► input ─► filter ─► encode ─► deliver ─► receiver
//!                        ▲                             │
//!                        │                          ledger  (sent, acknowledged, confirmed)
//!                        └─── positions ◄── checkpoint ┘
//! ```
//!
//! Data flows left to right through bounded channels; only confirmations flow back.
//!
//! | room | what happens there | does I/O |
//! |---|---|---|
//! | [`cli`], [`config`] | what was typed becomes one resolved [`config::Config`], or all its errors | reads the file |
//! | [`discover`] | globs and directory watches become "found" and "changed" events | yes |
//! | [`input`] | followed files become [`pipeline::batch::Batch`]es of encoded messages | yes |
//! | [`filter`] | keeps or drops a line | no |
//! | [`text`] | what becomes of the text of a record before it is sent | no |
//! | [`syslog`] | RFC 5424 messages and their framing | no |
//! | [`deliver`] | batches go over UDP, TCP, TLS or RELP; the ledger says what has arrived | yes |
//! | [`checkpoint`] | positions of confirmed lines, saved and loaded | yes |
//! | [`service`] | detaching, pid file, signals, own log | yes |
//! | [`agent`] | the one place that builds the stages and wires them | no |
//! | [`daemon`] | the life of the process: start, reload, report, end | yes |
//! | [`announce`], [`exporter`] | systemd and Prometheus are told how the stages fare | yes |
//! | [`inspect`] | `--check` and `--status`: looks at all of it from outside, changes nothing | yes |
//!
//! [`pipeline`] holds what crosses the borders between stages: batches, events, positions, and the
//! channel of batches. [`health`] holds what the stages count, and shows that their loops go round.
//! [`shown`] is how names from outside are put before people.
//! [`standing`] tells who asks how things stand with the receiver.
//! [`glob`] says what a glob matches. `vectors` is what the processor tells of many bytes at once.
//! A stage imports no other stage; only [`agent`] and [`inspect`] know more than one.

pub mod agent;
pub mod announce;
pub mod checkpoint;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod deliver;
pub mod discover;
pub mod exporter;
pub mod filter;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod glob;
pub mod health;
mod hidden;
pub mod input;
pub mod inspect;
mod limits;
mod lockfile;
pub mod mounts;
pub mod pipeline;
mod safe_open;
pub mod service;
pub mod shown;
pub mod standing;
mod sys;
pub mod syslog;
pub mod text;
mod threads;
mod vectors;
