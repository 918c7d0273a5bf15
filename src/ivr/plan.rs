//! A line's checked plan: what `config` makes of a dialplan file, ready to run.

use super::condition::Condition;
use super::hours::Hours;
use super::lookup::Lookup;
use super::phrases;
use super::slot::Slot;
use crate::base::Lang;
use crate::nlu::{self, Example};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A text in each language of the line. `config` has checked that every language is there.
pub type Text = BTreeMap<Lang, String>;

/// When a request is confirmed before it is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confirm {
    /// When the score lies between the two thresholds.
    #[default]
    Auto,
    /// Always: a mistake would cost.
    Always,
    /// Never: from the lower threshold on it is carried out.
    Never,
}

/// What is done about a request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Action {
    /// Only then; always without.
    pub when: Option<Condition>,
    /// Values told to whoever gets the call or the ticket, and in what is said: names and texts.
    pub set: Vec<(String, String)>,
    /// A ticket of this kind is written.
    pub ticket: Option<String>,
    pub say: Option<Text>,
    /// The call is handed to an agent of this queue; without, the caller is asked whether there is anything else.
    pub queue: Option<String>,
}

/// A request that the line can serve.
#[derive(Debug, Clone, PartialEq)]
pub struct Intent {
    pub name: String,
    /// The key that means the same, 1–9; an answer has none.
    pub key: Option<char>,
    /// Its name to the caller, as it fits "you want …, right?".
    pub label: Text,
    pub examples: BTreeMap<Lang, Vec<String>>,
    pub confirm: Confirm,
    /// The values that it needs, in the order in which they are asked for.
    pub slots: Vec<Slot>,
    /// A service that is asked when they are there.
    pub lookup: Option<Arc<Lookup>>,
    /// Done if it does not answer as it should; there if there is a look-up.
    pub failed: Option<Action>,
    /// Done if it knows nothing of what was asked; as `failed` without.
    pub none: Option<Action>,
    /// The first that fits is done; the last fits always.
    pub rules: Vec<Action>,
}

impl Intent {
    /// Everything that it may do.
    pub fn actions(&self) -> impl Iterator<Item = &Action> {
        self.rules.iter().chain(&self.failed).chain(&self.none)
    }

    /// The queue of who does what was asked for, if a person does.
    pub(super) fn queue(&self) -> Option<&str> {
        self.actions().find_map(|a| a.queue.as_deref())
    }
}

/// Words that are more than a request: an emergency, anger.
#[derive(Debug, Clone, PartialEq)]
pub struct Urgent {
    pub words: Vec<String>,
    pub say: Option<Text>,
    /// Straight to an agent of this queue; without, the call goes on and is served before others.
    pub queue: Option<String>,
    /// In place of the queue's own.
    pub priority: u16,
}

/// Who is given more time and slower speech from the start.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Patience {
    /// Callers' numbers; those that end in `*` are beginnings.
    pub numbers: Vec<String>,
    /// A service that knows it.
    pub account: Option<Account>,
    /// Said when it begins, such as how to reach a person at once.
    pub say: Option<Text>,
}

/// A service that is asked about the caller's number when a call begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// It asks with the value `caller` alone.
    pub lookup: Arc<Lookup>,
    /// The yes-no value of its answer that says who needs time.
    pub value: String,
}

impl Patience {
    /// True if this caller is known to need it.
    pub fn is_for(&self, number: &str) -> bool {
        self.numbers.iter().any(|n| match n.strip_suffix('*') {
            Some(beginning) => number.starts_with(beginning),
            None => number == n,
        })
    }
}

/// The examples of all intents in all languages, to train on.
pub fn examples(intents: &[Intent]) -> Vec<Example> {
    let all = intents.iter().enumerate().flat_map(|(intent, i)| {
        i.examples.values().flatten().map(move |text| Example { text: text.clone(), intent })
    });
    all.collect()
}

/// One hotline line, checked and trained.
#[derive(Debug, Clone)]
pub struct Plan {
    pub line: String,
    /// Short digest of the files it came from; stands in each call record.
    pub version: String,
    pub numbers: Vec<String>,
    /// The first is spoken first.
    pub languages: Vec<Lang>,
    /// Where "tomorrow at three" is.
    pub zone: TimeZone,
    /// What a bare number is where money is asked for (ISO 4217); empty if no slot is money.
    pub currency: String,
    /// When it is open; always without.
    pub hours: Option<Arc<Hours>>,
    /// Said to whoever calls when it is not.
    pub closed: Text,
    /// The queue for whoever wants a person, or cannot be understood.
    pub person: String,
    pub greeting: Text,
    pub question: Text,
    pub intents: Vec<Intent>,
    /// Listened for before everything else; the first that fits counts.
    pub urgent: Vec<Urgent>,
    pub patience: Patience,
    /// From this score on a request is carried out at once.
    pub act: f32,
    /// From this score on it is confirmed; below, asked again.
    pub confirm: f32,
    pub model: nlu::Model,
}

impl Plan {
    /// The language the line begins in.
    pub fn first_language(&self) -> Lang {
        self.languages.first().copied().unwrap_or(Lang::En)
    }

    /// `text` in `lang`; `config` has checked that it is there.
    pub(super) fn text<'a>(&self, text: &'a Text, lang: Lang) -> &'a str {
        text.get(&lang).map_or("", String::as_str)
    }

    /// What is said when the line is closed, in `lang`.
    pub fn closed(&self, lang: Lang) -> &str {
        self.text(&self.closed, lang)
    }

    /// The intent that `key` means.
    pub fn by_key(&self, key: char) -> Option<usize> {
        self.intents.iter().position(|i| i.key == Some(key))
    }

    /// Every queue that the line can lead to.
    pub fn queues(&self) -> impl Iterator<Item = &str> {
        let of_intents = self.intents.iter().flat_map(Intent::actions).filter_map(|a| a.queue.as_deref());
        let urgent = self.urgent.iter().filter_map(|u| u.queue.as_deref());
        of_intents.chain(urgent).chain([self.person.as_str()])
    }

    /// The keypad menu: "for a power cut, press 2; …".
    pub fn menu(&self, lang: Lang) -> String {
        let mut out: String = self
            .intents
            .iter()
            .filter_map(|i| Some(phrases::key_choice(lang, self.text(&i.label, lang), i.key?)))
            .collect();
        out += phrases::menu_end(lang);
        out
    }

    /// Everything the line may say that is known before a call: rendered at load.
    pub fn prompts(&self) -> Vec<(Lang, String)> {
        let mut out = Vec::new();
        for &lang in &self.languages {
            out.push((lang, self.text(&self.greeting, lang).to_owned()));
            out.push((lang, self.text(&self.question, lang).to_owned()));
            out.extend(self.closed.get(&lang).map(|text| (lang, text.clone())));
            out.push((lang, self.menu(lang)));
            let own = self.urgent.iter().filter_map(|u| u.say.as_ref()).chain(&self.patience.say);
            out.extend(own.map(|text| (lang, self.text(text, lang).to_owned())));
            out.extend(phrases::Phrase::ALL.iter().map(|p| (lang, phrases::say(*p, lang).to_owned())));
            out.extend((1..=5).map(|n| (lang, phrases::position(lang, n))));
            for intent in &self.intents {
                let label = self.text(&intent.label, lang);
                out.push((lang, phrases::confirm(lang, label)));
                if intent.confirm == Confirm::Always {
                    out.push((lang, phrases::confirm_by_key(lang, label)));
                }
                out.push((lang, phrases::acting(lang, label)));
                let said = intent.actions().filter_map(|a| a.say.as_ref()).map(|text| self.text(text, lang));
                out.extend(
                    said.filter(|text| !super::template::has_values(text)).map(|t| (lang, t.to_owned())),
                );
                for slot in &intent.slots {
                    out.extend(
                        [&slot.ask, &slot.again].iter().filter_map(|t| Some((lang, t.get(&lang)?.clone()))),
                    );
                    out.push((lang, phrases::enter(slot, lang)));
                }
            }
        }
        out
    }
}
