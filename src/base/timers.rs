//! Named timers: a set of (name, due time) pairs. A wake-up says which name is due.

use super::Now;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

/// Timers named by `K`; each name has at most one due time. Setting it again moves it.
#[derive(Debug, Clone)]
pub struct Timers<K> {
    at: BTreeMap<K, Now>,
    order: BTreeSet<(Now, K)>,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Timers { at: BTreeMap::new(), order: BTreeSet::new() }
    }
}

impl<K: Ord + Copy> Timers<K> {
    /// Makes `key` due at `at`, in place of any time it had.
    pub fn set(&mut self, key: K, at: Now) {
        if let Some(before) = self.at.insert(key, at) {
            self.order.remove(&(before, key));
        }
        self.order.insert((at, key));
    }

    /// Forgets `key`; nothing happens if it was not set.
    pub fn clear(&mut self, key: K) {
        if let Some(at) = self.at.remove(&key) {
            self.order.remove(&(at, key));
        }
    }

    /// Forgets all of `keys`.
    pub fn clear_all(&mut self, keys: RangeInclusive<K>) {
        while let Some((key, at)) = self.at.range(keys.clone()).next().map(|(key, at)| (*key, *at)) {
            self.at.remove(&key);
            self.order.remove(&(at, key));
        }
    }

    /// When `key` is due, if it is set.
    pub fn get(&self, key: K) -> Option<Now> {
        self.at.get(&key).copied()
    }

    /// The earliest due time and its name; `None` when nothing is pending.
    pub fn next(&self) -> Option<(Now, K)> {
        self.order.first().copied()
    }

    /// Takes one timer that is due at `now`, earliest first.
    pub fn pop_due(&mut self, now: Now) -> Option<K> {
        let (at, key) = self.next()?;
        if at > now {
            return None;
        }
        self.clear(key);
        Some(key)
    }

    /// True when nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.at.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_come_in_order_of_time_and_a_reset_moves_them() {
        let mut t = Timers::default();
        t.set('a', Now(10));
        t.set('b', Now(5));
        t.set('a', Now(3));
        assert_eq!(t.next(), Some((Now(3), 'a')));
        assert_eq!(t.pop_due(Now(2)), None);
        assert_eq!(t.pop_due(Now(9)), Some('a'));
        assert_eq!(t.pop_due(Now(9)), Some('b'));
        assert!(t.is_empty());
        "abcd".chars().for_each(|key| t.set(key, Now(1)));
        t.clear_all('b'..='c');
        assert_eq!((t.get('a'), t.get('c'), t.pop_due(Now(1))), (Some(Now(1)), None, Some('a')));
        assert_eq!((t.pop_due(Now(1)), t.is_empty()), (Some('d'), true));
    }
}
