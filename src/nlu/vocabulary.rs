//! Features to numbers: the columns that training has seen, and the row of a text.

use super::features::{Feature, Kind};
use std::collections::HashMap;

/// The row of a text: columns in order, with values. A text of which everything is known has length 1, and what is
/// unknown takes its share away: half a foreign sentence scores half as high.
pub(super) type Row = Vec<(u32, f32)>;

#[derive(Debug, Clone)]
pub(super) struct Vocabulary {
    /// Feature → column, and how much the feature tells.
    columns: HashMap<u64, (u32, f32)>,
    /// How much a feature tells that was never seen: as much as one of a single intent.
    unseen: f32,
    /// How much groups of words count: less where there are examples enough to learn the words themselves.
    groups: f32,
}

/// Up to so many examples an intent, groups of words count in full.
const FEW: f32 = 10.0;

impl Vocabulary {
    /// From documents with their intents. A feature tells the more the fewer intents have it; how often one intent has
    /// it does not matter, which with five examples an intent is worth more than the usual document frequency.
    pub(super) fn new(documents: &[(Vec<Feature>, usize)]) -> Vocabulary {
        let mut pairs: Vec<(u64, usize)> =
            documents.iter().flat_map(|(d, intent)| d.iter().map(move |f| (f.id, *intent))).collect();
        pairs.sort_unstable();
        pairs.dedup();
        let mut intents: Vec<usize> = documents.iter().map(|(_, intent)| *intent).collect();
        intents.sort_unstable();
        intents.dedup();
        let tells = |having: usize| (2.0 + intents.len() as f32 / having as f32).ln();
        let columns = pairs
            .chunk_by(|a, b| a.0 == b.0)
            .enumerate()
            .filter_map(|(column, having)| Some((having.first()?.0, (column as u32, tells(having.len())))))
            .collect();
        let each = documents.len() as f32 / intents.len().max(1) as f32;
        Vocabulary { columns, unseen: tells(1), groups: (FEW / each.max(FEW)).sqrt() }
    }

    fn weight(&self, kind: Kind) -> f32 {
        match kind {
            Kind::Group | Kind::GroupPair => kind.weight() * self.groups,
            _ => kind.weight(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.columns.len()
    }

    /// How much of a document is known, 0–1: the share of its stems and characters that training has seen.
    pub(super) fn coverage(&self, document: &[Feature]) -> f32 {
        let whole = document.iter().filter(|f| matches!(f.kind, Kind::Stem | Kind::Han));
        let (known, all) = whole
            .fold((0, 0), |(known, all), f| (known + usize::from(self.columns.contains_key(&f.id)), all + 1));
        known as f32 / all.max(1) as f32
    }

    /// The row of a document whose equal features stand beside each other. Repeats count less and less; each kind of
    /// feature is made as long as its weight, whether a text has many of it or few.
    pub(super) fn row(&self, document: &[Feature]) -> Row {
        let mut squares = [0.0_f32; Kind::COUNT];
        let mut cells: Vec<(u32, f32, Kind)> = Vec::with_capacity(document.len());
        for same in document.chunk_by(|a, b| a == b) {
            let Some(feature) = same.first() else { continue };
            let known = self.columns.get(&feature.id);
            let value = (1.0 + (same.len() as f32).ln()) * known.map_or(self.unseen, |k| k.1);
            if let Some(square) = squares.get_mut(feature.kind as usize) {
                *square += value * value;
            }
            cells.extend(known.map(|(column, _)| (*column, value, feature.kind)));
        }
        let mut kinds: Vec<Kind> = document.iter().map(|f| f.kind).collect();
        kinds.dedup();
        let whole = kinds.iter().map(|k| self.weight(*k).powi(2)).sum::<f32>().sqrt();
        let scale = |kind: Kind| {
            let square = squares.get(kind as usize).copied().unwrap_or_default();
            self.weight(kind) / (square.sqrt() * whole)
        };
        let mut row: Row = cells.into_iter().map(|(column, v, kind)| (column, v * scale(kind))).collect();
        row.sort_unstable_by_key(|(column, _)| *column);
        row
    }
}

#[cfg(test)]
mod tests {
    use super::super::features::features;
    use super::*;

    fn length(row: &Row) -> f32 {
        row.iter().map(|(_, v)| v * v).sum::<f32>().sqrt()
    }

    #[test]
    fn a_known_text_has_length_one_and_a_foreign_one_almost_none() {
        let v = Vocabulary::new(&[(features("my water is off"), 0), (features("停水了"), 1)]);
        assert!((length(&v.row(&features("my water is off"))) - 1.0).abs() < 1e-3);
        assert!((length(&v.row(&features("停水了"))) - 1.0).abs() < 1e-3);
        assert!(length(&v.row(&features("big pizza"))) < 0.3);
        assert!(v.row(&[]).is_empty());
        assert_eq!(v.coverage(&features("my water please 停电")), 0.6);
    }
}
