//! What the hub hears.

use bytes::BytesMut;
use runtime::proof;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wire::{Challenge, Frame, Hello, Identity, Up, VERSION};

use super::*;

/// The hub's end of one stream.
struct Line {
    io: TcpStream,
    read: BytesMut,
}

impl Line {
    async fn next<F: Frame>(&mut self) -> F {
        loop {
            if let Some(frame) = F::decode(&mut self.read).unwrap() {
                return frame;
            }
            let read = within(self.io.read_buf(&mut self.read)).await.unwrap();
            assert!(read > 0, "the line ended");
        }
    }

    /// Challenges and checks the proof.
    async fn welcome(listener: &TcpListener) -> Self {
        let (io, _) = within(listener.accept()).await.unwrap();
        let mut line = Self { io, read: BytesMut::new() };
        let mut challenge = BytesMut::new();
        Challenge { version: VERSION, nonce: [7; 32] }.encode(&mut challenge).unwrap();
        line.io.write_all(&challenge).await.unwrap();
        let hello: Hello = line.next().await;
        let Identity::QueueProxy { revision_uid, pod, address, proof } = hello.identity else {
            panic!("not a queue-proxy: {hello:?}")
        };
        assert_eq!((revision_uid.as_str(), pod.as_str()), ("uid", "user-00001-abc"));
        assert_eq!(address, SocketAddr::from((Ipv4Addr::LOCALHOST, start::TRAFFIC_PORT)));
        let transcript = Identity::transcript(&[7; 32], "uid", &pod, address);
        assert!(proof::verify(&[0xab; 32], &transcript, &proof));
        line
    }

    /// The next message that is no measurement.
    async fn standing(&mut self) -> Up {
        loop {
            match self.next().await {
                Up::Report { loads, .. } => assert_eq!(loads[0].revision_uid, "uid"),
                other => return other,
            }
        }
    }
}

#[tokio::test]
async fn the_hub_hears_ready_draining_and_each_second() {
    let (hub, hub_at) = listener().await;
    let (listener, address) = listener().await;
    app(listener, |_| async { said("ok") });
    let pod = pod(address, &[("TODOAPP_HUB", hub_at.to_string())]).await;
    let mut line = Line::welcome(&hub).await;
    let opening: Up = line.next().await;
    assert!(matches!(opening, Up::Report { .. }), "{opening:?}");
    assert_eq!(line.standing().await, Up::Ready);

    assert_eq!(get(pod.traffic, "/").await.0, 200);
    let mut requests = 0;
    while requests == 0 {
        if let Up::Report { loads, second } = line.next().await {
            requests += loads[0].buckets.iter().map(|bucket| bucket.requests).sum::<u32>();
            assert!(loads[0].buckets.iter().all(|bucket| bucket.second < second));
        }
    }
    assert_eq!(requests, 1);

    // A new stream is told everything again.
    drop(line);
    let mut line = Line::welcome(&hub).await;
    let Up::Report { loads, .. } = line.next().await else { panic!("a report") };
    assert_eq!(loads[0].buckets.iter().map(|bucket| bucket.requests).sum::<u32>(), 1);
    assert_eq!(line.standing().await, Up::Ready);

    pod.sigterm.cancel();
    assert_eq!(line.standing().await, Up::Draining);
    within(pod.ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_app_that_stops_answering_drains_and_comes_back() {
    let (hub, hub_at) = listener().await;
    let (listener, address) = listener().await;
    let (down, is_down) = tokio::sync::watch::channel(false);
    app(listener, move |_| {
        let is_down = is_down.clone();
        async move {
            let mut response = said("ok");
            if *is_down.borrow() {
                *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
            }
            response
        }
    });
    let probe = r#"{"httpGet":{"path":"/"},"periodSeconds":1,"failureThreshold":1}"#.to_owned();
    let settings = [("TODOAPP_HUB", hub_at.to_string()), ("TODOAPP_READINESS", probe)];
    let pod = pod(address, &settings).await;
    let mut line = Line::welcome(&hub).await;
    assert_eq!(line.standing().await, Up::Ready);
    down.send_replace(true);
    assert_eq!(line.standing().await, Up::Draining);
    until_ready(&pod, false).await;
    down.send_replace(false);
    assert_eq!(line.standing().await, Up::Ready);
}
