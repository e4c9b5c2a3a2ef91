//! The counting of baskets, and the likeness of tags.

use std::collections::{BTreeMap, BTreeSet};
use waxwing::Candidate;

/// Baskets of more articles are of resellers and machines.
const LARGEST: usize = 60;

/// A higher lift says only that an article is rare.
const HIGHEST_LIFT: f64 = 4.0;

/// How often articles were bought together.
pub struct Scores {
    total: f64,
    /// Of each article of the order: the baskets that hold it.
    with: Vec<f64>,
    /// Of each candidate: the baskets that hold it.
    holding: Vec<f64>,
    /// Of each candidate and article: the baskets that hold both.
    both: Vec<f64>,
}

impl Scores {
    /// Counts each basket once, however many of an article it holds.
    pub fn count(ordered: &BTreeSet<&str>, candidates: &[&Candidate], baskets: &[Vec<String>]) -> Scores {
        let articles: BTreeMap<&str, usize> = ordered.iter().enumerate().map(|(i, s)| (*s, i)).collect();
        let places: BTreeMap<&str, usize> = candidates.iter().enumerate().map(|(i, c)| (c.sku.as_str(), i)).collect();
        let n = articles.len();
        let mut s = Scores { total: 0.0, with: vec![0.0; n], holding: vec![0.0; candidates.len()], both: vec![0.0; n * candidates.len()] };
        for basket in baskets {
            let skus: BTreeSet<&str> = basket.iter().map(|s| s.as_str()).collect();
            if skus.len() > LARGEST {
                continue;
            }
            let have: Vec<usize> = skus.iter().filter_map(|sku| articles.get(sku).copied()).collect();
            if have.is_empty() {
                continue;
            }
            s.total += 1.0;
            for &i in &have {
                s.with[i] += 1.0;
            }
            for c in skus.iter().filter_map(|sku| places.get(sku).copied()) {
                s.holding[c] += 1.0;
                for &i in &have {
                    s.both[c * n + i] += 1.0;
                }
            }
        }
        s
    }

    /// How many baskets hold a candidate.
    pub fn orders(&self, c: usize) -> f64 {
        self.holding[c]
    }

    /// The best that any article of the order says for a candidate.
    pub fn of(&self, c: usize, shrink: f64) -> f64 {
        let n = self.with.len();
        let usual = (self.holding[c] + 1.0) / (self.total + 2.0);
        let mut best = 0.0f64;
        for i in 0..n {
            let both = self.both[c * n + i];
            if both == 0.0 {
                continue;
            }
            let confidence = both / (self.with[i] + shrink);
            best = best.max(confidence * (confidence / usual).min(HIGHEST_LIFT).sqrt());
        }
        best
    }
}

/// Scores candidates by tags that they share with what was bought and, where that
/// is not known, with what was picked already; rare tags say more. Those with the
/// shop's featured tag come last, so that something may be said at all.
pub fn by_tags(candidates: &[&Candidate], bought: &[&Candidate], picked: &[usize], featured: Option<&String>) -> Vec<(f64, usize)> {
    let mut often: BTreeMap<&str, f64> = BTreeMap::new();
    for c in candidates.iter().chain(bought) {
        for t in tags(c) {
            *often.entry(t).or_insert(0.0) += 1.0;
        }
    }
    let wanted: BTreeSet<&str> = if bought.is_empty() {
        picked.iter().flat_map(|&c| tags(candidates[c])).collect()
    } else {
        bought.iter().flat_map(|c| tags(c)).collect()
    };
    let mut out = Vec::new();
    for (i, c) in candidates.iter().enumerate() {
        if picked.contains(&i) {
            continue;
        }
        let own = tags(c);
        let shared: f64 = own.iter().filter(|t| wanted.contains(*t)).map(|t| 1.0 / often[t]).sum();
        let mut score = shared / (own.len().max(1) as f64).sqrt();
        if featured.map_or(false, |f| own.contains(f.as_str())) {
            score += 1e-6;
        }
        out.push((score, i));
    }
    out
}

fn tags(c: &Candidate) -> BTreeSet<&str> {
    c.tags.iter().map(|t| t.trim()).filter(|t| !t.is_empty()).collect()
}
