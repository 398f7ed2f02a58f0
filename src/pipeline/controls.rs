//! What is known of the control characters in text that passes from stage to stage. Pure.

/// Whether text holds CR or NUL, as far as its reader knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Controls {
    /// It holds none.
    None,
    /// It may hold some.
    Some,
}
