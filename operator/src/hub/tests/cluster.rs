//! The cluster as the hub and the autoscaler see it.

use super::*;

#[derive(Default)]
pub struct Cluster {
    pub confirms: AtomicBool,
    /// Tries that fail before one succeeds.
    pub failures: AtomicU32,
    pub scaled: Mutex<Vec<(String, u32)>>,
    /// Pods that the cluster has.
    pub pods: Mutex<Vec<Candidate>>,
    /// Deletion costs that were written, each with how many scales were written before.
    pub marked: Mutex<Vec<(Mark, usize)>>,
    /// Pods that were deleted, with the UIDs of their revisions.
    pub deleted: Mutex<Vec<(String, String)>>,
    /// What becomes of a deletion cost.
    pub marking: Mutex<Marking>,
}

#[derive(Default, Clone, Copy)]
pub enum Marking {
    #[default]
    Written,
    Refused,
    Unanswered,
}

impl Verifier for Cluster {
    fn revision_key(&self, uid: &str) -> Option<[u8; 32]> {
        (uid == UID).then_some(KEY)
    }

    fn confirms(&self, _uid: &str, _address: SocketAddr) -> bool {
        self.confirms.load(Ordering::Relaxed)
    }

    fn activator<'a>(&'a self, token: &'a str) -> BoxFuture<'a, anyhow::Result<bool>> {
        Box::pin(async move {
            match token {
                "good" => Ok(true),
                "slow" => std::future::pending().await,
                "broken" => Err(anyhow::anyhow!("no API server")),
                _ => Ok(false),
            }
        })
    }
}

impl ScaleWriter for Cluster {
    fn pods(&self, _uid: &str) -> Vec<Candidate> {
        self.pods.lock().clone()
    }

    fn mark<'a>(&'a self, _namespace: &'a str, mark: &'a Mark) -> BoxFuture<'a, anyhow::Result<()>> {
        Box::pin(async move {
            let marking = *self.marking.lock();
            match marking {
                Marking::Written => self.marked.lock().push((mark.clone(), self.scaled.lock().len())),
                Marking::Refused => anyhow::bail!("404"),
                Marking::Unanswered => std::future::pending().await,
            }
            Ok(())
        })
    }

    fn delete<'a>(&'a self, uid: &'a str, pod: &'a str) -> BoxFuture<'a, anyhow::Result<()>> {
        self.deleted.lock().push((uid.to_owned(), pod.to_owned()));
        Box::pin(std::future::ready(Ok(())))
    }

    fn scale<'a>(&'a self, namespace: &'a str, name: &'a str, replicas: u32) -> BoxFuture<'a, anyhow::Result<()>> {
        Box::pin(async move {
            let failing = self.failures.load(Ordering::Relaxed);
            if failing > 0 {
                self.failures.store(failing - 1, Ordering::Relaxed);
                anyhow::bail!("429");
            }
            self.scaled.lock().push((format!("{namespace}/{name}"), replicas));
            Ok(())
        })
    }
}
