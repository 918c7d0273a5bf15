//! `[[route]]`: which trunks numbers outside are called by, and how the calls are shared out among them.

use super::file::{File, nearest};
use super::problem::Problem;
use super::trunk::{Trunk, begins};
use serde::Deserialize;
use toml::Spanned;

/// Which trunks numbers are called by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// What the numbers begin with; the longest that fits counts.
    pub prefix: String,
    /// By name, best first.
    pub trunks: Vec<String>,
    /// Of as many calls as these make together, so many begin with each; empty stands for all with the first.
    pub weights: Vec<u32>,
}

impl Route {
    /// The place in `trunks` that the `turn`-th call begins with.
    pub fn first(&self, turn: usize) -> usize {
        let all: u64 = self.weights.iter().map(|w| u64::from(*w)).sum();
        let mut left = (turn as u64).checked_rem(all).unwrap_or_default();
        let taken = self.weights.iter().position(|weight| match left.checked_sub((*weight).into()) {
            Some(rest) => {
                left = rest;
                false
            }
            None => true,
        });
        taken.unwrap_or_default()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRoute {
    #[serde(default)]
    prefix: Option<Spanned<String>>,
    trunks: Spanned<Vec<Spanned<String>>>,
    #[serde(default)]
    weights: Option<Spanned<Vec<u32>>>,
}

/// Checks all `[[route]]` tables.
pub(super) fn read(
    file: &File,
    raw: Vec<RawRoute>,
    trunks: &[Trunk],
    problems: &mut Vec<Problem>,
) -> Vec<Route> {
    let mut routes: Vec<Route> = Vec::new();
    for raw in raw {
        let at = raw.prefix.as_ref().map_or(raw.trunks.span(), Spanned::span);
        let prefix = raw.prefix.as_ref().and_then(|p| begins(file, p, problems)).unwrap_or_default();
        if routes.iter().any(|r| r.prefix == prefix) {
            problems.push(file.error(at, format!("a second route for numbers that begin with `{prefix}`")));
        }
        if raw.trunks.get_ref().is_empty() {
            problems.push(file.error(raw.trunks.span(), "a route without trunks"));
        }
        for name in raw.trunks.get_ref() {
            match trunks.iter().find(|t| t.name == *name.get_ref()) {
                Some(trunk) if trunk.to.is_some() => {}
                Some(_) => problems.push(
                    file.error(
                        name.span(),
                        format!("trunk `{}` does not say where calls go", name.get_ref()),
                    )
                    .help(Some("add to = \"sip:…\" to it".into())),
                ),
                None => problems.push(
                    file.error(name.span(), format!("no trunk named `{}`", name.get_ref()))
                        .help(nearest(name.get_ref(), trunks.iter().map(|t| t.name.as_str()))),
                ),
            }
        }
        let trunks: Vec<String> = raw.trunks.into_inner().into_iter().map(Spanned::into_inner).collect();
        let weights = raw.weights.as_ref().map(|w| weights(file, w, trunks.len(), problems));
        routes.push(Route { prefix, trunks, weights: weights.unwrap_or_default() });
    }
    routes
}

/// As many numbers as there are trunks, not all of them 0.
fn weights(file: &File, raw: &Spanned<Vec<u32>>, trunks: usize, problems: &mut Vec<Problem>) -> Vec<u32> {
    let weights = raw.get_ref();
    let fault = match (weights.len() == trunks, weights.iter().all(|w| *w == 0)) {
        (false, _) => format!("{} weights for {trunks} trunks", weights.len()),
        (true, true) => "no trunk has any weight".to_owned(),
        (true, false) => return weights.clone(),
    };
    let help = "write one number for each trunk, such as weights = [3, 1]";
    problems.push(file.error(raw.span(), fault).help(Some(help.into())));
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_shared_out_by_weight_and_without_weights_the_first_is_first() {
        let first = |weights: &[u32]| {
            let route = Route { prefix: String::new(), trunks: Vec::new(), weights: weights.to_vec() };
            (0..8).map(|turn| route.first(turn)).collect::<Vec<_>>()
        };
        assert_eq!(first(&[3, 1]), [0, 0, 0, 1, 0, 0, 0, 1]);
        assert_eq!(first(&[1, 0, 1]), [0, 2, 0, 2, 0, 2, 0, 2]);
        assert_eq!(first(&[]), [0; 8]);
    }
}
