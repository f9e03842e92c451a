//! Why bytes are no message, or a message cannot become bytes.

/// A violation of the vocabulary. The stream on which it happened is of no further use: close it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The frame says that it is longer than its reader accepts, or is empty.
    #[error("frame of {length} bytes, accepted are 1 to {max}")]
    FrameLength {
        /// Length that the frame claims, kind included.
        length: usize,
        /// Most that this kind of message may have.
        max: usize,
    },
    /// The kind is unknown, or not one that may come here.
    #[error("unexpected frame kind {kind}")]
    Kind {
        /// The kind byte.
        kind: u8,
    },
    /// The other side speaks another version.
    #[error("version {found}, expected {}", crate::VERSION)]
    Version {
        /// Version of the other side.
        found: u8,
    },
    /// The frame ends before the field does.
    #[error("{field}: frame ends too early")]
    Truncated {
        /// The field that was being read.
        field: &'static str,
    },
    /// Bytes are left after the last field.
    #[error("{count} bytes after the end of the message")]
    Trailing {
        /// How many.
        count: usize,
    },
    /// A text or a list is longer than its bound.
    #[error("{field}: {length} long, bound is {max}")]
    TooLong {
        /// The field.
        field: &'static str,
        /// Bytes of a text, entries of a list.
        length: usize,
        /// The bound.
        max: usize,
    },
    /// A text is not UTF-8.
    #[error("{field}: not UTF-8")]
    Text {
        /// The field.
        field: &'static str,
    },
    /// The value is outside the field's range, such as a concurrency that is negative, infinite or no number.
    #[error("{field}: value out of range")]
    Range {
        /// The field.
        field: &'static str,
    },
}
