//! The likeliest texts: several are followed at once, a token further at each step.
//!
//! ```text
//! nine ─ seven ─┬ five ─ four ─ (end)     0.51
//!               └ nine ─ four ─ (end)     0.46     who takes the likeliest token at each step never learns of it
//! ```

/// Texts followed at once.
const WIDTH: usize = 6;
/// A text that is less likely than this part of the likeliest one is not looked for.
const LEAST: f32 = 0.05;

/// A whole text, without the token that ends it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    pub(super) tokens: Vec<usize>,
    /// The logarithm of its probability.
    pub(super) log_p: f32,
}

/// Texts by how likely they are, the likeliest first, of no more than `room` tokens. `after` tells of each state the logarithms of how likely
/// the words are and, last, the end; `with` is a state with a word more.
///
/// # Errors
/// Those of `after`.
pub(super) fn search<S>(
    start: S,
    room: usize,
    mut after: impl FnMut(&mut [S]) -> Result<Vec<f32>, String>,
    with: impl Fn(&S, usize) -> S,
) -> Result<Vec<Found>, String> {
    let mut ended: Vec<Found> = Vec::new();
    let mut texts = vec![Found { tokens: Vec::new(), log_p: 0.0 }];
    let mut states = vec![start];
    for _ in 0..=room {
        let log_p = after(&mut states)?;
        let columns = log_p.len() / states.len();
        let mut steps: Vec<(usize, usize, f32)> = Vec::new();
        for (from, (text, row)) in texts.iter().zip(log_p.chunks_exact(columns)).enumerate() {
            likeliest(row, WIDTH + 1)
                .for_each(|(token, log_p)| steps.push((from, token, text.log_p + log_p)));
        }
        steps.sort_by(|a, b| b.2.total_cmp(&a.2));
        let mut next: (Vec<Found>, Vec<S>) = Default::default();
        for (from, token, log_p) in steps {
            let least = ended.iter().map(|t| t.log_p).fold(f32::MIN, f32::max) + LEAST.ln();
            let (Some(text), Some(state)) = (texts.get(from), states.get(from)) else { continue };
            if log_p < least || next.0.len() == WIDTH {
                break;
            }
            if token + 1 == columns {
                ended.push(Found { tokens: text.tokens.clone(), log_p });
            } else {
                next.0.push(Found { tokens: [&*text.tokens, &[token]].concat(), log_p });
                next.1.push(with(state, token));
            }
        }
        (texts, states) = next;
        if texts.is_empty() {
            break;
        }
    }
    ended.sort_by(|a, b| b.log_p.total_cmp(&a.log_p));
    let least = ended.first().map_or(0.0, |best| best.log_p) + LEAST.ln();
    ended.retain(|text| text.log_p >= least);
    Ok(ended)
}

/// The places and values of the `count` highest of `row`, highest first.
fn likeliest(row: &[f32], count: usize) -> impl Iterator<Item = (usize, f32)> {
    let mut best: Vec<(usize, f32)> = Vec::with_capacity(count + 1);
    for (token, log_p) in row.iter().enumerate() {
        let place = best.partition_point(|(_, other)| other >= log_p);
        if place < count {
            best.insert(place, (token, *log_p));
            best.truncate(count);
        }
    }
    best.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words 0 and 1, the end 2: what follows each text, as probabilities.
    fn found(after: impl Fn(&[usize]) -> [f32; 3], room: usize) -> Vec<(Vec<usize>, f32)> {
        let step = |texts: &mut [Vec<usize>]| Ok(texts.iter().flat_map(|t| after(t).map(f32::ln)).collect());
        let with = |text: &Vec<usize>, token| [&**text, &[token]].concat();
        let found = search(Vec::new(), room, step, with).unwrap();
        found.into_iter().map(|f| (f.tokens, (f.log_p.exp() * 100.0).round() / 100.0)).collect()
    }

    #[test]
    fn a_text_that_begins_unlikely_and_goes_on_surely_is_found() {
        let after = |text: &[usize]| match text {
            [] => [0.6, 0.4, 0.0],
            [0] => [0.5, 0.4, 0.1],
            [1] => [0.01, 0.98, 0.01],
            _ => [0.0, 0.0, 1.0],
        };
        assert_eq!(
            found(after, 9),
            [(vec![1, 1], 0.39), (vec![0, 0], 0.3), (vec![0, 1], 0.24), (vec![0], 0.06)]
        );
    }

    #[test]
    fn the_empty_text_is_one_and_what_does_not_end_is_none() {
        assert_eq!(found(|_| [0.1, 0.0, 0.9], 9), [(vec![], 0.9), (vec![0], 0.09)]);
        assert_eq!(found(|_| [0.5, 0.5, 0.0], 20), []);
    }
}
