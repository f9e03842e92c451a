//! Requests dealt out by turns, so that any few in a row are shared as exactly as can be.
//!
//! The order is Tijdeman's (The chairman assignment problem, Discrete Mathematics 32, 1980): after n turns each of k
//! revisions has had its exact share of them within 1 − 1/(2k − 2). So any window is within 1 for two revisions and within 2
//! for more; within 1 is not possible for three in general. It repeats after at most 100 turns, so it is computed once, and
//! taking a turn is one atomic addition.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use super::Share;
use crate::revision::Revision;

/// Shares of at least two revisions, and whose turn it is.
#[derive(Debug)]
pub(crate) struct Turns {
    pub(super) shares: Vec<Share>,
    order: Box<[u8]>,
    turn: Arc<AtomicUsize>,
    /// What each had coming when this split began, over what its place in the order says; in turns.
    carried: Box<[f64]>,
}

impl Turns {
    /// Goes on where `last` stands: with the same shares turn by turn, with others at the place at which each has as much
    /// coming as it had. So nobody is passed over, or served twice, because shares change often.
    pub(super) fn new(shares: Vec<Share>, last: Option<&Self>) -> Self {
        if let Some(last) = last.filter(|last| last.has(&shares)) {
            let (order, carried) = (last.order.clone(), last.carried.clone());
            return Self { shares, order, turn: Arc::clone(&last.turn), carried };
        }
        let weights: Vec<u32> = shares.iter().map(|(_, percent)| *percent).collect();
        let order = order(&weights);
        let owed: Vec<f64> = shares.iter().map(|(revision, _)| last.map_or(0.0, |last| last.owed(revision))).collect();
        let (turn, carried) = resume(&weights, &order, owed);
        Self { order, shares, turn: Arc::new(turn.into()), carried }
    }

    /// Whose turn it is.
    pub(super) fn next(&self) -> &Arc<Revision> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        &self.shares[usize::from(self.order[turn % self.order.len()])].0
    }

    fn has(&self, shares: &[Share]) -> bool {
        let same = |(one, other): (&Share, &Share)| Arc::ptr_eq(&one.0, &other.0) && one.1 == other.1;
        self.shares.len() == shares.len() && self.shares.iter().zip(shares).all(same)
    }

    /// What a revision has coming now; nothing when it had no share.
    fn owed(&self, revision: &Arc<Revision>) -> f64 {
        let Some(place) = self.shares.iter().position(|(known, _)| Arc::ptr_eq(known, revision)) else { return 0.0 };
        let weights: Vec<u32> = self.shares.iter().map(|(_, percent)| *percent).collect();
        let turn = self.turn.load(Ordering::Relaxed) % self.order.len();
        self.carried[place] + debts(&weights, &self.order).nth(turn).map_or(0.0, |debts| debts[place])
    }
}

/// One period over these weights, of which there are at least two and none is zero.
fn order(weights: &[u32]) -> Box<[u8]> {
    let divisor = weights.iter().copied().fold(0, gcd);
    let weights: Vec<i64> = weights.iter().map(|weight| i64::from(weight / divisor)).collect();
    let total: i64 = weights.iter().sum();
    let slack = 2 * i64::from(weights.len() as u32) - 2;
    let mut had = vec![0; weights.len()];
    let mut order = Vec::with_capacity(total as usize);
    for turn in 1..=total {
        let due = |place: usize| slack * (weights[place] * turn - total * had[place]);
        // Of those that may come the one that must come first: within (this many turns) / (its weight).
        let until = |place: usize| total * (slack - 1) - due(place);
        let next = (0..weights.len())
            .filter(|place| due(*place) >= total)
            .min_by(|one, other| (until(*one) * weights[*other]).cmp(&(until(*other) * weights[*one])))
            .expect("dues add up to a whole turn, so not all are below the bound");
        had[next] += 1;
        order.push(next as u8);
    }
    order.into()
}

/// What each has coming before each turn of a period.
fn debts(weights: &[u32], order: &[u8]) -> impl Iterator<Item = Vec<f64>> {
    let total = f64::from(weights.iter().sum::<u32>());
    let shares: Vec<f64> = weights.iter().map(|weight| f64::from(*weight) / total).collect();
    order.iter().scan(vec![0.0; weights.len()], move |debts, next| {
        let before = debts.clone();
        for (debt, share) in debts.iter_mut().zip(&shares) {
            *debt += share;
        }
        debts[usize::from(*next)] -= 1.0;
        Some(before)
    })
}

/// The turn to begin with where so much is owed, and what is owed beyond what that turn's place says.
fn resume(weights: &[u32], order: &[u8], mut owed: Vec<f64>) -> (usize, Box<[f64]>) {
    // What left with a revision that has no share any more is nobody's.
    let excess = owed.iter().sum::<f64>() / owed.len() as f64;
    for owed in &mut owed {
        *owed -= excess;
    }
    let apart = |debts: &[f64]| debts.iter().zip(&owed).map(|(debt, owed)| (debt - owed).powi(2)).sum::<f64>();
    let nearest = debts(weights, order).enumerate().min_by(|(_, a), (_, b)| apart(a).total_cmp(&apart(b)));
    let (turn, debts) = nearest.unwrap_or_else(|| (0, vec![0.0; owed.len()]));
    (turn, owed.iter().zip(debts).map(|(owed, debt)| (owed - debt).clamp(-1.0, 1.0)).collect())
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests;
