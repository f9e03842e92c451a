//! Where a release stands, in a sentence.

use api::rollout::{Phase, RolloutStatus};

/// For people; the same for every verb that speaks of it.
pub fn sentence(rollout: Option<&RolloutStatus>) -> String {
    let Some(rollout) = rollout else { return "no release yet".to_owned() };
    let stable = rollout.stable.as_deref();
    let (Some(candidate), Some(phase)) = (rollout.candidate.as_deref(), rollout.phase) else {
        return stable.map_or_else(
            || "no release yet".to_owned(),
            |stable| format!("no release is under way: {stable} is promoted"),
        );
    };
    // Where nothing else is to be said, the message says the step.
    let step = format!("step {} of {}", rollout.step, rollout.steps);
    let why = rollout.message.as_ref().filter(|message| !message.starts_with(&step));
    let why = why.map(|message| format!(": {message}")).unwrap_or_default();
    let rest = stable.map(|stable| format!(", the rest to {stable}")).unwrap_or_default();
    if matches!(phase, Phase::Aborted | Phase::Failed) {
        let all = stable.map(|stable| format!(", everything goes to {stable}")).unwrap_or_default();
        return format!("release of {candidate}: {phase:?}{all}{why}");
    }
    let step = if rollout.steps > 0 { format!(", {step}") } else { String::new() };
    let until = rollout.step_until.as_ref().filter(|_| phase == Phase::Progressing);
    let until = until.map(|until| format!(" until {}", until.0.strftime("%F %T UTC"))).unwrap_or_default();
    format!("release of {candidate}: {phase:?}{until}{step}, {} % to it{rest}{why}", rollout.percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(phase: Phase) -> RolloutStatus {
        RolloutStatus {
            stable: Some("user-00001".to_owned()),
            candidate: Some("user-00002".to_owned()),
            phase: Some(phase),
            percent: 10,
            step: 2,
            steps: 4,
            step_until: Some("2026-05-03T12:00:00Z".parse().map(k8s_time).expect("a moment")),
            ..RolloutStatus::default()
        }
    }

    fn k8s_time(at: jiff::Timestamp) -> k8s_openapi::apimachinery::pkg::apis::meta::v1::Time {
        k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at)
    }

    #[test]
    fn each_phase_has_a_sentence() {
        let rest = "10 % to it, the rest to user-00001";
        for (rollout, expected) in [
            (None, "no release yet".to_owned()),
            (Some(RolloutStatus::default()), "no release yet".to_owned()),
            (
                Some(RolloutStatus { candidate: None, phase: None, ..status(Phase::Paused) }),
                "no release is under way: user-00001 is promoted".to_owned(),
            ),
            (
                Some(RolloutStatus { message: Some("step 2 of 4: 10 %".to_owned()), ..status(Phase::Progressing) }),
                format!("release of user-00002: Progressing until 2026-05-03 12:00:00 UTC, step 2 of 4, {rest}"),
            ),
            (
                Some(RolloutStatus { message: Some("by hand".to_owned()), ..status(Phase::Paused) }),
                format!("release of user-00002: Paused, step 2 of 4, {rest}: by hand"),
            ),
            (
                Some(RolloutStatus { percent: 0, step: 0, steps: 0, ..status(Phase::WaitingForPromotion) }),
                "release of user-00002: WaitingForPromotion, 0 % to it, the rest to user-00001".to_owned(),
            ),
            (
                Some(RolloutStatus { message: Some("2 of 50 failed".to_owned()), ..status(Phase::Failed) }),
                "release of user-00002: Failed, everything goes to user-00001: 2 of 50 failed".to_owned(),
            ),
        ] {
            assert_eq!(sentence(rollout.as_ref()), expected);
        }
    }
}
