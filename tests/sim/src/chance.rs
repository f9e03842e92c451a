//! All randomness of a run comes from its seed.
//!
//! Keys of hash maps, tokio's `select!` and `rand` draw from getrandom(2). The program's own function of that name comes
//! before the C library's, and on a thread that was given a seed it draws from that.

use std::cell::RefCell;
use std::fs::File;
use std::io::Read;

use rand::Rng;
use rand::rngs::StdRng;
use testkit::Seed;

thread_local! {
    static DRAWS: RefCell<Option<StdRng>> = const { RefCell::new(None) };
}

/// From now on this thread draws from the seed.
pub fn seed(seed: Seed) {
    DRAWS.with(|draws| *draws.borrow_mut() = Some(seed.stream("getrandom")));
    // Draws its own seed from the time of day.
    fastrand::seed(seed.stream("fastrand").next_u64());
}

/// False: the thread has no seed.
fn draw(buffer: &mut [u8]) -> bool {
    let seeded =
        |draws: &RefCell<Option<StdRng>>| draws.borrow_mut().as_mut().map(|random| random.fill_bytes(buffer)).is_some();
    DRAWS.try_with(seeded).unwrap_or(false)
}

/// getrandom(2).
///
/// # Safety
/// `length` bytes at `buffer` are the caller's to have written.
#[allow(unsafe_code, reason = "the C library's function has raw pointers, and a name that is not mangled")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrandom(buffer: *mut u8, length: usize, _flags: u32) -> isize {
    if length == 0 {
        return 0;
    }
    // SAFETY: the caller's promise.
    let buffer = unsafe { std::slice::from_raw_parts_mut(buffer, length) };
    let filled = draw(buffer) || File::open("/dev/urandom").and_then(|mut file| file.read_exact(buffer)).is_ok();
    if filled { length.cast_signed() } else { -1 }
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher;

    use super::*;

    /// What a fresh thread of this seed draws, in all the ways that the programs have.
    fn drawn(number: u64) -> (u64, u64, u64, Vec<u8>) {
        let draws = move || {
            seed(Seed::new(number));
            let key = std::hash::RandomState::new().hash_one(1);
            (key, rand::random(), fastrand::u64(..), rand::random::<[u8; 16]>().to_vec())
        };
        std::thread::spawn(draws).join().expect("no panic")
    }

    #[test]
    fn a_seed_decides_every_draw() {
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
        assert_ne!(drawn(1).0, drawn(2).0, "keys of hash maps");
    }

    #[test]
    fn a_thread_without_a_seed_is_random() {
        let draw = || std::thread::spawn(rand::random::<u128>).join().expect("no panic");
        assert_ne!(draw(), draw());
    }
}
