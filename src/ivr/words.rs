//! What a queue says, to its callers and to its agents.

use super::plan::Text;
use crate::base::Lang;

/// A queue's own words. What is empty is not said, or said in the product's words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueWords {
    /// Said in turn to whoever waits.
    pub comfort: Vec<Text>,
    /// Said to the agent before the caller is heard; see [`QueueWords::briefing`].
    pub briefing: Option<Text>,
    /// Asked when the agent has hung up; answered by a mark from 1 to 5.
    pub survey: Option<Text>,
    /// Said when the caller cannot wait on.
    pub closing: Option<Text>,
    /// A waiting caller may ask to be called back, by key 1 or in words.
    pub callback: bool,
}

/// What a briefing may say of a call, by the name in braces.
pub const BRIEFING_VALUES: [&str; 6] = ["queue", "intent", "words", "slots", "tried", "waited"];

impl QueueWords {
    /// The briefing in `lang`, with `{name}` replaced by what `value` has for it.
    pub fn briefing(&self, lang: Lang, value: impl Fn(&str) -> String) -> Option<String> {
        let mut text = self.briefing.as_ref()?.get(&lang)?.clone();
        for name in BRIEFING_VALUES {
            let place = format!("{{{name}}}");
            if text.contains(&place) {
                text = text.replace(&place, &value(name));
            }
        }
        Some(text)
    }

    /// Everything that is known before a call, in `lang`: rendered at load.
    pub fn prompts(&self, lang: Lang) -> impl Iterator<Item = &str> {
        let texts = self.comfort.iter().chain(&self.survey).chain(&self.closing);
        texts.filter_map(move |text| text.get(&lang).map(String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_briefing_names_what_is_known_of_the_call() {
        let text = Text::from([(Lang::En, "{queue}: {words}".to_owned())]);
        let words = QueueWords { briefing: Some(text), ..QueueWords::default() };
        let value = |name: &str| if name == "queue" { "Repairs".into() } else { "no water".to_owned() };
        assert_eq!(words.briefing(Lang::En, value).as_deref(), Some("Repairs: no water"));
        assert_eq!(words.briefing(Lang::Zh, value), None);
    }
}
