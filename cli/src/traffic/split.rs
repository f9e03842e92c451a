//! What a split becomes when shares and tags are given.

use std::collections::BTreeMap;

use api::TrafficTarget;

use crate::args::Traffic;

/// As revisions are named in flags, this one is whichever is the latest that is ready.
const LATEST: &str = "latest";

/// What the command line asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// Percent by revision, in the order that was given; empty leaves shares as they are.
    shares: Vec<(String, u32)>,
    /// Revision by tag.
    tags: BTreeMap<String, String>,
    /// Tags to take away.
    untags: Vec<String>,
}

impl Wish {
    /// Reads the arguments.
    ///
    /// # Errors
    /// Names the argument and what would be right.
    pub fn read(args: &Traffic) -> Result<Self, String> {
        let mut wish = Self { untags: args.untags.clone(), ..Self::default() };
        for share in &args.shares {
            let (revision, percent) = pair(share, "REVISION=PERCENT, such as user-v1=50")?;
            let number = percent.trim_end_matches('%').parse().ok().filter(|percent| *percent <= 100);
            let number =
                number.ok_or_else(|| format!("`{share}`: the percent must be a whole number from 0 to 100"))?;
            wish.share(revision, number)?;
        }
        if let Some(percent) = args.latest {
            wish.share(LATEST, percent)?;
        }
        let sum: u32 = wish.shares.iter().map(|(_, percent)| percent).sum();
        if !wish.shares.is_empty() && sum != 100 {
            return Err(format!("the shares together are {sum}: they must be 100"));
        }
        for tag in &args.tags {
            let (revision, name) = pair(tag, "REVISION=TAG, such as user-v1=v1")?;
            if wish.tags.insert(name.to_owned(), revision.to_owned()).is_some() {
                return Err(format!("tag `{name}` is given twice: a tag must name one revision"));
            }
        }
        if let Some(both) = wish.untags.iter().find(|tag| wish.tags.contains_key(*tag)) {
            return Err(format!("tag `{both}` is given and taken away: it must be one of the two"));
        }
        Ok(wish)
    }

    fn share(&mut self, revision: &str, percent: u32) -> Result<(), String> {
        if self.shares.iter().any(|(known, _)| known == revision) {
            return Err(format!("`{revision}` is given twice: a revision must have one share"));
        }
        self.shares.push((revision.to_owned(), percent));
        Ok(())
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The revisions that are named.
    pub fn revisions(&self) -> impl Iterator<Item = &str> {
        let shares = self.shares.iter().map(|(revision, _)| revision.as_str());
        shares.chain(self.tags.values().map(String::as_str)).filter(|revision| *revision != LATEST)
    }

    /// `spec.traffic` with the wish put on: shares that are given replace all of those before, tags that are not spoken of
    /// stay where they are.
    ///
    /// # Errors
    /// A tag that is to go is not there.
    pub fn applied(&self, old: &[TrafficTarget]) -> Result<Vec<TrafficTarget>, String> {
        let mut tags: BTreeMap<String, String> =
            old.iter().filter_map(|target| Some((target.tag.clone()?, named(target)))).collect();
        for tag in &self.untags {
            if tags.remove(tag).is_none() {
                let known = tags.keys().map(|tag| format!("`{tag}`")).collect::<Vec<_>>().join(", ");
                let known = if known.is_empty() { "none".to_owned() } else { known };
                return Err(format!("there is no tag `{tag}` to take away; there is {known}"));
            }
        }
        tags.extend(self.tags.clone());
        let mut split = if self.shares.is_empty() { shares(old) } else { self.shares.clone() };
        for revision in tags.values() {
            if !split.iter().any(|(known, _)| known == revision) {
                split.push((revision.clone(), 0));
            }
        }
        Ok(split.iter().flat_map(|(revision, percent)| targets(revision, *percent, &tags)).collect())
    }
}

/// Percent by revision of what is there; an app without a split gives all to the latest.
fn shares(old: &[TrafficTarget]) -> Vec<(String, u32)> {
    if old.is_empty() {
        return vec![(LATEST.to_owned(), 100)];
    }
    let mut shares: Vec<(String, u32)> = Vec::new();
    for target in old {
        let revision = named(target);
        match shares.iter_mut().find(|(known, _)| *known == revision) {
            Some((_, percent)) => *percent += target.percent,
            None => shares.push((revision, target.percent)),
        }
    }
    // One that is there for a tag alone comes back with the tag.
    shares.retain(|(_, percent)| *percent > 0);
    shares
}

fn named(target: &TrafficTarget) -> String {
    target.revision.clone().unwrap_or_else(|| LATEST.to_owned())
}

/// One target with the share, and one more for each tag after the first: a target has one tag.
fn targets(revision: &str, percent: u32, tags: &BTreeMap<String, String>) -> Vec<TrafficTarget> {
    let (latest, name) = if revision == LATEST { (Some(true), None) } else { (None, Some(revision.to_owned())) };
    let target =
        |percent, tag: Option<&String>| TrafficTarget { revision: name.clone(), latest, percent, tag: tag.cloned() };
    let mut own = tags.iter().filter(|(_, of)| *of == revision).map(|(tag, _)| tag);
    let first = target(percent, own.next());
    [first].into_iter().chain(own.map(|tag| target(0, Some(tag)))).collect()
}

fn pair<'a>(text: &'a str, right: &str) -> Result<(&'a str, &'a str), String> {
    let parts = text.split_once('=').filter(|(left, right)| !left.is_empty() && !right.is_empty());
    parts.ok_or_else(|| format!("`{text}` must be {right}"))
}
