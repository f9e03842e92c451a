//! Who should serve a request, by looking through everything that is claimed.

use activator::fuzzing::Answer;

use super::world::{App, Ask, Live, Target, World};

/// What may be answered: of a split any part.
pub fn find(world: &World, ask: &Ask) -> Vec<Answer> {
    let host = host(&ask.authority);
    let Some((app, target)) = claimed(world, ask, &host) else { return vec![Answer::NoRoute] };
    let tagged = |named: &dyn Fn(&str) -> bool| {
        app.targets.iter().find(|target| target.tag.as_ref().is_some_and(|tag| named(&tag.name)))
    };
    // A host within the cluster may be of a tag's Service; where it is not, the header counts.
    let label = host.split('.').next().filter(|_| ask.port.is_some());
    let target = target
        .or_else(|| label.and_then(|label| tagged(&|tag| label == format!("{tag}-{}", app.name))))
        .or_else(|| tagged(&|tag| ask.tag.as_deref() == Some(tag)));
    let wanted: Vec<&Target> = match target {
        Some(target) => vec![target],
        None => app.targets.iter().filter(|target| target.percent > 0).collect(),
    };
    let live = |target: &&&Target| {
        let mut live = world.live.iter().filter(|live| !live.gone);
        live.any(|live| live.namespace == app.namespace && live.name == target.revision)
    };
    let answers: Vec<_> =
        wanted.iter().filter(live).map(|target| Answer::Revision(app.revision(&target.revision))).collect();
    match (answers.is_empty(), is_void(world, app)) {
        (false, _) => answers,
        (true, false) => vec![Answer::Waits],
        (true, true) => vec![Answer::NoRevision],
    }
}

/// Whether waiting is of no use: a person is waited for, or a target was deleted, which is known as long as the app that the
/// revision was of has it too.
fn is_void(world: &World, app: &App) -> bool {
    let deleted = |target: &Target| {
        let gone = world.live.iter().filter(|live| live.gone && live.namespace == app.namespace);
        let of = |owner: &App, live: &Live| owner.namespace == live.namespace && owner.name == live.app;
        gone.filter(|live| live.name == target.revision).any(|live| {
            let mut owner = world.apps().filter(|owner| of(owner, live)).flat_map(|owner| &owner.targets);
            owner.any(|target| target.revision == live.name)
        })
    };
    app.stalled && !app.unread || app.targets.iter().any(deleted)
}

/// The app, and the target if a tag's own host or port was used. Older apps come first, and generated hosts before any of
/// the users' own.
fn claimed<'a>(world: &'a World, ask: &Ask, host: &str) -> Option<(&'a App, Option<&'a Target>)> {
    let mut apps: Vec<&App> = world.apps().collect();
    apps.sort_by_key(|app| (app.created % 60, format!("{}/{}", app.namespace, app.name)));
    let generated = apps.iter().flat_map(|app| {
        let own = (*app, None, app.host.as_deref(), app.port);
        let tags = app.targets.iter().filter_map(|target| Some((target, target.tag.as_ref()?)));
        std::iter::once(own).chain(tags.map(|(target, tag)| (*app, Some(target), tag.host.as_deref(), tag.port)))
    });
    let users = apps.iter().flat_map(|app| app.own.iter().map(|host| (*app, None, Some(host.as_str()), None)));
    let mut claims = generated.chain(users);
    claims
        .find(|(app, _, claim, port)| match ask.port {
            None => app.public && *claim == Some(host),
            Some(_) => *port == ask.port,
        })
        .map(|(app, target, ..)| (app, target))
}

/// Without port and final dot, in lower case.
fn host(authority: &str) -> String {
    let port = authority.bytes().rev().take_while(u8::is_ascii_digit).count();
    let bare = authority[..authority.len() - port].strip_suffix(':').unwrap_or(authority);
    bare.strip_suffix('.').unwrap_or(bare).to_ascii_lowercase()
}
