//! Over TCP, with the dialling side that our own programs use.

use tokio::net::{TcpListener, TcpStream};

use super::super::serve;
use super::*;

#[tokio::test]
async fn it_serves_over_tcp_until_it_is_told_to_end() {
    let hub = Hub::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(serve(listener, hub.autoscaler.clone(), hub.outcomes.clone(), hub.close.clone()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut buffer = BytesMut::new();
    while Challenge::decode(&mut buffer).unwrap().is_none() {
        assert!(stream.read_buf(&mut buffer).await.unwrap() > 0);
    }
    hub.close.cancel();
    serving.await.unwrap();
    assert_eq!(stream.read_buf(&mut buffer).await.unwrap_or(0), 0);
}

struct Ready;

impl runtime::hub::Opening for Ready {
    fn messages(&self) -> Vec<Up> {
        let loads = vec![Load { revision_uid: UID.into(), now: 2, buckets: Vec::new() }];
        vec![Up::Report { second: 9, loads }, Up::Ready]
    }
}

#[tokio::test]
async fn a_link_of_ours_is_understood() {
    let hub = Hub::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = runtime::hub::LinkConfig {
        address: listener.local_addr().unwrap().to_string(),
        identity: Box::new(|nonce, local| {
            let address = SocketAddr::new(local.ip(), 8012);
            let proof = runtime::proof::prove(&KEY, &Identity::transcript(nonce, UID, "user-1", address));
            Ok(Identity::QueueProxy { revision_uid: UID.into(), pod: "user-1".into(), address, proof })
        }),
        epoch: runtime::hub::epoch(),
        longest_pause: Duration::from_secs(2),
    };
    tokio::spawn(serve(listener, hub.autoscaler.clone(), hub.outcomes.clone(), hub.close.clone()));
    let (_link, _events, dialling) =
        runtime::hub::Link::new(config, Arc::new(Ready), proxy::net::Tcp, hub.close.clone());
    tokio::spawn(dialling);
    let pod = async {
        loop {
            let pod = hub.autoscaler.debug()["revisions"][0]["pods"][0].clone();
            if pod["announced"] == "Ready" {
                return pod;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    let pod = timeout(Duration::from_secs(10), pod).await.expect("announced");
    assert_eq!((&pod["confirmed"], &pod["inFlight"]), (&true.into(), &2.into()));
    hub.close.cancel();
}
