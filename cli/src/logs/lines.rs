//! Bytes of a log as whole lines, each after the name of its pod.

/// Longest line, bytes; a longer one is printed in pieces. The kubelet's own pieces have a quarter of it.
const LINE_MAX: usize = 64 * 1024;

/// One pod's lines.
pub struct Lines {
    prefix: String,
    /// The line that has no end yet.
    rest: Vec<u8>,
}

impl Lines {
    /// Lines of this pod.
    pub fn of(pod: &str) -> Self {
        Self { prefix: format!("[{pod}] "), rest: Vec::new() }
    }

    /// The lines that end in these bytes.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut lines = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            for piece in part.chunks(LINE_MAX) {
                if self.rest.len() + piece.len() > LINE_MAX {
                    lines.extend(self.finish());
                }
                self.rest.extend_from_slice(piece);
            }
            if part.ends_with(b"\n") {
                lines.extend(self.finish());
            }
        }
        lines
    }

    /// What is left at the end.
    pub fn finish(&mut self) -> Vec<u8> {
        if self.rest.is_empty() {
            return Vec::new();
        }
        let mut line = self.prefix.clone().into_bytes();
        line.append(&mut self.rest);
        if !line.ends_with(b"\n") {
            line.push(b'\n');
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_that_is_too_long_comes_in_pieces_and_the_last_needs_no_end() {
        let mut lines = Lines::of("p");
        assert_eq!(lines.push(b"a\nb"), b"[p] a\n");
        assert_eq!(lines.finish(), b"[p] b\n");
        let long = lines.push(&vec![b'x'; LINE_MAX + 1]);
        assert_eq!(long.len(), LINE_MAX + 5);
        assert_eq!(lines.finish(), b"[p] x\n");
    }

    proptest! {
        #[test]
        fn however_it_comes_the_lines_are_the_same(
            text in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'a'), Just(0xff)], 0..200), at in 1..50usize,
        ) {
            let printed = |chunks: &mut dyn Iterator<Item = &[u8]>| {
                let mut lines = Lines::of("p");
                let mut all: Vec<u8> = chunks.flat_map(|chunk| lines.push(chunk)).collect();
                all.extend(lines.finish());
                all
            };
            let whole = printed(&mut std::iter::once(text.as_slice()));
            prop_assert_eq!(printed(&mut text.chunks(at)), whole.clone());
            let bare: Vec<u8> = whole.split_inclusive(|byte| *byte == b'\n').flat_map(|line| line[4..].to_vec()).collect();
            prop_assert_eq!(bare.strip_suffix(b"\n").unwrap_or(&bare), text.strip_suffix(b"\n").unwrap_or(&text));
        }
    }
}
