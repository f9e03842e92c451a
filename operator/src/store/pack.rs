//! Objects of a kind resemble each other: what one shares with those seen first takes a few bytes (LZ4 with a
//! dictionary).

use lz4_flex::block::{compress_prepend_size_with_dict, decompress_size_prepended_with_dict};

/// Longest dictionary; with an object it has to fit into the 64 KiB that LZ4 looks back.
const DICTIONARY_MAX: usize = 32 * 1024;
/// Most samples in it.
const SAMPLES_MAX: usize = 8;
/// An object of which more than one part in so many is new becomes a sample.
const NEW_PART: usize = 4;

/// Packs texts and makes them again.
#[derive(Debug, Default)]
pub struct Packer {
    /// The samples, the newest first: LZ4 counts backwards, so what was packed with the old ones alone stays readable.
    dictionary: Vec<u8>,
    samples: usize,
}

impl Packer {
    /// The text in as few bytes as it takes.
    pub fn pack(&mut self, text: &[u8]) -> Box<[u8]> {
        let packed = compress_prepend_size_with_dict(text, &self.dictionary);
        let fits = self.samples < SAMPLES_MAX && self.dictionary.len() + text.len() <= DICTIONARY_MAX;
        if fits && packed.len() * NEW_PART > text.len() {
            self.samples += 1;
            self.dictionary = [text, &self.dictionary].concat();
            // The sample itself is then hardly more than a reference to it.
            return compress_prepend_size_with_dict(text, &self.dictionary).as_slice().into();
        }
        // A copy of the right size: the buffer has room for the worst case.
        packed.as_slice().into()
    }

    /// What was packed here.
    pub fn unpack(&self, packed: &[u8]) -> Vec<u8> {
        decompress_size_prepended_with_dict(packed, &self.dictionary).expect("packed here")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_packed_is_made_again_whatever_came_after(
            texts in proptest::collection::vec(proptest::collection::vec(0u8..4, 0..2500), 0..20)
        ) {
            let mut packer = Packer::default();
            let all: Vec<_> = texts.iter().map(|text| packer.pack(text)).collect();
            for (text, packed) in texts.iter().zip(all) {
                prop_assert_eq!(&packer.unpack(&packed), text);
            }
            prop_assert!(packer.dictionary.len() <= DICTIONARY_MAX);
        }
    }

    #[test]
    fn what_resembles_another_is_small() {
        let text = |n: u32| format!("{:?}", (0..200).map(|i| (i, i * i)).chain([(n, 7)]).collect::<Vec<_>>());
        let mut packer = Packer::default();
        for n in 0..5 {
            packer.pack(text(n).as_bytes());
        }
        let another = text(123_456);
        assert!(packer.pack(another.as_bytes()).len() * 20 < another.len());
    }

    #[test]
    fn an_object_larger_than_the_dictionary_may_be_is_kept_too() {
        let text = "0123456789abcdef".repeat(8 * 1024);
        let mut packer = Packer::default();
        let kept = packer.pack(text.as_bytes());
        assert!(packer.dictionary.is_empty());
        assert_eq!(packer.unpack(&kept), text.as_bytes());
    }
}
