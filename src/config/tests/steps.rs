//! How many turns callers need to the right node of the sample city line: in one sentence, and in a key tree of the same
//! services.

use super::*;
use crate::base::{Epoch, Lang};
use crate::ivr::{Act, Plan, Proof, Rehearsal, Understood};

/// 200 requests that are no examples: language, intent, words.
const REQUESTS: &str = include_str!("requests.tsv");

/// The same services as a tree: what is pressed after the language to reach each.
const TREE: [(&str, &str); 9] = [
    ("water", "11"),
    ("power", "12"),
    ("street", "13"),
    ("noise", "21"),
    ("rubbish", "22"),
    ("complaint", "23"),
    ("insurance", "31"),
    ("hours", "32"),
    ("bulky", "4"),
];

/// A caller of the line who knows what it wants and answers what it is asked: turns to the right node, or none if it got
/// to another.
fn turns(plan: &Arc<Plan>, lang: Lang, wanted: &str, words: &str) -> Option<usize> {
    let (mut rehearsal, _) =
        Rehearsal::begin(plan.clone(), Epoch { unix_ms: 0 }, BTreeMap::new(), Proof::default());
    let intent = plan.intents.iter().find(|i| i.name == wanted).unwrap();
    let mut acts = vec![Act::Says(words.to_owned())];
    if lang != plan.first_language() {
        acts.insert(0, Act::Presses("#".into()));
    }
    let mut count = 0;
    while count < 12 {
        let act = if acts.is_empty() { Act::Presses(intent.key.unwrap().into()) } else { acts.remove(0) };
        count += 1;
        let reply = rehearsal.act(&act);
        let turn = reply.turns.last().unwrap();
        let right = turn.intent.as_deref() == Some(wanted);
        let says = reply.says.join(" ");
        match turn.understood {
            Understood::Acted | Understood::Yes => return right.then_some(count),
            Understood::Confirming if right => acts.push(Act::Presses("1".into())),
            Understood::Confirming => acts.push(Act::Presses("2".into())),
            Understood::Choosing if right => acts.push(Act::Presses("1".into())),
            Understood::Choosing if says.contains(&intent.label[&lang]) => {
                acts.push(Act::Presses("2".into()));
            }
            // Asked again, the caller names the matter; with the keys offered, it presses one.
            Understood::Choosing | Understood::No | Understood::NoMatch
                if !says.contains("按") && !says.contains("press") =>
            {
                acts.push(Act::Says(intent.label[&lang].clone()));
            }
            _ => {}
        }
    }
    None
}

fn median(mut of: Vec<usize>) -> usize {
    of.sort_unstable();
    of[of.len() / 2]
}

#[test]
fn a_sentence_leads_to_the_right_node_in_fewer_turns_than_a_key_tree() {
    let config = load(&files(CITY, TEAM)).unwrap();
    let line = config.line("12345").unwrap();
    let (mut flat, mut tree, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    for row in REQUESTS.lines() {
        let [lang, intent, words] = row.split('\t').collect::<Vec<_>>()[..] else { panic!("{row}") };
        let lang = if lang == "zh" { Lang::Zh } else { Lang::En };
        let example = |i: &crate::ivr::Intent| i.examples.values().flatten().any(|e| e == words);
        assert!(!line.intents.iter().any(example), "{words} is an example");
        // One turn for the language, and one for each key.
        tree.push(1 + TREE.iter().find(|(name, _)| *name == intent).unwrap().1.len());
        match turns(line, lang, intent, words) {
            Some(count) => flat.push((lang, count)),
            None => wrong.push(format!("{words} ({intent})")),
        }
    }
    let all = tree.len();
    let mean = |of: &[usize]| of.iter().sum::<usize>() as f64 / of.len() as f64;
    let by_lang = |flat: &[(Lang, usize)], lang| {
        flat.iter().filter(|(l, _)| *l == lang).map(|(_, n)| *n).collect::<Vec<_>>()
    };
    let (zh, en) = (by_lang(&flat, Lang::Zh), by_lang(&flat, Lang::En));
    let flat: Vec<usize> = flat.into_iter().map(|(_, n)| n).collect();
    println!(
        "{all} requests: median {} turns in one sentence (mean {:.2}; Mandarin {}, English with its change of language {}), \
         {} at the wrong node; median {} in the key tree (mean {:.2})",
        median(flat.clone()),
        mean(&flat),
        median(zh),
        median(en),
        wrong.len(),
        median(tree.clone()),
        mean(&tree)
    );
    assert_eq!(all, 200);
    assert!(median(flat) < median(tree));
    assert!(wrong.len() <= all / 20, "{wrong:#?}");
}
