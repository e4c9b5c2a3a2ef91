//! A Waxwing plugin: what others bought together with this order's articles.
//!
//! For each article of the order and each candidate it counts the earlier orders
//! that hold both. The score is the confidence (how many of the article's orders
//! hold the candidate too), shrunk so that two orders of three say less than
//! forty of a hundred, times the square root of the lift, so that what everybody
//! buys anyway does not always win. What counting cannot fill, shared tags do.
//! Ties fall to the smaller SKU: the same input gives the same answer.

mod score;

use score::Scores;
use std::collections::BTreeSet;
use waxwing::{Answer, Candidate, Input, RecommendOutput};

waxwing::plugin!(recommend = recommend);

/// The most that a hook may recommend.
const MOST: usize = 10;

fn recommend(input: &Input) -> Answer<RecommendOutput> {
    let count = setting(input, "count", 4.0)?.clamp(0.0, MOST as f64) as usize;
    let shrink = setting(input, "shrinkage", 10.0)?.max(0.0);
    let support = setting(input, "min_orders", 2.0)?;

    let ordered: BTreeSet<&str> = input.items.iter().map(|i| i.sku.as_str()).filter(|s| !s.is_empty()).collect();
    let mut seen = BTreeSet::new();
    let candidates: Vec<&Candidate> =
        input.candidates.iter().filter(|c| !c.sku.is_empty() && !ordered.contains(c.sku.as_str()) && seen.insert(&c.sku)).collect();

    let scores = Scores::count(&ordered, &candidates, &input.baskets);
    let mut ranked: Vec<(f64, usize)> =
        (0..candidates.len()).filter(|&c| scores.orders(c) >= support).map(|c| (scores.of(c, shrink), c)).collect();
    let mut picked = best(&candidates, &mut ranked, count);
    if picked.len() < count {
        let bought: Vec<&Candidate> = input.candidates.iter().filter(|c| ordered.contains(c.sku.as_str())).collect();
        let mut alike = score::by_tags(&candidates, &bought, &picked, input.config.get("featured_tag"));
        let rest = count - picked.len();
        picked.extend(best(&candidates, &mut alike, rest));
    }
    if picked.is_empty() {
        return Ok(None);
    }
    Ok(Some(RecommendOutput { skus: picked.iter().map(|&c| candidates[c].sku.clone()).collect() }))
}

/// The candidates of the highest scores above nothing.
fn best(candidates: &[&Candidate], ranked: &mut Vec<(f64, usize)>, count: usize) -> Vec<usize> {
    ranked.retain(|(score, _)| *score > 0.0);
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| candidates[a.1].sku.cmp(&candidates[b.1].sku)));
    ranked.iter().take(count).map(|(_, c)| *c).collect()
}

fn setting(input: &Input, key: &str, default: f64) -> Result<f64, waxwing::Error> {
    match input.config.get(key).map(|s| s.trim()) {
        None | Some("") => Ok(default),
        Some(s) => s.parse().ok().filter(|n: &f64| n.is_finite()).ok_or_else(|| format!("config: {} is no number", key).into()),
    }
}
