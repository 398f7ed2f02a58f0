//! What makes a program a daemon: leaving the terminal, the pid file, signals, limits, its own
//! log and the service manager. Nothing here knows what is being shipped.

pub mod detach;
pub mod limits;
pub mod log;
pub mod pidfile;
pub mod privileges;
pub mod signals;
pub mod systemd;
