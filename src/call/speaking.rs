//! What the caller hears: prompts by text, rendered once and shared by all calls; music while waiting.
//!
//! What was made for one call (values read back, an answer of a service) is rendered sentence by sentence, each asked for when the one
//! before it is there. What is ready is played, and the rest when that is over:
//!
//! ```text
//! asked for   1 ──► 2 ────► 3 ──►
//! heard             1111111 2222222222 33333
//! ```
//! So the first sound waits for one sentence only, and what is not asked for when the caller interrupts never is.

use super::event::Output;
use crate::base::{Lang, LegId};
use crate::limits::PASSING_PROMPTS_MAX;
use crate::media::{self, PlayEnd, PlayId, Prompt};
use crate::tts;
use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A prompt that goes on begins so long before where it was stopped: a word or two, so that the sentence makes sense.
const RESUME_BACK_MS: u64 = 500;
/// Silence before a sentence that was made for one call, in samples at 8 kHz: 150 ms.
const PAUSE: usize = 1200;

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

    /// What `texts` are rendered as: whole where anybody may hear them, else in sentences.
    fn pieces(&self, lang: Lang, texts: &[String]) -> Vec<String> {
        let pieces = |text: &String| match self.is_lasting(lang, std::slice::from_ref(text)) {
            true => vec![text.clone()],
            false => tts::pieces(text).into_iter().map(str::to_owned).collect(),
        };
        texts.iter().flat_map(pieces).collect()
    }

    fn slot(&self, said: &Said, piece: &str) -> Option<&Slot> {
        self.prompts.get(&(said.lang, said.slow, piece.to_owned()))
    }

    /// Asks for what is needed to begin, and once more for what has failed or is late.
    fn need(&mut self, said: &Said, out: &mut Vec<Output>) {
        let (lang, slow) = (said.lang, said.slow);
        // The latest is rendered first.
        for (n, piece) in said.pieces.iter().enumerate().rev() {
            if (n == 0 || self.slot(said, piece).is_some()) && !self.hurry(lang, slow, piece, out) {
                self.want(lang, slow, piece, out);
            }
        }
    }

    /// How many pieces at the beginning can be played; asks for the one after them.
    fn ready(&mut self, said: &Said, out: &mut Vec<Output>) -> usize {
        let there = |piece: &String| matches!(self.slot(said, piece), Some(Slot::Ready(_) | Slot::Failed));
        let ready = said.pieces.iter().take_while(|piece| there(piece)).count();
        if let Some(next) = said.pieces.get(ready) {
            self.want(said.lang, said.slow, next, out);
        }
        ready
    }

    /// The prompts of the first `count` pieces, without those that are not there.
    fn get(&self, said: &Said, count: usize) -> Vec<Arc<Prompt>> {
        let mut prompts = Vec::with_capacity(count);
        for piece in said.pieces.iter().take(count) {
            let Some(Slot::Ready(prompt)) = self.slot(said, piece) else { continue };
            if !prompts.is_empty() && !self.lasting.contains(&(said.lang, piece.clone())) {
                prompts.push(Arc::new(tts::prompt(&[0; PAUSE])));
            }
            prompts.push(prompt.clone());
        }
        prompts
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
    lang: Lang,
    slow: bool,
    texts: Vec<String>,
    /// The same as it is rendered, without what has been played to its end.
    pieces: Vec<String>,
    /// How many of them are in the present play-out; the others follow it.
    playing: usize,
    /// It is known to be said.
    told: bool,
    /// Speech stops it.
    barge_in: bool,
    /// How much of its pieces has been heard already.
    from_ms: u64,
}

impl Said {
    pub(super) fn new(lang: Lang, slow: bool, texts: Vec<String>, barge_in: bool, library: &Library) -> Said {
        let pieces = library.pieces(lang, &texts);
        Said { lang, slow, texts, pieces, playing: 0, told: false, barge_in, from_ms: 0 }
    }

    /// A few words that are rendered in one.
    pub(super) fn whole(lang: Lang, text: String) -> Said {
        let (texts, pieces) = (vec![text.clone()], vec![text]);
        Said { lang, slow: false, texts, pieces, playing: 0, told: false, barge_in: false, from_ms: 0 }
    }

    /// More of it follows the present play-out.
    fn goes_on(&self) -> bool {
        self.playing < self.pieces.len()
    }

    /// Without what was played, or could not be.
    fn after(mut self, pieces: usize) -> Said {
        self.pieces.drain(..pieces);
        Said { playing: 0, from_ms: 0, ..self }
    }
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
    /// The first sound left of what is said; is it something that is not said to everybody?
    Began { text: String, personal: bool },
    /// Everything was said to its end.
    Finished,
    /// A part was, and the rest is to be begun.
    More,
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
        library.need(&said, out);
        (self.wanted, self.cut) = (Some(said), None);
        self.start(leg, false, library, out)
    }

    /// Begins as much of what is wanted as is rendered; `impatient` does without what is not.
    pub(super) fn start(
        &mut self,
        leg: LegId,
        impatient: bool,
        library: &mut Library,
        out: &mut Vec<Output>,
    ) -> Heard {
        let Some(said) = self.wanted.take() else {
            if let Some((_, Some(said))) = &self.playing {
                library.ready(said, out);
            }
            return Heard::Nothing;
        };
        let ready = if impatient { said.pieces.len() } else { library.ready(&said, out) };
        let prompts = library.get(&said, ready);
        if !prompts.is_empty() {
            self.play(leg, prompts, false, Some(Said { playing: ready, ..said }), library, out);
        } else if ready < said.pieces.len() {
            self.wanted = Some(said.after(ready));
        } else {
            // Nothing could be rendered: the call must not wait for a sound that never comes.
            return Heard::Finished;
        }
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
        // What plays takes the place of what was being said, also between two parts of it.
        self.wanted.take_if(|rest| rest.told);
        library.next_play += 1;
        let play = PlayId(library.next_play);
        let skip_ms = said.as_ref().map_or(0, |said| said.from_ms);
        (self.playing, self.cut) = (Some((play, said)), None);
        out.push(Output::Media(media::Command::Play { leg, play, prompts, repeat, skip_ms }));
    }

    /// The caller speaks: stops what plays, and remembers where. `Cut` if nothing plays between two parts, so that no report comes.
    pub(super) fn interrupt(&mut self, leg: LegId, out: &mut Vec<Output>) -> Heard {
        let cut = self.playing.clone().and_then(|(play, said)| Some((play, said?)));
        let between = self.wanted.take().filter(|_| cut.is_none()).map(|said| (PlayId(0), said));
        self.stop(leg, out);
        let heard = between.as_ref().map_or(Heard::Nothing, |_| Heard::Cut { left: Duration::MAX });
        self.cut = cut.or(between);
        heard
    }

    /// Goes on with what speech has stopped, from a little before. `Finished` if there is nothing to go on with.
    pub(super) fn resume(&mut self, leg: LegId, library: &mut Library, out: &mut Vec<Output>) -> Heard {
        let Some((_, mut said)) = self.cut.take() else { return Heard::Finished };
        (said.from_ms, said.told) = (said.from_ms.saturating_sub(RESUME_BACK_MS), false);
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

    /// True while nothing is heard for want of what is rendered.
    pub(super) fn is_preparing(&self) -> bool {
        self.wanted.is_some()
    }

    /// True while something that is to be said is not rendered, perhaps.
    pub(super) fn awaits(&self) -> bool {
        self.wanted.is_some() || matches!(&self.playing, Some((_, Some(said))) if said.goes_on())
    }

    /// True if speech may interrupt what is being said now.
    pub(super) fn yields_to_speech(&self) -> bool {
        match (&self.playing, &self.wanted) {
            (Some((_, Some(said))), _) => said.barge_in,
            (_, Some(rest)) => rest.barge_in && rest.told,
            _ => false,
        }
    }

    pub(super) fn started(&mut self, play: PlayId, library: &Library) -> Heard {
        let Some((_, Some(said))) = self.playing.as_mut().filter(|(id, _)| *id == play) else {
            return Heard::Nothing;
        };
        if std::mem::replace(&mut said.told, true) {
            return Heard::Nothing;
        }
        let personal = !library.is_lasting(said.lang, &said.texts);
        Heard::Began { text: said.texts.join(" "), personal }
    }

    pub(super) fn ended(&mut self, play: PlayId, end: PlayEnd) -> Heard {
        if let (Some((id, said)), PlayEnd::Stopped { played_ms, left_ms }) = (&mut self.cut, end)
            && *id == play
        {
            said.from_ms = played_ms;
            let left = if said.goes_on() { Duration::MAX } else { Duration::from_millis(left_ms) };
            return Heard::Cut { left };
        }
        let Some((_, said)) = self.playing.take_if(|(id, _)| *id == play) else { return Heard::Nothing };
        match said {
            Some(said) if said.goes_on() && end == PlayEnd::Finished && self.wanted.is_none() => {
                let played = said.playing;
                self.wanted = Some(said.after(played));
                Heard::More
            }
            Some(_) => Heard::Finished,
            None => Heard::Nothing,
        }
    }
}
