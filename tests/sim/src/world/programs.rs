//! Which program a pod runs: ours as they are, or an application beside a queue-proxy.

use std::net::IpAddr;
use std::sync::Arc;

use clap::Parser;
use futures_util::future::BoxFuture;
use serde_json::Value;
use testkit::cluster::program::{Programs, Running};
use testkit::net::Dialer;
use tokio_util::sync::CancellationToken;

use super::{ACTIVATOR, Common, NAMESPACE, OPERATOR};
use crate::{kubelet, pod};

/// Admin port of the activator.
const ACTIVATOR_ADMIN_PORT: u16 = 9090;
/// Exit code of a process that was killed.
const KILLED: i32 = 137;

/// Runs the pods of a world.
pub struct Runner(pub Arc<Common>);

impl Programs for Runner {
    fn run(&self, pod: Running) -> BoxFuture<'static, i32> {
        Box::pin(live(self.0.clone(), pod))
    }
}

/// The life of a pod's processes. Dropped before its end, it is a kill.
async fn live(common: Arc<Common>, running: Running) -> i32 {
    let name = text(&running.pod["metadata"]["name"]);
    let process = Process { address: running.address, over: false, common: common.clone() };
    let kill = CancellationToken::new();
    common.kills.lock().insert(name.clone(), kill.clone());
    common.journal.note(format_args!("start of {name} at {}", running.address));
    let code = kill.run_until_cancelled(Box::pin(program(&common, &name, running))).await;
    common.journal.note(format_args!("end of {name}: {code:?}"));
    process.over(code.is_some());
    code.unwrap_or(KILLED)
}

async fn program(common: &Arc<Common>, name: &str, running: Running) -> i32 {
    let image = text(&running.pod["spec"]["containers"][0]["image"]);
    match image.as_str() {
        OPERATOR => operator(common, name, running).await,
        ACTIVATOR => activator(common, name, running).await,
        _ => {
            let behaviour = common.behaviours.lock().get(&image).copied().unwrap_or_default();
            let host = common.network.host(running.address);
            let kubelet = common.server.local("system:kubelet");
            pod::run(host, kubelet, behaviour, common.executions.clone(), running).await
        }
    }
}

async fn operator(common: &Arc<Common>, name: &str, running: Running) -> i32 {
    let address = running.address.to_string();
    let args = operator::args::Args::parse_from([
        "operator",
        "--namespace",
        NAMESPACE,
        "--pod-name",
        name,
        "--pod-ip",
        &address,
        "--queue-proxy-image",
        "queue-proxy:1",
    ]);
    let machine = operator::start::Machine {
        // A user for each process: faults may meet one of them alone.
        client: common.server.client(name, NAMESPACE),
        clock: common.clock.of_operator(),
        network: Dialer(common.network.host(running.address)),
    };
    running.ready.send_replace(true);
    match operator::start::run_on(machine, args, running.terminating).await {
        Ok(()) => 0,
        Err(error) => {
            common.journal.note(format_args!("{name}: {error:#}"));
            1
        }
    }
}

/// One pod's processes. Dropped while they live, it is SIGKILL: nothing they sent is heard any more.
struct Process {
    common: Arc<Common>,
    address: IpAddr,
    over: bool,
}

impl Process {
    /// They have ended; `by_itself` as they chose to.
    fn over(mut self, by_itself: bool) {
        self.over = by_itself;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.over {
            self.common.killed.lock().insert(self.address);
        }
        self.common.network.kill(self.address);
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

async fn activator(common: &Arc<Common>, name: &str, running: Running) -> i32 {
    let args = activator::Args::parse_from(["activator", "--pod-name", name, "--namespace", NAMESPACE]);
    let token = format!("token of {name}");
    common.server.issue_token(&token, &format!("system:serviceaccount:{NAMESPACE}:{ACTIVATOR}"), &["todoapp-hub"]);
    let clock = common.clock.clone();
    let host = common.network.host(running.address);
    let machine = activator::Machine {
        client: common.server.client(name, NAMESPACE),
        network: Dialer(host.clone()),
        now: Arc::new(move || clock.now().into()),
        token: Box::new(move || Ok(token.clone())),
        sockets: Arc::default(),
    };
    let probes = kubelet::probe(&host, ACTIVATOR_ADMIN_PORT, &running.ready);
    tokio::select! {
        biased;
        ended = activator::run_on(machine, args, running.terminating) => match ended {
            Ok(()) => 0,
            Err(error) => {
                common.journal.note(format_args!("{name}: {error:#}"));
                1
            }
        },
        never = probes => match never {},
    }
}
