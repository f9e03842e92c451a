//! Answers as a strict client reads them.

use anyhow::{Context, Result, bail, ensure};

/// Status codes of the final answers in what a connection gave until its end. `heads` says of each request whether it
/// was HEAD; none of ours is, so a body is as its head says.
///
/// # Errors
/// They are not whole answers, one after the other.
pub fn statuses(mut bytes: &[u8]) -> Result<Vec<u16>> {
    let mut statuses = Vec::new();
    while !bytes.is_empty() {
        let end = find(bytes, b"\r\n\r\n").context("a head without end")? + 4;
        let head = std::str::from_utf8(&bytes[..end])?.to_ascii_lowercase();
        bytes = &bytes[end..];
        let code = head.strip_prefix("http/1.1 ").or_else(|| head.strip_prefix("http/1.0 "));
        let status: u16 =
            code.and_then(|rest| rest.get(..3)).with_context(|| format!("status of {head:?}"))?.parse()?;
        if status < 200 {
            continue;
        }
        statuses.push(status);
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        bytes = if let Some(length) = field("content-length:") {
            bytes.get(length.parse()?..).context("a body that is too short")?
        } else if field("transfer-encoding:") == Some("chunked") {
            chunks(bytes)?
        } else {
            &[]
        };
    }
    Ok(statuses)
}

/// What stands behind the last chunk.
fn chunks(mut bytes: &[u8]) -> Result<&[u8]> {
    loop {
        let end = find(bytes, b"\r\n").context("a chunk without size")?;
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end])?, 16)?;
        let rest = bytes.get(end + 2 + size..).context("a chunk that is too short")?;
        let Some(next) = rest.strip_prefix(b"\r\n") else { bail!("a chunk without end") };
        if size == 0 {
            return Ok(next);
        }
        bytes = next;
        ensure!(!bytes.is_empty(), "no last chunk");
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[test]
fn answers_are_counted() {
    let text = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok\n\
        HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nok\n\r\n0\r\n\r\nHTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(statuses(text).unwrap(), [200, 200, 400]);
    assert!(statuses(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok\n").is_err());
}
