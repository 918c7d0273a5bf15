//! A set of small numbers (agents, queues), one bit each: who fits, who is free, and both at once, 64 at a time.

/// A set of small numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    /// Puts `i` in, or takes it out.
    pub(super) fn put(&mut self, i: usize, on: bool) {
        if on && self.0.len() <= i / 64 {
            self.0.resize(i / 64 + 1, 0);
        }
        if let Some(word) = self.0.get_mut(i / 64) {
            *word = if on { *word | 1 << (i % 64) } else { *word & !(1 << (i % 64)) };
        }
    }

    pub(super) fn has(&self, i: usize) -> bool {
        self.0.get(i / 64).is_some_and(|word| word >> (i % 64) & 1 == 1)
    }

    pub(super) fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// How many are in both.
    pub(super) fn count_and(&self, other: &Bits) -> usize {
        self.0.iter().zip(&other.0).map(|(a, b)| (a & b).count_ones() as usize).sum()
    }

    pub(super) fn meets(&self, other: &Bits) -> bool {
        self.0.iter().zip(&other.0).any(|(a, b)| a & b != 0)
    }

    /// Those in both, smallest first.
    pub(super) fn and<'a>(&'a self, other: &'a Bits) -> impl Iterator<Item = usize> + 'a {
        words(self.0.iter().zip(&other.0).map(|(a, b)| a & b))
    }

    /// All, smallest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        words(self.0.iter().copied())
    }
}

fn words(all: impl Iterator<Item = u64>) -> impl Iterator<Item = usize> {
    all.enumerate().flat_map(|(n, mut word)| {
        std::iter::from_fn(move || {
            (word != 0).then(|| {
                let bit = word.trailing_zeros() as usize;
                word &= word - 1;
                n * 64 + bit
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_comes_out_in_order_until_it_is_taken_out() {
        let mut a = Bits::default();
        let mut b = Bits::default();
        for i in [3, 64, 200, 65] {
            a.put(i, true);
        }
        a.put(65, false);
        a.put(5000, false);
        b.put(64, true);
        b.put(199, true);
        assert_eq!(a.iter().collect::<Vec<_>>(), [3, 64, 200]);
        assert_eq!(a.and(&b).collect::<Vec<_>>(), [64]);
        assert_eq!(
            (a.count(), a.count_and(&b), a.meets(&b), a.has(200), a.has(9999)),
            (3, 1, true, true, false)
        );
    }
}
