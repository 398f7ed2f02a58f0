//! Why a pattern is none.

/// What is wrong with a pattern; the texts hold the piece that is meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::filter) enum Re2Error {
    #[error("a '(' is not closed")]
    OpenGroup,
    #[error("a ')' closes nothing")]
    UnopenedGroup,
    #[error("a '[' is not closed")]
    OpenClass,
    #[error("it ends with a '\\' that has nothing behind it")]
    TrailingBackslash,
    #[error("'{0}' is no escape sequence")]
    Escape(String),
    #[error("'{0}' names no class of characters")]
    UnknownClass(String),
    #[error("the range '{0}' ends before it begins")]
    Range(String),
    #[error("'{0}' has nothing before it that could be repeated")]
    NothingToRepeat(String),
    #[error("'{0}' repeats a repetition; put the inner one into (?:…)")]
    Stacked(String),
    #[error("'{0}' repeats something more than 1000 times, alone or with others around it")]
    TooMany(String),
    #[error("'{0}' counts down")]
    CountsDown(String),
    #[error("'{0}…' opens no kind of group; RE2 has no look-around and no comments")]
    Group(String),
    #[error("'{0}' is no name of a group; it takes letters, digits and '_'")]
    GroupName(String),
    #[error("it nests more than 1000 deep")]
    TooDeep,
}
