//! Proof of a queue-proxy's identity: HMAC-SHA256 (RFC 2104) with a key that only its revision's pods are given.

use ring::hmac;

/// The key of one revision, made from the installation's master key.
pub fn revision_key(master: &[u8], revision_uid: &str) -> [u8; 32] {
    prove(master, revision_uid.as_bytes())
}

/// The proof over `transcript` ([`wire::Identity::transcript`]).
pub fn prove(key: &[u8], transcript: &[u8]) -> [u8; 32] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), transcript);
    tag.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// Whether `proof` was made with `key` over `transcript`; takes the same time wherever they differ.
pub fn verify(key: &[u8], transcript: &[u8], proof: &[u8; 32]) -> bool {
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key), transcript, proof).is_ok()
}

/// Reads a key of 64 hexadecimal digits, as it stands in `TODOAPP_KEY`.
pub fn key_from_hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.trim().as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut key = [0; 32];
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = (high * 16 + low) as u8;
    }
    Some(key)
}

/// The same key as 64 hexadecimal digits.
pub fn key_to_hex(key: &[u8; 32]) -> String {
    use std::fmt::Write as _;
    key.iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes everything");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_is_rfc_4231_case_2() {
        let proof = prove(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(key_to_hex(&proof), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert!(verify(b"Jefe", b"what do ya want for nothing?", &proof));
        assert!(!verify(b"Jefe", b"what do ya want for something?", &proof));
        assert!(!verify(b"jefe", b"what do ya want for nothing?", &proof));
    }

    #[test]
    fn keys_survive_their_text() {
        let key = revision_key(&[7; 32], "uid");
        assert_eq!(key_from_hex(&key_to_hex(&key)), Some(key));
        assert_eq!(key_from_hex("zz"), None);
        assert_eq!(key_from_hex(&"g".repeat(64)), None);
        assert_ne!(revision_key(&[7; 32], "uid"), revision_key(&[7; 32], "other"));
    }
}
