//! The ways to a receiver: connecting, trust, and what is written.

pub(in crate::deliver) mod connect;
pub(in crate::deliver) mod datagrams;
pub(in crate::deliver) mod roots;
pub(in crate::deliver) mod target;
pub(in crate::deliver) mod tcp;
pub(in crate::deliver) mod tls;
pub(in crate::deliver) mod trust;
pub(in crate::deliver) mod udp;
