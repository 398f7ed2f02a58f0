//! What makes a program a daemon: leaving the terminal, the pid file, signals, limits and its
//! own log. Nothing here knows what is being shipped.

pub mod detach;
pub mod limits;
pub mod log;
pub mod pidfile;
pub mod signals;
