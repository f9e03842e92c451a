//! Names and their addresses, by the system's resolver.

use std::{collections::BTreeMap, io, net::SocketAddr, sync::Arc};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use parking_lot::Mutex;
use tokio::net::lookup_host;

type Answer = Result<Vec<SocketAddr>, Arc<io::Error>>;
type Asked = Shared<BoxFuture<'static, Answer>>;

/// Questions that have no answer yet. The resolver occupies a thread for as long as it waits, and cannot be called off: a
/// question whose asker gave up is left to the next one, instead of one more thread for each attempt.
static ASKED: Mutex<BTreeMap<String, Asked>> = Mutex::new(BTreeMap::new());

/// The addresses of `host:port`. Cancel-safe: who asks the same again gets the answer to the question that is under way.
///
/// # Errors
/// There is no such name, or nobody to be asked; the text says so.
pub(crate) async fn lookup(name: &str) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = name.parse() {
        return Ok(vec![address]);
    }
    let asked = ASKED.lock().entry(name.to_owned()).or_insert_with(|| ask(name.to_owned())).clone();
    let answer = asked.clone().await;
    let mut all = ASKED.lock();
    if all.get(name).is_some_and(|known| known.ptr_eq(&asked)) {
        all.remove(name);
    }
    answer.map_err(|cause| io::Error::new(cause.kind(), format!("looking up {name}: {cause}")))
}

fn ask(name: String) -> Asked {
    async move { lookup_host(name).await.map(Iterator::collect).map_err(Arc::new) }.boxed().shared()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_is_taken_once() {
        let address = ([127, 0, 0, 1], 80).into();
        assert_eq!(lookup("127.0.0.1:80").await.expect("an address is known"), [address]);
        for _ in 0..2 {
            assert!(lookup("localhost:80").await.expect("localhost is known").contains(&address));
            assert!(!ASKED.lock().contains_key("localhost:80"));
        }
        let unknown = lookup("localhost:0x").await.expect_err("no port");
        assert!(unknown.to_string().starts_with("looking up localhost:0x: "), "{unknown}");
    }
}
