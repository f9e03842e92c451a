//! The POST that comes before the pod's first request.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::Semaphore;

use super::*;

fn initializer(timeout: f64) -> Vec<(&'static str, String)> {
    vec![("TODOAPP_INITIALIZER", format!(r#"{{"path":"/initialize?a=b","timeoutSeconds":{timeout}}}"#))]
}

#[tokio::test]
async fn a_pod_is_ready_when_its_initializer_was_answered_and_it_is_asked_once() {
    let (listener, address) = listener().await;
    let (asked, leave) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let (count, exit) = (Arc::clone(&asked), Arc::clone(&leave));
    app(listener, move |request| {
        assert_eq!((request.method(), request.uri().to_string().as_str()), (&http::Method::POST, "/initialize?a=b"));
        count.fetch_add(1, Ordering::SeqCst);
        let exit = Arc::clone(&exit);
        async move {
            exit.acquire().await.unwrap().forget();
            said("done")
        }
    });
    let pod = pod(address, &initializer(30.0)).await;
    within(async {
        while asked.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    assert_eq!(get(pod.admin, "/ready").await.0, 503, "it has not been answered yet");
    leave.add_permits(9);
    until_ready(&pod, true).await;
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_pod_whose_initializer_fails_ends_with_the_reason() {
    let (listener, address) = listener().await;
    app(listener, |_| async {
        let mut response = said("no database\nat line 7");
        *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
        response
    });
    let refused = pod(address, &initializer(30.0)).await;
    let told = within(refused.ended).await.unwrap().unwrap_err().to_string();
    assert_eq!(told, "initializer POST /initialize?a=b: answered 500 Internal Server Error: no database");

    let (listener, address) = super::listener().await;
    app(listener, |_| std::future::pending());
    let late = pod(address, &initializer(0.05)).await;
    let told = within(late.ended).await.unwrap().unwrap_err().to_string();
    assert_eq!(told, "initializer POST /initialize?a=b: no answer within 0.05 s");
}
