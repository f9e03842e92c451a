//! One direction of a stream: bytes on their way. Pure; the time is handed in.

use std::collections::VecDeque;
use std::task::Waker;
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::time::Instant;

/// Bytes that may be on their way or unread; a writer waits beyond it.
const WINDOW: usize = 256 << 10;

/// One direction.
#[derive(Debug, Default)]
pub struct Pipe {
    /// What is on its way, and when it arrives.
    queue: VecDeque<(Instant, Bytes)>,
    bytes: usize,
    /// When the last of it arrives.
    last: Option<Instant>,
    /// When the end arrives.
    end: Option<Instant>,
    /// Who waits to read.
    pub reader: Option<Waker>,
    /// Who waits to write.
    pub writer: Option<Waker>,
}

/// What there is to read.
#[derive(Debug, PartialEq, Eq)]
pub enum Pulled {
    /// These bytes.
    Bytes(Bytes),
    /// No more, ever.
    End,
    /// Something, then.
    Later(Instant),
    /// Nothing yet.
    Nothing,
}

impl Pipe {
    /// Sends what fits in the window, and says how much that was.
    pub fn push(&mut self, bytes: &[u8], now: Instant, way: Duration) -> usize {
        let taken = bytes.len().min(WINDOW.saturating_sub(self.bytes));
        if taken > 0 {
            let arrives = self.arrival(now, way);
            self.queue.push_back((arrives, Bytes::copy_from_slice(&bytes[..taken])));
            self.bytes += taken;
        }
        taken
    }

    /// Sends the end; once is enough.
    pub fn finish(&mut self, now: Instant, way: Duration) {
        if self.end.is_none() {
            self.end = Some(self.arrival(now, way));
        }
    }

    /// Whether its end was sent.
    pub fn is_finished(&self) -> bool {
        self.end.is_some()
    }

    /// Whether anything was sent that nobody has read.
    pub fn is_unread(&self) -> bool {
        self.bytes > 0
    }

    /// Nothing overtakes what was sent before it.
    fn arrival(&mut self, now: Instant, way: Duration) -> Instant {
        let arrives = self.last.map_or(now + way, |last| last.max(now + way));
        self.last = Some(arrives);
        arrives
    }

    /// Takes at most so many bytes of what has arrived.
    pub fn pull(&mut self, most: usize, now: Instant) -> Pulled {
        let Some((arrives, bytes)) = self.queue.front_mut() else {
            return match self.end {
                Some(end) if end <= now => Pulled::End,
                Some(end) => Pulled::Later(end),
                None => Pulled::Nothing,
            };
        };
        if *arrives > now {
            return Pulled::Later(*arrives);
        }
        let taken = bytes.split_to(most.min(bytes.remaining()));
        if bytes.is_empty() {
            self.queue.pop_front();
        }
        self.bytes -= taken.len();
        Pulled::Bytes(taken)
    }

    /// Everyone who waits looks again.
    pub fn wake(&mut self) {
        for waker in [self.reader.take(), self.writer.take()].into_iter().flatten() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[tokio::test(start_paused = true)]
    async fn nothing_overtakes_and_the_end_comes_last() {
        let now = Instant::now();
        let mut pipe = Pipe::default();
        assert_eq!(pipe.pull(9, now), Pulled::Nothing);
        pipe.push(b"slow", now, 10 * MS);
        pipe.push(b"quick", now, MS);
        pipe.finish(now, MS);
        assert_eq!(pipe.pull(9, now + 9 * MS), Pulled::Later(now + 10 * MS));
        let then = now + 10 * MS;
        assert_eq!(pipe.pull(2, then), Pulled::Bytes("sl".into()));
        assert_eq!(pipe.pull(9, then), Pulled::Bytes("ow".into()));
        assert_eq!(pipe.pull(9, then), Pulled::Bytes("quick".into()));
        assert_eq!(pipe.pull(9, then), Pulled::End);
    }

    #[tokio::test(start_paused = true)]
    async fn a_writer_waits_for_the_window() {
        let now = Instant::now();
        let mut pipe = Pipe::default();
        assert_eq!(pipe.push(&vec![0; WINDOW + 5], now, MS), WINDOW);
        assert_eq!(pipe.push(b"more", now, MS), 0);
        pipe.pull(3, now + MS);
        assert_eq!(pipe.push(b"more", now, MS), 3);
    }
}
