//! Which requests were executed, and how often; kept in one process for all the others, so that it outlives them.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::stats::variable;

/// Entries that were written, with how often.
static ENTRIES: Mutex<BTreeMap<u64, u32>> = Mutex::new(BTreeMap::new());
/// The way to the keeper.
static LINE: tokio::sync::Mutex<Option<TcpStream>> = tokio::sync::Mutex::const_new(None);

/// Writes an entry at the keeper in `LEDGER` (`host:port`) and comes back when it has it.
pub async fn write(entry: u64) -> std::io::Result<()> {
    let mut line = LINE.lock().await;
    let mut stream = match line.take() {
        Some(stream) => stream,
        None => TcpStream::connect(variable("LEDGER")).await?,
    };
    stream.write_all(format!("{entry}\n").as_bytes()).await?;
    stream.read_u8().await?;
    *line = Some(stream);
    Ok(())
}

/// Keeps what others write, at this port.
pub async fn keep(port: u16) -> std::io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(read(stream));
    }
}

async fn read(stream: TcpStream) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        if let Ok(entry) = line.trim().parse() {
            *ENTRIES.lock().entry(entry).or_insert(0) += 1;
        }
        line.clear();
        stream.write_all(b"\n").await?;
    }
    Ok(())
}

/// All entries: one a line, with how often it was written.
pub fn page() -> String {
    ENTRIES.lock().iter().map(|(entry, times)| format!("{entry} {times}\n")).collect::<Vec<_>>().concat()
}
