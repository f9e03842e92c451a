//! What is shown, step by step.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::{
    door::{Answer, Door},
    hey,
    stage::Stage,
    table::say,
};

/// The two versions of `user`.
const NAMES: [&str; 2] = ["秦粤", "粤秦D"];
const CALLS: usize = 100;
const PAGE: &str = "1  A page from zero";
const VERSIONS: &str = "2  Two versions, half and half";
const CROWD: &str = "4  A crowd from zero";
const NEIGHBOUR: &str = "5  A neighbour in the cluster";

/// Bounded in number and in time; prints how many requests there were, and how many of them failed. Not wget's own
/// -T: it crashes Debian's busybox 1.35.
const LOOP: &str = "n=0 bad=0 end=$(($(date +%s) + 15))
while [ $n -lt 200 ] && [ $(date +%s) -lt $end ]; do
  timeout 60 wget -q -O /dev/null http://user/ || bad=$((bad + 1))
  n=$((n + 1))
  sleep 0.03
done
echo $n $bad";

/// Its first call waits for a pod, and the busybox pod itself has to start.
const LOOP_MAX: Duration = Duration::from_mins(2);

/// All of it. What is not as it should be is in the stage's failures; an error means that the rest made no sense.
pub(crate) async fn tell(stage: &mut Stage, local: bool, busybox: &str) -> Result<()> {
    let page = Door::public(&stage.cluster, "web", local).await?;
    let user = Door::neighbour(&stage.cluster, "user", local).await?;
    stage
        .fall_asleep(
            "Nobody calls",
            "web and user are allowed to sleep (min: 0): without requests their pods go. rule keeps its list in memory \
             and says min: 1, so it stays.",
        )
        .await?;
    first_page(stage, &page).await?;
    two_versions(stage, &user).await?;
    stage
        .fall_asleep(
            "3  Back to zero",
            "Nobody calls any more. After a window of 6 s without load and a grace of 5 s the pods go: what sleeps \
             costs nothing.",
        )
        .await?;
    crowd(stage, &page).await?;
    stage.fall_asleep("The crowd has left", "The next step is to begin at zero as well.").await?;
    neighbour(stage, busybox).await?;
    stage.fall_asleep("6  Back to zero", "All that was woken sleeps again; rule is where it was.").await
}

async fn first_page(stage: &mut Stage, door: &Door) -> Result<()> {
    let call = async { door.connect().await?.get().await };
    let why = "One browser wants the page of web, which has no pod: the request is held until one answers. web asks \
               user for the name, which sleeps too: two cold starts behind one page.";
    let Answer { status, body, timing, took } = stage.step(PAGE, why, call).await?;
    stage.check_woken(PAGE, &["web", "user"]);
    let named = NAMES.iter().any(|name| body.contains(name));
    stage.check(
        status == 200 && named,
        &format!("the browser got status {status} and its page after {} ms", took.as_millis()),
    );
    if let Some(timing) = timing {
        say(&format!("    Server-Timing: {timing}"));
    }
    Ok(())
}

async fn two_versions(stage: &mut Stage, door: &Door) -> Result<()> {
    let calls = async {
        let mut line = door.connect().await?;
        let mut got = [0; 3];
        for _ in 0..CALLS {
            let answer = line.get().await?;
            let which = NAMES.iter().position(|name| answer.status == 200 && answer.body.trim() == *name);
            got[which.unwrap_or(2)] += 1;
        }
        Ok(got)
    };
    let why = "100 calls to http://user/ within the cluster. user has two versions and gives each 50 % of the \
               traffic: not by chance, but in turn.";
    let [first, second, other] = stage.step(VERSIONS, why, calls).await?;
    let [one, two] = NAMES;
    stage.check(
        (first, second, other) == (CALLS / 2, CALLS / 2, 0),
        &format!("{first} answers {one}, {second} answers {two}, {other} others"),
    );
    Ok(())
}

async fn crowd(stage: &mut Stage, door: &Door) -> Result<()> {
    let (requests, callers) = (1000, 200);
    let why = "hey -n 1000 -c 200: 200 callers at once want the page of an app without a pod. All are held, pods are \
               added for the load, nobody gets an error.";
    let report = stage.step(CROWD, why, hey::run(door, requests, callers)).await?;
    stage.check_woken(CROWD, &["web", "user"]);
    let bad = if report.bad.is_empty() { String::new() } else { format!("; {}", report.bad.join("; ")) };
    stage.check(
        report.good == requests && report.bad.is_empty(),
        &format!("{} of {requests} answers have status 200{bad}", report.good),
    );
    let shown = report.latency.iter().filter(|(percent, _)| [50, 95, 99].contains(percent));
    let shown: Vec<_> = shown.map(|(percent, seconds)| format!("p{percent} {:.0} ms", seconds * 1000.0)).collect();
    say(&format!("    {:.0} requests a second, {}, the cold start included", report.rate, shown.join(", ")));
    Ok(())
}

async fn neighbour(stage: &mut Stage, busybox: &str) -> Result<()> {
    let cluster = stage.cluster.clone();
    let calls = cluster.run("todoapp-demo-neighbour", busybox, LOOP, LOOP_MAX);
    let why = "A busybox pod calls http://user/ in a loop of wget, each time with a new connection: to its neighbours, \
               an app at zero is a Service like any other.";
    let said = stage.step(NEIGHBOUR, why, calls).await?;
    stage.check_woken(NEIGHBOUR, &["user"]);
    let mut numbers = said.split_whitespace().rev().map_while(|word| word.parse::<u32>().ok());
    let (bad, all) = numbers.next().zip(numbers.next()).with_context(|| format!("the pod said: {said}"))?;
    stage.check(all > 0 && bad == 0, &format!("{all} calls, {bad} of them failed"));
    if bad > 0 {
        said.lines().take(5).for_each(say);
    }
    Ok(())
}
