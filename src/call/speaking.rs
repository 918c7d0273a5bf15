//! What the caller hears: prompts by text, rendered once and shared by all calls; music while waiting.

use super::event::Output;
use crate::base::{Lang, LegId};
use crate::limits::PASSING_PROMPTS_MAX;
use crate::media::{self, PlayEnd, PlayId, Prompt};
use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A prompt that goes on begins so long before where it was stopped: a word or two, so that the sentence makes sense.
const RESUME_BACK_MS: u64 = 500;

/// Language, slowly?, text.
type Key = (Lang, bool, String);

/// Every prompt rendered so far, by language and text: what the lines can say, and the newest of what was made for one call.
#[derive(Debug, Default)]
pub(super) struct Library {
    prompts: HashMap<Key, Slot>,
    /// What the lines can say, whoever calls.
    lasting: HashSet<(Lang, String)>,
    /// What was made for one call, oldest first.
    passing: VecDeque<Key>,
    next_play: u64,
}

#[derive(Debug)]
enum Slot {
    Asked,
    Ready(Arc<Prompt>),
    Failed,
}

impl Library {
    /// Asks for `text`, which a line can say whoever calls.
    pub(super) fn keep(&mut self, lang: Lang, text: &str, out: &mut Vec<Output>) {
        self.lasting.insert((lang, text.to_owned()));
        self.want(lang, false, text, out);
    }

    /// Asks for `text` unless it is there or on its way. What no line says to everybody is not kept for long.
    pub(super) fn want(&mut self, lang: Lang, slow: bool, text: &str, out: &mut Vec<Output>) {
        let key = (lang, slow, text.to_owned());
        if !matches!(self.prompts.get(&key), None | Some(Slot::Failed)) {
            return;
        }
        let keep = self.lasting.contains(&(lang, text.to_owned()));
        if !keep && !self.passing.contains(&key) {
            self.passing.push_back(key.clone());
            if self.passing.len() > PASSING_PROMPTS_MAX
                && let Some(oldest) = self.passing.pop_front()
            {
                self.prompts.remove(&oldest);
            }
        }
        self.prompts.insert(key, Slot::Asked);
        out.push(Output::Render { lang, slow, text: text.to_owned(), keep });
    }

    /// Asks again for what is on its way, since somebody waits for it now; false if it is not on its way.
    fn hurry(&self, lang: Lang, slow: bool, text: &str, out: &mut Vec<Output>) -> bool {
        let asked = matches!(self.prompts.get(&(lang, slow, text.to_owned())), Some(Slot::Asked));
        if asked {
            let keep = self.lasting.contains(&(lang, text.to_owned()));
            out.push(Output::Render { lang, slow, text: text.to_owned(), keep });
        }
        asked
    }

    /// True if all of this may be said to anybody.
    fn is_lasting(&self, lang: Lang, texts: &[String]) -> bool {
        texts.iter().all(|text| self.lasting.contains(&(lang, text.clone())))
    }

    /// How many prompts are on their way.
    pub(super) fn asked(&self) -> usize {
        self.prompts.values().filter(|slot| matches!(slot, Slot::Asked)).count()
    }

    pub(super) fn rendered(&mut self, lang: Lang, slow: bool, text: String, prompt: Option<Arc<Prompt>>) {
        // Not if it has been forgotten meanwhile.
        self.prompts
            .entry((lang, slow, text))
            .and_modify(|slot| *slot = prompt.map_or(Slot::Failed, Slot::Ready));
    }

    /// The prompts for `texts`, without those that failed; `None` while one is on its way.
    fn get(&self, lang: Lang, slow: bool, texts: &[String], impatient: bool) -> Option<Vec<Arc<Prompt>>> {
        let mut prompts = Vec::with_capacity(texts.len());
        for text in texts {
            match self.prompts.get(&(lang, slow, text.clone())) {
                Some(Slot::Ready(prompt)) => prompts.push(prompt.clone()),
                Some(Slot::Failed) => {}
                _ if impatient => {}
                _ => return None,
            }
        }
        Some(prompts)
    }
}

/// What one leg is being played.
#[derive(Debug, Default)]
pub(super) struct Speaking {
    /// Said as soon as it is rendered.
    wanted: Option<Said>,
    playing: Option<(PlayId, Option<Said>)>,
    /// What speech has stopped, and may go on.
    cut: Option<(PlayId, Said)>,
}

#[derive(Clone)]
pub(super) struct Said {
    pub(super) lang: Lang,
    pub(super) slow: bool,
    pub(super) texts: Vec<String>,
    /// Speech stops it.
    pub(super) barge_in: bool,
    /// How much of it has been heard already.
    pub(super) from_ms: u64,
}

/// Not what is said: it may be a caller's values.
impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Said")
            .field("lang", &self.lang)
            .field("texts", &self.texts.len())
            .finish_non_exhaustive()
    }
}

/// What a play report meant.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// A prompt's first sound left; is it one that is not said to everybody?
    Began { text: String, personal: bool },
    /// A prompt was said to its end.
    Finished,
    /// Speech has stopped a prompt, with so much of it left.
    Cut { left: Duration },
    /// About music, or something already replaced.
    Nothing,
}

impl Speaking {
    /// Says `texts` in place of what plays. `Finished` comes from [`Speaking::start`] or a report.
    pub(super) fn say(
        &mut self,
        leg: LegId,
        said: Said,
        library: &mut Library,
        out: &mut Vec<Output>,
    ) -> Heard {
        for text in &said.texts {
            if !library.hurry(said.lang, said.slow, text, out) {
                library.want(said.lang, said.slow, text, out);
            }
        }
        (self.wanted, self.cut) = (Some(said), None);
        self.start(leg, false, library, out)
    }

    /// Begins what is wanted if all of it is rendered; `impatient` does without what is not.
    pub(super) fn start(
        &mut self,
        leg: LegId,
        impatient: bool,
        library: &mut Library,
        out: &mut Vec<Output>,
    ) -> Heard {
        let Some(said) = &self.wanted else { return Heard::Nothing };
        let Some(prompts) = library.get(said.lang, said.slow, &said.texts, impatient) else {
            return Heard::Nothing;
        };
        let said = self.wanted.take();
        if prompts.is_empty() {
            // Nothing could be rendered: the call must not wait for a sound that never comes.
            return Heard::Finished;
        }
        self.play(leg, prompts, false, said, library, out);
        Heard::Nothing
    }

    /// Music until something else is said.
    pub(super) fn music(
        &mut self,
        leg: LegId,
        music: &Arc<Prompt>,
        library: &mut Library,
        out: &mut Vec<Output>,
    ) {
        self.play(leg, vec![music.clone()], true, None, library, out);
    }

    /// One sound, once; nothing waits for its end.
    pub(super) fn sound(
        &mut self,
        leg: LegId,
        sound: &Arc<Prompt>,
        library: &mut Library,
        out: &mut Vec<Output>,
    ) {
        self.play(leg, vec![sound.clone()], false, None, library, out);
    }

    fn play(
        &mut self,
        leg: LegId,
        prompts: Vec<Arc<Prompt>>,
        repeat: bool,
        said: Option<Said>,
        library: &mut Library,
        out: &mut Vec<Output>,
    ) {
        library.next_play += 1;
        let play = PlayId(library.next_play);
        let skip_ms = said.as_ref().map_or(0, |said| said.from_ms);
        (self.playing, self.cut) = (Some((play, said)), None);
        out.push(Output::Media(media::Command::Play { leg, play, prompts, repeat, skip_ms }));
    }

    /// The caller speaks: stops what plays, and remembers where.
    pub(super) fn interrupt(&mut self, leg: LegId, out: &mut Vec<Output>) {
        let cut = self.playing.clone().and_then(|(play, said)| Some((play, said?)));
        self.stop(leg, out);
        self.cut = cut;
    }

    /// Goes on with what speech has stopped, from a little before. `Finished` if there is nothing to go on with.
    pub(super) fn resume(&mut self, leg: LegId, library: &mut Library, out: &mut Vec<Output>) -> Heard {
        let Some((_, mut said)) = self.cut.take() else { return Heard::Finished };
        said.from_ms = said.from_ms.saturating_sub(RESUME_BACK_MS);
        self.say(leg, said, library, out)
    }

    /// Stops everything at once.
    pub(super) fn stop(&mut self, leg: LegId, out: &mut Vec<Output>) {
        (self.wanted, self.cut) = (None, None);
        if self.playing.take().is_some() {
            out.push(Output::Media(media::Command::Stop { leg }));
        }
    }

    /// True while a prompt plays, or is about to.
    pub(super) fn is_saying(&self) -> bool {
        self.wanted.is_some() || matches!(self.playing, Some((_, Some(_))))
    }

    /// True while a prompt waits to be rendered.
    pub(super) fn is_preparing(&self) -> bool {
        self.wanted.is_some()
    }

    /// True if speech may interrupt what plays now.
    pub(super) fn yields_to_speech(&self) -> bool {
        matches!(&self.playing, Some((_, Some(said))) if said.barge_in)
    }

    pub(super) fn started(&self, play: PlayId, library: &Library) -> Heard {
        match &self.playing {
            Some((id, Some(said))) if *id == play => Heard::Began {
                text: said.texts.join(" "),
                personal: !library.is_lasting(said.lang, &said.texts),
            },
            _ => Heard::Nothing,
        }
    }

    pub(super) fn ended(&mut self, play: PlayId, end: PlayEnd) -> Heard {
        if let (Some((id, said)), PlayEnd::Stopped { played_ms, left_ms }) = (&mut self.cut, end)
            && *id == play
        {
            said.from_ms = played_ms;
            return Heard::Cut { left: Duration::from_millis(left_ms) };
        }
        match &self.playing {
            Some((id, said)) if *id == play => {
                let prompt = said.is_some();
                self.playing = None;
                if prompt { Heard::Finished } else { Heard::Nothing }
            }
            _ => Heard::Nothing,
        }
    }
}
