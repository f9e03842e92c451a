//! A name server that answers as it is told: it knows every name, none, or says nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::net::UdpSocket;
use tokio::sync::watch;

/// Where it is asked; no other resolver is meant by it.
const ADDRESS: &str = "127.0.0.53";
/// Its reply: to a recursive query, recursion available.
const REPLY: u8 = 0x81;
const GOOD: u8 = 0x80;
const NO_SUCH_NAME: u8 = 0x83;
const TYPE_A: [u8; 2] = [0, 1];

/// How it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Every name is this machine, which it says after a while.
    Knows(Duration),
    /// There is no such name.
    Denies,
    /// Nothing.
    Silent,
}

/// It runs as long as the test's runtime.
pub struct Resolver {
    manner: watch::Sender<Manner>,
    asked: Arc<AtomicUsize>,
    /// What leads there, in the place of `/etc/resolv.conf`.
    pub file: PathBuf,
}

impl Resolver {
    pub async fn start(manner: Manner) -> Result<Self> {
        let socket = Arc::new(UdpSocket::bind((ADDRESS, 53)).await?);
        let file = std::env::temp_dir().join(format!("resolv-{}.conf", std::process::id()));
        std::fs::write(&file, format!("nameserver {ADDRESS}\noptions timeout:8\n"))?;
        let (manner, follow) = watch::channel(manner);
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut query = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut query).await {
                count.fetch_add(1, Ordering::Relaxed);
                let (after, reply) = match *follow.borrow() {
                    Manner::Silent => continue,
                    Manner::Denies => (Duration::ZERO, reply(&query[..length], NO_SUCH_NAME)),
                    Manner::Knows(after) => (after, reply(&query[..length], GOOD)),
                };
                let socket = Arc::clone(&socket);
                tokio::spawn(async move {
                    tokio::time::sleep(after).await;
                    let _ = socket.send_to(&reply, from).await;
                });
            }
        });
        Ok(Self { manner, asked, file })
    }

    pub fn turns(&self, manner: Manner) {
        self.manner.send_replace(manner);
    }

    /// Questions so far.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

/// The question again, and the address of this machine if one of IPv4 is asked for (RFC 1035, 4.1).
fn reply(query: &[u8], code: u8) -> Vec<u8> {
    const HEAD: usize = 12;
    let name = query[HEAD..].iter().position(|&length| length == 0).unwrap_or_default();
    let question = &query[HEAD..HEAD + name + 5];
    let has_address = code == GOOD && question[name + 1..name + 3] == TYPE_A;
    let mut reply = query[..2].to_vec();
    reply.extend([REPLY, code, 0, 1, 0, has_address.into(), 0, 0, 0, 0]);
    reply.extend(question);
    if has_address {
        // The name of the question, type A, class IN, for no time, four bytes.
        reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1]);
    }
    reply
}
