//! Features to numbers: the columns that training has seen, and the row of a text.
//!
//! Features that training has only ever seen together ("wat", "wate", "ater" of a word that one example has) get the same
//! weight by training on whole rows. They share a column, which is as good and less to compute.

use super::features::{Feature, Kind};
use super::linear::are_many;
use std::collections::HashMap;

/// The row of a text: columns in order, with values that add up where a column stands more than once. A text of which
/// everything is known has length 1, and what is unknown takes its share away: half a foreign sentence scores half as high.
pub(super) type Row = Vec<(u32, f32)>;

#[derive(Debug, Clone)]
pub(super) struct Vocabulary {
    features: HashMap<u64, Known>,
    columns: usize,
    /// How much a feature tells that was never seen: as much as one of a single intent.
    unseen: f32,
    /// How much groups of words count: less where there are examples enough to learn the words themselves.
    groups: f32,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    column: u32,
    /// How much the feature tells.
    tells: f32,
    /// Its part in a column that it shares: the squares of all parts add up to 1.
    part: f32,
}

/// Two columns are multiples of each other if their values are to a part of this.
const SAME: f32 = 65536.0;
/// Up to so many examples an intent, groups of words count in full.
const FEW: f32 = 10.0;

impl Vocabulary {
    /// From documents with their intents, and with it their rows. A feature tells the more the fewer intents have it; how
    /// often one intent has it does not matter, which with five examples an intent is worth more than the usual document frequency.
    pub(super) fn new(documents: &[(Vec<Feature>, usize)]) -> (Vocabulary, Vec<Row>) {
        let mut pairs: Vec<(u64, usize)> =
            documents.iter().flat_map(|(d, intent)| d.iter().map(move |f| (f.id, *intent))).collect();
        pairs.sort_unstable();
        pairs.dedup();
        let mut intents: Vec<usize> = documents.iter().map(|(_, intent)| *intent).collect();
        intents.sort_unstable();
        intents.dedup();
        let tells = |having: usize| (2.0 + intents.len() as f32 / having as f32).ln();
        let known =
            |column: usize, having: usize| Known { column: column as u32, tells: tells(having), part: 1.0 };
        let features: HashMap<u64, Known> = pairs
            .chunk_by(|a, b| a.0 == b.0)
            .enumerate()
            .filter_map(|(column, having)| Some((having.first()?.0, known(column, having.len()))))
            .collect();
        let each = documents.len() as f32 / intents.len().max(1) as f32;
        let groups = (FEW / each.max(FEW)).sqrt();
        let mut all = Vocabulary { columns: features.len(), features, unseen: tells(1), groups };
        let mut rows: Vec<Row> = documents.iter().map(|(document, _)| all.row(document)).collect();
        if !are_many(documents.len(), intents.len()) {
            all.share(&mut rows);
        }
        (all, rows)
    }

    /// Gives columns that are multiples of each other in all `rows` one in their place.
    fn share(&mut self, rows: &mut [Row]) {
        // Of each column its first value, and a hash of the rows that have it with the multiples of that value.
        let mut shapes = vec![(0.0_f32, 0_u64); self.columns];
        for (at, row) in rows.iter().enumerate() {
            for (column, value) in row {
                let Some((first, shape)) = shapes.get_mut(*column as usize) else { continue };
                *first = if *first == 0.0 { *value } else { *first };
                let multiple = (value / *first * SAME).round() as u64;
                let mixed = (*shape ^ ((at as u64) << 32 | multiple)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                *shape = mixed ^ (mixed >> 32);
            }
        }
        let mut shared: HashMap<u64, (u32, f32)> = HashMap::new();
        for (first, shape) in &shapes {
            let next = shared.len() as u32;
            shared.entry(*shape).or_insert((next, 0.0)).1 += first * first;
        }
        self.columns = shared.len();
        let part =
            |(first, shape)| shared.get(&shape).map_or((0, 0.0), |(to, square)| (*to, first / square.sqrt()));
        let places: Vec<(u32, f32)> = shapes.into_iter().map(part).collect();
        let place = |column: u32| places.get(column as usize).copied().unwrap_or_default();
        for known in self.features.values_mut() {
            (known.column, known.part) = place(known.column);
        }
        for row in rows {
            for (column, value) in row.iter_mut() {
                let (shared, part) = place(*column);
                (*column, *value) = (shared, *value * part);
            }
            row.sort_unstable_by_key(|(column, _)| *column);
            row.dedup_by(|next, kept| {
                let same = next.0 == kept.0;
                kept.1 += if same { next.1 } else { 0.0 };
                same
            });
        }
    }

    fn weight(&self, kind: Kind) -> f32 {
        match kind {
            Kind::Group | Kind::GroupPair => kind.weight() * self.groups,
            _ => kind.weight(),
        }
    }

    /// How many columns a row may have.
    pub(super) fn len(&self) -> usize {
        self.columns
    }

    /// How much of a document is known, 0–1: the share of its stems and characters that training has seen.
    pub(super) fn coverage(&self, document: &[Feature]) -> f32 {
        let whole = document.iter().filter(|f| matches!(f.kind, Kind::Stem | Kind::Han));
        let (known, all) = whole.fold((0, 0), |(known, all), f| {
            (known + usize::from(self.features.contains_key(&f.id)), all + 1)
        });
        known as f32 / all.max(1) as f32
    }

    /// The row of a document whose equal features stand beside each other. Repeats count less and less; each kind of
    /// feature is made as long as its weight, whether a text has many of it or few.
    pub(super) fn row(&self, document: &[Feature]) -> Row {
        let mut squares = [0.0_f32; Kind::COUNT];
        let mut cells: Vec<(Known, f32, Kind)> = Vec::with_capacity(document.len());
        for same in document.chunk_by(|a, b| a == b) {
            let Some(feature) = same.first() else { continue };
            let known = self.features.get(&feature.id);
            let value = (1.0 + (same.len() as f32).ln()) * known.map_or(self.unseen, |k| k.tells);
            if let Some(square) = squares.get_mut(feature.kind as usize) {
                *square += value * value;
            }
            cells.extend(known.map(|known| (*known, value, feature.kind)));
        }
        let mut kinds: Vec<Kind> = document.iter().map(|f| f.kind).collect();
        kinds.dedup();
        let whole = kinds.iter().map(|k| self.weight(*k).powi(2)).sum::<f32>().sqrt();
        let scale = |kind: Kind| {
            let square = squares.get(kind as usize).copied().unwrap_or_default();
            self.weight(kind) / (square.sqrt() * whole)
        };
        let cell =
            |(known, value, kind): (Known, f32, Kind)| (known.column, value * scale(kind) * known.part);
        let mut row: Row = cells.into_iter().map(cell).collect();
        row.sort_unstable_by_key(|(column, _)| *column);
        row
    }
}

#[cfg(test)]
mod tests {
    use super::super::features::features;
    use super::*;

    fn length(row: &Row) -> f32 {
        let columns = row.chunk_by(|a, b| a.0 == b.0);
        columns.map(|cells| cells.iter().map(|(_, v)| v).sum::<f32>().powi(2)).sum::<f32>().sqrt()
    }

    #[test]
    fn a_known_text_has_length_one_and_a_foreign_one_almost_none() {
        let (v, _) = Vocabulary::new(&[(features("my water is off"), 0), (features("停水了"), 1)]);
        assert!((length(&v.row(&features("my water is off"))) - 1.0).abs() < 1e-3);
        assert!((length(&v.row(&features("停水了"))) - 1.0).abs() < 1e-3);
        assert!(length(&v.row(&features("big pizza"))) < 0.3);
        assert!(v.row(&[]).is_empty());
        assert_eq!(v.coverage(&features("my water please 停电")), 0.6);
    }

    #[test]
    fn what_was_only_seen_together_shares_a_column_and_counts_by_its_part() {
        let documents = ["my water is off", "my power is off", "停水了"].map(|text| (features(text), 0));
        let (v, rows) = Vocabulary::new(&documents);
        // What both English sentences have of each kind, what each has alone, and the Mandarin one.
        assert!(v.len() < 20 && rows.iter().all(|row| (length(row) - 1.0).abs() < 1e-3), "{}", v.len());
        assert_eq!(rows[2].len(), 1);
        let part = length(&v.row(&features("停水")));
        assert!(part > 0.3 && part < 0.9, "{part}");
    }
}
