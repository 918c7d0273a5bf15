//! English words that mean much the same to somebody who answers the phone. With five examples an intent most words of a caller
//! were never seen; that "rainy" is weather and "tuesday" a day need not be learned from them.
//!
//! In: a stem. Out: the group that it belongs to. Everyday words, written down from general knowledge; a word that is missing
//! here only counts as itself.

use super::english::stem;
use std::collections::HashMap;
use std::sync::LazyLock;

/// Each word stands in one group only.
const GROUPS: &[&str] = &[
    // what is wanted
    "tell show display list give read say explain describe inform present",
    "want need wish would like",
    "please kindly",
    "help assist support",
    "find search look locate lookup seek",
    "check verify confirm see view review",
    "open start begin launch run activate enable initiate",
    "stop end finish quit halt deactivate disable pause",
    "delete remove erase clear discard cancel drop void undo",
    "add insert put include append create make new set schedule book reserve",
    "change update modify edit alter adjust replace switch",
    "increase raise higher boost louder brighter up",
    "decrease reduce lower lessen quieter dim softer down",
    "buy purchase order get",
    "send write compose reply respond forward post",
    "pay payment paid",
    "know understand learn",
    "remember remind reminder notify notification alert alarm wake",
    "forget forgot forgotten",
    "lose lost missing misplaced stolen gone",
    "fix repair mend service",
    "broken damaged faulty defective dead crash crashed",
    "complain complaint dissatisfied unhappy angry",
    "thank thanks grateful appreciate",
    "hello hi hey greetings",
    "good great nice awesome excellent wonderful amazing fantastic",
    "bad terrible awful horrible poor",
    "funny hilarious laugh joke humor humorous comedy",
    "cheap inexpensive affordable",
    "near nearby close nearest closest around local",
    "recent latest last newest current",
    "recommend suggest suggestion recommendation advice advise",
    "opinion think believe feel",
    "define definition mean meaning",
    // things
    "music song tune track melody album playlist",
    "sing singer artist band musician",
    "genre jazz rock pop classical rap hip-hop blues country folk",
    "radio fm am station channel broadcast",
    "podcast episode",
    "audiobook novel chapter",
    "game chess puzzle quiz sport",
    "movie film cinema theater theatre",
    "concert event festival performance exhibition",
    "news headline article report",
    "weather forecast temperature rain raining rainy snow snowing sunny cloudy hot cold warm umbrella humid wind windy storm degrees",
    "light lamp bulb lights lighting",
    "color colour red blue green yellow white pink purple orange",
    "vacuum hoover clean cleaner robot roomba",
    "coffee espresso latte cappuccino brew",
    "plug socket outlet",
    "volume sound audio speaker mute silent loud",
    "food meal dish dinner lunch breakfast cuisine pizza burger sushi chinese italian indian",
    "takeaway takeout delivery deliver",
    "restaurant cafe diner eatery bar pub",
    "recipe cook bake cooking ingredient",
    "train bus metro subway tram railway flight plane",
    "ticket fare",
    "taxi cab uber lyft ride",
    "traffic congestion jam",
    "drive driving route direction directions way",
    "road street highway avenue lane",
    "calendar meeting appointment agenda",
    "shopping grocery todo",
    "email mail inbox message",
    "contact phone number address",
    "tweet twitter facebook instagram social status",
    "stock share market exchange",
    "currency dollar euro pound yen rate",
    "price cost charge fee expensive",
    "calculate math plus minus times divide sum square root multiply percent",
    "birthday born age old biography",
    "capital city population state town",
    "time clock hour timezone",
    "convert conversion",
    "water pipe leak leaking tap plumbing",
    "power electricity electric blackout outage",
    "noise noisy loudly",
    "garbage rubbish trash waste bin",
    "money cash fund funds",
    "bill invoice statement",
    "account bank",
    "card visa mastercard",
    "password pin passcode login",
    "loan mortgage credit",
    "doctor hospital clinic medical",
    "insurance policy cover",
    "job work office employer",
    "house home apartment flat building",
    "car vehicle auto",
    "person human agent operator representative people",
    "wife husband mother father mom dad brother sister son daughter friend boss",
    // when and how many
    "monday tuesday wednesday thursday friday saturday sunday weekend weekday",
    "january february march april may june july august september october november december",
    "today tomorrow tonight yesterday",
    "morning afternoon evening night noon midnight",
    "week month year day",
    "one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty hundred",
    "first second third next following",
    "every daily weekly repeat recurring",
];

static BY_STEM: LazyLock<HashMap<&'static str, usize>> = LazyLock::new(|| {
    let words =
        GROUPS.iter().enumerate().flat_map(|(group, words)| words.split(' ').map(move |w| (stem(w), group)));
    // Where two words have one stem, the first counts.
    words.rev().collect()
});

/// The group of a stem.
pub(super) fn group(stem: &str) -> Option<usize> {
    BY_STEM.get(stem).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_word_stands_in_one_group_and_its_forms_with_it() {
        let mut seen = BTreeSet::new();
        for word in GROUPS.iter().flat_map(|g| g.split(' ')) {
            assert!(seen.insert(word), "{word} stands twice");
        }
        assert_eq!(group(stem("raining")), group(stem("snow")));
        assert_ne!(group(stem("monday")), group(stem("march")));
        assert_eq!(group(stem("trunkline")), None);
    }
}
