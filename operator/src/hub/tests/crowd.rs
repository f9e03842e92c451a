//! Two thousand pods and ten activators at one hub, and beside them some that stand still.

use std::sync::atomic::AtomicUsize;

use allocation_counter::measure;
use tokio::io::{ReadHalf, WriteHalf};
use tokio::runtime::Builder;

use super::*;

const PODS: u16 = 2000;
const ACTIVATORS: u16 = 10;
/// Half-open pods: they have proved themselves, and then nothing.
const SILENT: u16 = 20;
/// Requests in each pod, and held at each activator.
const EACH: [u16; 2] = [10, 100];
/// Pods for all of that, at ten requests each.
const WANTED: u32 = 2100;
/// Of each stream, both its ends and what the core knows of its pod included.
const STREAM_BYTES_MAX: i64 = 16 * 1024;
/// What a quarter of a minute may leave behind in all.
const GROWTH_BYTES_MAX: i64 = 256 * 1024;

struct Crowd {
    hub: Hub,
    pods: Vec<Client>,
    activators: Vec<WriteHalf<DuplexStream>>,
    /// What the activators were told of pods.
    ups: Arc<AtomicUsize>,
    downs: Arc<AtomicUsize>,
    still: Vec<Client>,
    second: u64,
}

impl Crowd {
    /// All of them have proved themselves and said what they did in the last minute.
    async fn gather() -> Self {
        let hub = Hub::with(PODS.into());
        hub.autoscaler.upsert(entry(scaling::Spec { target: 10.0, utilization: 1.0, max: 0, ..Default::default() }));
        let mut crowd = Self {
            hub,
            pods: Vec::new(),
            activators: Vec::new(),
            ups: Arc::default(),
            downs: Arc::default(),
            still: Vec::new(),
            second: 100,
        };
        crowd.stand_still().await;
        for number in 0..ACTIVATORS {
            let client = crowd.hub.activator(&format!("activator-{number}")).await;
            let (reader, mut writer) = tokio::io::split(client.stream);
            tokio::spawn(listen(reader, client.buffer, Arc::clone(&crowd.ups), Arc::clone(&crowd.downs)));
            writer.write_all(&frame(&report(crowd.second, EACH[1], 60))).await.expect("open");
            crowd.activators.push(writer);
        }
        for number in 1..=PODS {
            let mut pod = crowd.hub.numbered(number).await;
            pod.say(&report(crowd.second, EACH[0], 60)).await;
            pod.say(&Up::Ready).await;
            crowd.pods.push(pod);
        }
        crowd
    }

    /// An activator that does not read what it is told, and pods that say nothing.
    async fn stand_still(&mut self) {
        let (mut stuck, _) = self.hub.dial_with("10.0.0.1:1", 512).await;
        stuck.hello(Identity::Activator { pod: "stuck".into(), token: "good".into() }).await;
        self.still.push(stuck);
        for number in 1..=SILENT {
            let pod = self.hub.numbered(PODS + number).await;
            self.still.push(pod);
        }
    }

    /// So many seconds in which everyone reports.
    async fn live(&mut self, seconds: u64) {
        for _ in 0..seconds {
            sleep(Duration::from_secs(1)).await;
            self.second += 1;
            let [pod, activator] = EACH.map(|each| frame(&report(self.second, each, 1)));
            self.pods_say(&pod).await;
            for stream in &mut self.activators {
                stream.write_all(&activator).await.expect("open");
            }
        }
        // What was said last is heard.
        sleep(Duration::from_millis(1)).await;
    }

    async fn pods_say(&mut self, frame: &[u8]) {
        for pod in &mut self.pods {
            pod.stream.write_all(frame).await.expect("open");
        }
    }

    /// How many pods and activators have a stream.
    fn connected(&self) -> [bool; 2] {
        let line = |kind: &str, count: u16| format!(r#"todoapp_hub_connections{{kind="{kind}"}} {count}"#);
        [self.hub.metric(&line("queue-proxy", PODS)), self.hub.metric(&line("activator", ACTIVATORS))]
    }

    fn told(&self) -> [usize; 2] {
        [&self.ups, &self.downs].map(|count| count.load(Ordering::Relaxed))
    }
}

fn frame(message: &Up) -> BytesMut {
    let mut frame = BytesMut::new();
    message.encode(&mut frame).expect("within the bounds");
    frame
}

async fn listen(
    mut reader: ReadHalf<DuplexStream>,
    mut buffer: BytesMut,
    ups: Arc<AtomicUsize>,
    downs: Arc<AtomicUsize>,
) {
    loop {
        while let Some(message) = Down::decode(&mut buffer).expect("the hub's frames are right") {
            match message {
                Down::EndpointUp { .. } => ups.fetch_add(1, Ordering::Relaxed),
                Down::EndpointDown(_) => downs.fetch_add(1, Ordering::Relaxed),
                Down::Endpoints(_) | Down::Desired { .. } => 0,
            };
        }
        if reader.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
            return;
        }
    }
}

#[test]
fn two_thousand_pods_and_ten_activators_are_heard_each_second_and_none_is_dropped() {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
    let mut gathered = None;
    let taken = measure(|| gathered = Some(runtime.block_on(Crowd::gather())));
    let mut crowd = gathered.expect("gathered");
    let each = taken.bytes_current / i64::from(PODS);
    println!("{each} bytes a stream, at most {} in all on the way there", taken.bytes_max);
    assert!(each <= STREAM_BYTES_MAX, "{each} bytes a stream");

    let everyone = usize::from(PODS) * usize::from(ACTIVATORS);
    runtime.block_on(async {
        crowd.hub.run();
        crowd.live(14).await;
    });
    assert_eq!(crowd.connected(), [true, true], "those that stand still are gone, and nobody else");
    assert_eq!(crowd.told(), [everyone, 0], "each activator was told of each pod");
    assert_eq!(crowd.hub.scaled(), [WANTED]);

    let growth = measure(|| runtime.block_on(crowd.live(14))).bytes_current;
    assert!(growth <= GROWTH_BYTES_MAX, "{growth} bytes more");
    assert_eq!((crowd.connected(), crowd.hub.scaled()), ([true, true], vec![WANTED]));

    // All at the same moment: the longest queue that there can be.
    runtime.block_on(async {
        crowd.pods_say(&frame(&Up::Draining)).await;
        crowd.live(1).await;
    });
    assert_eq!(crowd.connected(), [true, true], "no activator is dropped for what others have to say");
    assert_eq!(crowd.told(), [everyone, everyone]);
}
