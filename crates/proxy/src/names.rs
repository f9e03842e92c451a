//! Names and their addresses, by the system's resolver.

use std::{collections::BTreeMap, io, net::SocketAddr, sync::Arc};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared, select_all},
};
use parking_lot::Mutex;
use tokio::net::lookup_host;

/// Questions for one name that have no answer yet, at most. Each occupies a thread until the resolver gives it up.
const OPEN_MAX: usize = 3;

type Answer = Result<Vec<SocketAddr>, Arc<io::Error>>;
type Question = Shared<BoxFuture<'static, Answer>>;

static QUESTIONS: Questions = Questions(Mutex::new(BTreeMap::new()));

/// The addresses of `host:port`.
///
/// # Errors
/// There is no such name, or nobody to be asked; the text says so.
pub(crate) async fn lookup(name: &str) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = name.parse() {
        return Ok(vec![address]);
    }
    let asked = name.to_owned();
    let question = async move { lookup_host(asked).await.map(Iterator::collect).map_err(Arc::new) };
    let answer = QUESTIONS.first_answer(name, question.boxed()).await;
    answer.map_err(|cause| io::Error::new(cause.kind(), format!("looking up {name}: {cause}")))
}

/// Questions that have no answer yet, by name. The resolver asks a second time only after seconds, and cannot be called off:
/// whoever gave up and comes back asks anew, and takes whichever answer is first.
struct Questions(Mutex<BTreeMap<String, Vec<Question>>>);

impl Questions {
    /// Asks one more `question` if not too many are open. Cancel-safe: it stays open for who asks next.
    async fn first_answer(&self, name: &str, question: BoxFuture<'static, Answer>) -> Answer {
        let open = {
            let mut all = self.0.lock();
            let open = all.entry(name.to_owned()).or_default();
            if open.len() < OPEN_MAX {
                open.push(question.shared());
            }
            open.clone()
        };
        let (answer, ..) = select_all(open).await;
        let mut all = self.0.lock();
        if let Some(open) = all.get_mut(name) {
            open.retain(|question| question.peek().is_none());
            if open.is_empty() {
                all.remove(name);
            }
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none() -> BoxFuture<'static, Answer> {
        std::future::pending().boxed()
    }

    #[tokio::test]
    async fn an_answer_is_taken_once() {
        let address = ([127, 0, 0, 1], 80).into();
        assert_eq!(lookup("127.0.0.1:80").await.expect("an address is known"), [address]);
        for _ in 0..2 {
            assert!(lookup("localhost:80").await.expect("localhost is known").contains(&address));
            assert!(!QUESTIONS.0.lock().contains_key("localhost:80"));
        }
        let unknown = lookup("localhost:0x").await.expect_err("no port");
        assert!(unknown.to_string().starts_with("looking up localhost:0x: "), "{unknown}");
    }

    #[tokio::test]
    async fn who_got_no_answer_asks_again_but_not_for_ever() {
        let questions = Questions(Mutex::default());
        for _ in 0..10 {
            assert!(questions.first_answer("hub", none()).now_or_never().is_none());
        }
        assert_eq!(questions.0.lock()["hub"].len(), OPEN_MAX);

        let address: SocketAddr = ([10, 0, 0, 1], 9000).into();
        let answer = async move { Ok(vec![address]) }.boxed();
        assert!(questions.first_answer("hub", answer).now_or_never().is_none(), "too many are open");
        let questions = Questions(Mutex::default());
        assert!(questions.first_answer("hub", none()).now_or_never().is_none());
        let answer = async move { Ok(vec![address]) }.boxed();
        let heard = questions.first_answer("hub", answer).now_or_never().expect("an answer").expect("addresses");
        assert_eq!(heard, [address]);
        assert_eq!(questions.0.lock()["hub"].len(), 1, "the first one is still open");
    }
}
