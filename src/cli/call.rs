//! `trunkline call`: a scripted caller, for trying the line without a phone.

use super::Places;
use super::reach::reach;
use super::records::{describe_plain, describe_turn};
use super::steps::{Step, Steps, seconds};
use super::story::{self, Said, Story};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use trunkline::base::{Lang, LegId, Now};
use trunkline::call::{Cdr, Moment};
use trunkline::drive::control::{self, Answer, Ask};
use trunkline::drive::phone::{Happening, Phone};
use trunkline::drive::store::Reader;
use trunkline::drive::voice::{self, Voice};
use trunkline::drive::voices::Speakers;
use trunkline::media::{Prompt, Report};
use trunkline::phone::{Act, Input, Output, Recording, Script};
use trunkline::sip::{EndCause, Flow, Hop, Target};
use trunkline::tts;

/// How long the server may take to say that it lets us watch, to answer our BYE, to write its record.
const PATIENCE: Duration = Duration::from_secs(1);
const RECORD_WAIT: Duration = Duration::from_secs(3);
/// One key, and the pause after it (see `rtp`).
const KEY: Duration = Duration::from_millis(200);

/// Place a call with synthetic speech and see what happens.
#[derive(Debug, Args)]
#[command(
    after_help = "Steps are taken in the order given. `--say`, `--play` and `--dtmf` wait until the line has spoken and \
been quiet for 0.7 s, or until an agent is there; directly after `--after` they begin at once, so `--after 1 --say TEXT` speaks \
over the greeting."
)]
pub(super) struct Call {
    /// Whom to call, such as sip:12345@127.0.0.1, sip:12345@10.0.0.5:5070;transport=tcp or sips:12345@sip.example.com
    uri: String,
    #[command(flatten)]
    steps: Steps,
    /// Our number.
    #[arg(long, value_name = "NUMBER", default_value = "1000")]
    from: String,
    /// Keep the recording: stereo, left what was said, right what was heard.
    #[arg(long, value_name = "WAV")]
    record: Option<PathBuf>,
    /// Print one JSON object at the end and nothing else.
    #[arg(long)]
    json: bool,
    /// Language of `--say`; by default Mandarin if there is a Han character in the text.
    #[arg(long, value_name = "LANG")]
    voice_lang: Option<VoiceLang>,
    /// Hang up after this long in any case.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    max: Duration,
    /// How long to stay after the last step; by default until the far end hangs up.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    stay: Option<Duration>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum VoiceLang {
    Zh,
    En,
}

pub(super) async fn call(args: Call, places: &Places) -> Result<(), String> {
    let sounds = sounds(&args).await?;
    let (hop, phone) = reach(&args.uri).await?;
    let tape = Tape::new();
    let data = places.data().ok();
    let mut caller = Caller::new(args, hop, sounds, phone, tape.0.clone());
    caller.dial(data.as_deref()).await?;
    caller.run().await;
    let Caller { args, phone, mut story, watched, .. } = caller;
    phone.close(PATIENCE).await;
    if let Some(data) = data.filter(|_| watched) {
        story.record = record(&data, &story.call_id).await;
    }
    let octets = std::fs::read(&tape.0).unwrap_or_default();
    let recording = Recording::parse(&octets).unwrap_or_default();
    if let Some(file) = &args.record {
        story::save(&recording, file)?;
    }
    let told = story.tell(&recording);
    if args.json {
        told.print_json()?;
    } else if told.outcome().is_ok() {
        told.print();
    }
    told.outcome()
}

/// The raw recording, gone when done with.
struct Tape(PathBuf);

impl Tape {
    fn new() -> Tape {
        let name = format!("trunkline-call-{}-{:08x}.wav", std::process::id(), fastrand::u32(..));
        Tape(std::env::temp_dir().join(name))
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What each step sounds like, made before the call: nobody waits for a synthesiser.
async fn sounds(args: &Call) -> Result<Vec<Option<Arc<Prompt>>>, String> {
    let (voice, _) = Voice::new(None, Speakers::new());
    let mut sounds = Vec::new();
    for step in &args.steps.0 {
        let samples = match step {
            Step::Say(text) => {
                let han = text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
                let lang = match args.voice_lang {
                    Some(VoiceLang::Zh) => Lang::Zh,
                    Some(VoiceLang::En) => Lang::En,
                    None if han => Lang::Zh,
                    None => Lang::En,
                };
                Some(voice.speak(lang, text).await.map_err(|e| format!("--say \"{text}\": {e}"))?)
            }
            Step::Play(file) => Some(load(file)?),
            Step::Dtmf(_) | Step::After(_) | Step::Hangup => None,
        };
        sounds.push(samples.map(|s| Arc::new(tts::prompt(&s))));
    }
    Ok(sounds)
}

/// A WAV file's samples.
pub(super) fn load(file: &Path) -> Result<Vec<i16>, String> {
    voice::read_wav(file).map_err(|e| {
        let make = "`ffmpeg -i IN -ar 8000 -ac 1 -c:a pcm_s16le OUT.wav` makes one";
        format!("{}: {e}\n  = give a WAV file of 16-bit samples; {make}", file.display())
    })
}

/// The record, as soon as the server has written it.
async fn record(data: &Path, call_id: &str) -> Option<Cdr> {
    let search = async {
        loop {
            let found = Reader::open(data).ok().and_then(|reader| reader.find(call_id).ok().flatten());
            match found {
                Some(cdr) => return cdr,
                None => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    };
    tokio::time::timeout(RECORD_WAIT, search).await.ok()
}

/// A call in progress.
struct Caller {
    args: Call,
    hop: Hop,
    sounds: Vec<Option<Arc<Prompt>>>,
    phone: Phone,
    tape: PathBuf,
    script: Script,
    leg: LegId,
    story: Story,
    /// What the server says about this call, if it is ours to ask.
    watch: Option<mpsc::Receiver<Answer>>,
    /// The server has told us something.
    watched: bool,
    /// An agent is there.
    bridged: bool,
    closed: bool,
}

impl Caller {
    fn new(args: Call, hop: Hop, sounds: Vec<Option<Arc<Prompt>>>, phone: Phone, tape: PathBuf) -> Caller {
        let act = |step: &Step| match step {
            Step::Say(_) | Step::Play(_) => Act::Sound,
            Step::Dtmf(digits) => Act::Keys(KEY * digits.len() as u32),
            Step::After(pause) => Act::Pause(*pause),
            Step::Hangup => Act::HangUp,
        };
        let script = Script::new(args.steps.0.iter().map(act).collect(), args.stay);
        let story = Story {
            uri: args.uri.clone(),
            call_id: String::new(),
            began: Now(0),
            answered: None,
            recorded: None,
            said: Vec::new(),
            heard: Vec::new(),
            ended: None,
            stats: None,
            record: None,
        };
        let (leg, watch) = (LegId(0), None);
        let (watched, bridged, closed) = (false, false, false);
        Caller { args, hop, sounds, phone, tape, script, leg, story, watch, watched, bridged, closed }
    }

    /// Sends the INVITE, after the server has been asked to tell us about it.
    async fn dial(&mut self, data: Option<&Path>) -> Result<(), String> {
        let Hop { transport, remote } = self.hop;
        let flow = Flow { transport, local: self.phone.addr(), remote };
        let target = Target::Uri { uri: self.args.uri.trim().to_owned(), flow };
        let from = &self.args.from;
        let from =
            if from.contains(':') { from.clone() } else { format!("sip:{from}@{}", self.phone.addr().ip()) };
        let call = self.phone.dial(target, from)?;
        self.story.call_id.clone_from(&call.call_id);
        if let Some(data) = data
            && let Ok(mut watch) = control::ask(data, &Ask::Watch { sip_call_id: call.call_id.clone() }).await
        {
            let ready = tokio::time::timeout(PATIENCE, watch.recv()).await;
            self.watch = matches!(ready, Ok(Some(Answer::Done(_)))).then_some(watch);
        }
        self.story.began = self.phone.now();
        self.show(self.story.began, "phone", &format!("calls {} as {}", self.args.uri, self.args.from));
        if self.watch.is_none() {
            self.show(
                self.story.began,
                "phone",
                "no server of this machine can be asked what it understands: only sound is shown",
            );
        }
        self.leg = call.send(&mut self.phone);
        Ok(())
    }

    /// Until the call is over and its stream closed.
    async fn run(&mut self) {
        let latest = self.story.began + self.args.max;
        let mut interrupted = false;
        while !self.closed {
            let now = self.phone.now();
            let stop = (self.story.ended.is_none() && !interrupted).then_some(latest);
            let due = [self.script.deadline(), stop].into_iter().flatten().min();
            let wait = due.map_or(PATIENCE, |at| at.since(now));
            tokio::select! {
                happening = self.phone.next() => self.happened(happening),
                answer = next(&mut self.watch) => self.told(answer),
                () = tokio::time::sleep(wait) => {
                    let now = self.phone.now();
                    if stop.is_some_and(|at| at <= now) {
                        interrupted = true;
                        self.show(now, "phone", "the time of --max is over");
                        self.phone.hang_up(self.leg);
                    }
                    self.script(Input::Tick);
                }
                _ = tokio::signal::ctrl_c() => {
                    if std::mem::replace(&mut interrupted, true) {
                        return;
                    }
                    self.phone.hang_up(self.leg);
                }
            }
        }
    }

    fn script(&mut self, input: Input) {
        let mut out = Vec::new();
        self.script.step(self.phone.now(), input, &mut out);
        for want in out {
            match want {
                Output::Begin(step) => self.begin(step),
                Output::HangUp => self.phone.hang_up(self.leg),
            }
        }
    }

    /// Takes a step.
    fn begin(&mut self, n: usize) {
        let Some(step) = self.args.steps.0.get(n).cloned() else { return };
        let (how, what) = match step {
            Step::Say(text) => ("say", text),
            Step::Play(file) => ("play", file.display().to_string()),
            Step::Dtmf(digits) => ("dtmf", digits),
            Step::After(_) | Step::Hangup => return,
        };
        let now = self.phone.now();
        let verb = if how == "dtmf" { "press" } else { how };
        self.show(now, "you", &format!("{verb} \"{what}\""));
        match self.sounds.get(n).cloned().flatten() {
            Some(prompt) => self.phone.play(self.leg, prompt, false),
            None => self.phone.press(self.leg, what.clone()),
        }
        self.story.said.push(Said { how, what, from: now, to: None, to_agent: self.bridged });
    }

    fn happened(&mut self, happening: Happening) {
        let now = self.phone.now();
        match happening {
            Happening::Rings { .. } => self.show(now, "phone", "it rings"),
            Happening::Talking { leg } if leg == self.leg => {
                self.story.answered = Some(now);
                self.story.recorded = Some(now);
                self.phone.record(leg, self.tape.clone());
                self.phone.listen(leg);
                self.show(now, "phone", "answered");
                self.script(Input::Answered);
            }
            Happening::Ended { leg, cause } if leg == self.leg => {
                match &cause {
                    EndCause::PeerHungUp => self.show(now, "phone", "the far end hung up"),
                    EndCause::WeHungUp => self.show(now, "phone", "you hung up"),
                    other => self.show(now, "phone", &format!("ended: {other:?}")),
                }
                self.story.ended = Some((now, cause));
            }
            // A caller's phone takes no calls.
            Happening::Incoming(incoming) => self.phone.refuse(incoming.leg, 486, "Busy Here"),
            Happening::Media(report) => self.media(now, report),
            Happening::Talking { .. } | Happening::Ended { .. } | Happening::Registration { .. } => {}
        }
    }

    fn media(&mut self, now: Now, report: Report) {
        match report {
            Report::PlayEnded { at, .. } => {
                if let Some(said) = self.story.said.last_mut() {
                    said.to = Some(at);
                }
                self.script(Input::Done);
            }
            Report::SpeechStarted { .. } => self.script(Input::SpeechStarted),
            Report::SpeechEnded { speech_started_at, speech_ended_at, .. } => {
                let ms = |at: Now| at.since(self.story.began).as_millis() as f64 / 1000.0;
                let text = format!("speech, {:.2}–{:.2} s", ms(speech_started_at), ms(speech_ended_at));
                self.show(now, "heard", &text);
                self.story.heard.push((speech_started_at, speech_ended_at));
                self.script(Input::SpeechEnded { at: speech_ended_at });
            }
            Report::Degraded { what, .. } | Report::Unrecorded { what, .. } => self.show(now, "phone", &what),
            Report::Fault { leg, what } => {
                self.show(now, "phone", &format!("FAULT: {what}"));
                self.phone.hang_up(leg);
            }
            Report::Lost { leg, .. } => {
                self.show(now, "phone", "the far end has been sending nothing for too long");
                self.phone.hang_up(leg);
            }
            Report::Closed { leg, stats } if leg == self.leg => {
                (self.story.stats, self.closed) = (Some(stats), true);
            }
            Report::Closed { .. }
            | Report::PlayStarted { .. }
            | Report::Digit { .. }
            | Report::SpeechPaused { .. }
            | Report::SpeechResumed { .. }
            | Report::SpeechGoesOn { .. }
            | Report::Latched { .. } => {}
        }
    }

    /// The server says what happens in the call.
    fn told(&mut self, answer: Option<Answer>) {
        let Some(Answer::Moment { at, turn }) = answer else {
            self.watch = None;
            return;
        };
        self.watched = true;
        let text = match &turn {
            Some(turn) => describe_turn(turn),
            None => describe_plain(&at.moment),
        };
        self.show(self.story.began + Duration::from_millis(at.ms), "line", &text);
        match at.moment {
            Moment::Queued { .. } => self.script(Input::Queued),
            Moment::Bridged { .. } => {
                self.bridged = true;
                self.script(Input::Bridged);
            }
            _ => {}
        }
    }

    /// One line of the live view.
    fn show(&self, at: Now, who: &str, text: &str) {
        if !self.args.json {
            let seconds = at.since(self.story.began).as_millis() as f64 / 1000.0;
            liveln!("{seconds:>8.2} s  {who:<5}  {text}");
        }
    }
}

/// What the server says next; never, if it says nothing.
async fn next(watch: &mut Option<mpsc::Receiver<Answer>>) -> Option<Answer> {
    match watch {
        Some(watch) => watch.recv().await,
        None => std::future::pending().await,
    }
}
