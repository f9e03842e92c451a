//! Requests through the sidecar.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::Semaphore;

use super::*;

#[tokio::test]
async fn no_more_requests_are_in_the_app_than_the_limit_and_ten_times_as_many_wait() {
    let (listener, address) = listener().await;
    let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let leave = Arc::new(Semaphore::new(0));
    let (count, max, exit) = (Arc::clone(&inside), Arc::clone(&most), Arc::clone(&leave));
    app(listener, move |_| {
        let (count, max, exit) = (Arc::clone(&count), Arc::clone(&max), Arc::clone(&exit));
        async move {
            max.fetch_max(count.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            exit.acquire().await.unwrap().forget();
            count.fetch_sub(1, Ordering::SeqCst);
            said("ok")
        }
    });
    let pod = pod(address, &[("TODOAPP_CONCURRENCY_LIMIT", "2".to_owned())]).await;
    let sent: Vec<_> = (0..25).map(|_| tokio::spawn(get(pod.traffic, "/"))).collect();
    // 2 inside, 20 waiting, 3 refused.
    let mut refused = 0;
    within(async {
        while inside.load(Ordering::SeqCst) < 2 || refused < 3 {
            tokio::time::sleep(Duration::from_millis(1)).await;
            refused = sent.iter().filter(|sent| sent.is_finished()).count();
        }
    })
    .await;
    let page = get(pod.admin, "/metrics").await.2;
    assert!(page.contains("todoapp_queue_in_flight 22"), "{page}");
    assert!(page.contains("todoapp_queue_waiting 20"), "{page}");
    leave.add_permits(25);
    let mut answers = Vec::new();
    for sent in sent {
        answers.push(within(sent).await.unwrap());
    }
    let full = answers.iter().filter(|(status, reason, _)| *status == 503 && reason.as_deref() == Some("gate-full"));
    assert_eq!(full.count(), 3);
    assert_eq!(answers.iter().filter(|(status, ..)| *status == 200).count(), 22);
    assert_eq!(most.load(Ordering::SeqCst), 2);
    let page = get(pod.admin, "/metrics").await.2;
    assert!(page.contains("todoapp_queue_requests_total{code_class=\"2xx\"} 22"), "{page}");
    assert!(page.contains("todoapp_queue_requests_total{code_class=\"5xx\"} 3"), "{page}");
    for (code, count) in [("200", 22), ("503", 3)] {
        let labels = format!("http_request_method=\"GET\",http_response_status_code=\"{code}\"");
        assert!(page.contains(&format!("http_server_request_duration_seconds_count{{{labels}}} {count}")), "{page}");
    }
    assert!(page.contains("todoapp_queue_in_flight 0"), "{page}");
}

/// A call of gRPC; the status of HTTP.
async fn call(to: SocketAddr, method: &str) -> u16 {
    let io = TokioIo::new(TcpStream::connect(to).await.unwrap());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let request = Request::post(method).header("host", "app.example").header("content-type", "application/grpc");
    let (head, body) =
        within(sender.send_request(request.body(Empty::<Bytes>::new()).unwrap())).await.unwrap().into_parts();
    within(body.collect()).await.unwrap();
    head.status.as_u16()
}

#[tokio::test]
async fn a_call_of_grpc_counts_by_its_own_status() {
    let (listener, address) = listener().await;
    app(listener, |request| async move {
        let mut response = said("");
        response.headers_mut().insert("content-type", http::HeaderValue::from_static("application/grpc"));
        let code = request.uri().path()[1..].parse().unwrap();
        response.headers_mut().insert("grpc-status", code);
        response
    });
    let pod = pod(address, &[]).await;
    for method in ["/0", "/5", "/14"] {
        assert_eq!(call(pod.traffic, method).await, 200);
    }
    let page = get(pod.admin, "/metrics").await.2;
    for (class, code) in [("2xx", 200), ("4xx", 404), ("5xx", 503)] {
        assert!(page.contains(&format!("todoapp_queue_requests_total{{code_class=\"{class}\"}} 1")), "{page}");
        let labels = format!("http_request_method=\"POST\",http_response_status_code=\"{code}\"");
        assert!(page.contains(&format!("http_server_request_duration_seconds_count{{{labels}}} 1")), "{page}");
    }
}

/// GET from this address; the connection stays open until the answer's body has come.
async fn head_from(ip: [u8; 4], to: SocketAddr) -> http::HeaderMap {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind((ip, 0).into()).unwrap();
    let io = TokioIo::new(socket.connect(to).await.unwrap());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("/").header("host", "app.example").body(Empty::<Bytes>::new()).unwrap();
    within(sender.send_request(request)).await.unwrap().into_parts().0.headers
}

#[tokio::test]
async fn each_activator_is_told_what_is_left_for_it() {
    let (listener, address) = listener().await;
    let leave = Arc::new(Semaphore::new(0));
    let exit = Arc::clone(&leave);
    app(listener, move |_| {
        let exit = Arc::clone(&exit);
        async move {
            exit.acquire().await.unwrap().forget();
            let mut response = said("ok");
            // Words between our own proxies are not the app's to say.
            response.headers_mut().insert("todoapp-places", 1000.into());
            response.headers_mut().insert("todoapp-refused", 1.into());
            response
        }
    });
    let pod = pod(address, &[("TODOAPP_CONCURRENCY_LIMIT", "10".to_owned())]).await;
    let others: Vec<_> = (0..2).map(|_| tokio::spawn(head_from([127, 0, 0, 2], pod.traffic))).collect();
    let first = tokio::spawn(head_from([127, 0, 0, 3], pod.traffic));
    within(async {
        while !get(pod.admin, "/metrics").await.2.contains("todoapp_queue_in_flight 3") {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    // The app lets them go in order of arrival, so the two of the one activator are first or one of them is.
    leave.add_permits(3);
    let mut places = Vec::new();
    for head in others.into_iter().chain([first]) {
        let head = within(head).await.unwrap();
        assert!(!head.contains_key("todoapp-refused"));
        places.push(head["todoapp-places"].to_str().unwrap().parse::<u32>().unwrap());
    }
    assert!(places.iter().all(|places| (8..=10).contains(places)), "{places:?}");
}

#[tokio::test]
async fn an_app_that_comes_back_within_a_second_is_waited_for() {
    let (listener, address) = listener().await;
    drop(listener);
    let pod = pod(address, &[]).await;
    let sent = tokio::spawn(get(pod.traffic, "/"));
    tokio::time::sleep(Duration::from_millis(100)).await;
    app(TcpListener::bind(address).await.unwrap(), |_| async { said("back") });
    assert_eq!(within(sent).await.unwrap(), (200, None, "back".to_owned()));
}

#[tokio::test]
async fn an_app_that_is_gone_is_a_503_and_a_slow_one_a_504() {
    let (listener, address) = listener().await;
    drop(listener);
    let gone = pod(address, &[]).await;
    let (status, reason, text) = get(gone.traffic, "/").await;
    assert_eq!((status, reason.as_deref()), (503, Some("app-unreachable")), "{text}");

    let (listener, address) = super::listener().await;
    app(listener, |_| std::future::pending());
    for (bound, expected) in [
        ("TODOAPP_REQUEST_TIMEOUT_SECONDS", "request-timeout"),
        ("TODOAPP_RESPONSE_START_TIMEOUT_SECONDS", "response-start-timeout"),
        ("TODOAPP_IDLE_TIMEOUT_SECONDS", "idle-timeout"),
    ] {
        let slow = pod(address, &[(bound, "0.1".to_owned())]).await;
        let (status, reason, text) = get(slow.traffic, "/").await;
        assert_eq!((status, reason.as_deref()), (504, Some(expected)), "{text}");
    }
}

#[tokio::test]
async fn an_http2_app_serves_http1_clients() {
    let (listener, address) = listener().await;
    app(listener, |request| async move {
        assert_eq!(request.version(), http::Version::HTTP_2);
        assert_eq!(request.uri().authority().unwrap(), "app.example");
        said("two")
    });
    let pod = pod(address, &[("TODOAPP_PROTOCOL", "h2c".to_owned())]).await;
    assert_eq!(get(pod.traffic, "/").await.2, "two");
}
