//! The far end's echo of our own prompts, through the shard, µ-law both ways, and the ear: it never interrupts them, and a
//! caller who speaks over it does.

use super::Voice;
use crate::asr::{Ear, Heard, Loudness};
use crate::base::{Codec, FRAME_SAMPLES, Lang, LegId, Now};
use crate::codec::{decode, encode};
use crate::drive::files;
use crate::media::{Command, Input, Out, PlayId, Prompt, Shard, StreamSpec};
use crate::rtp::{Fields, PacketBuf};
use crate::taps::{FrameHead, SpeechTap};
use crate::tts;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const LEG: LegId = LegId(1);
/// Far ends: how many dB below what it hears its echo is, and how many ms later.
const ECHOES: [(f32, usize); 4] = [(-20.0, 20), (-20.0, 60), (-20.0, 120), (-26.0, 90)];

#[derive(Debug, Default, Clone)]
struct Tap {
    ear: Arc<Mutex<(Ear, Vec<Heard>)>>,
    /// It is not told what is played.
    untold: bool,
}

impl SpeechTap for Tap {
    fn begin(&mut self, _: LegId) {}
    fn end(&mut self, _: LegId) {}
    fn frame(&mut self, head: FrameHead, decode: &mut dyn FnMut(&mut [i16; FRAME_SAMPLES])) {
        let mut samples = [0; FRAME_SAMPLES];
        decode(&mut samples);
        let (ear, heard) = &mut *self.ear.lock().unwrap();
        let played = head.played.filter(|_| !self.untold).map(Loudness);
        ear.step(head.at, head.timestamp, &samples[..usize::from(head.samples)], played, heard);
    }
}

/// Plays `prompt` to a far end with an echo, where somebody says `caller` from the sample `from` on; what the ear makes of it.
fn call(prompt: &Arc<Prompt>, echo: (f32, usize), caller: (&[i16], usize)) -> Vec<Heard> {
    listen(&Tap::default(), prompt, echo, caller)
}

fn listen(
    tap: &Tap,
    prompt: &Arc<Prompt>,
    (db, delay_ms): (f32, usize),
    (caller, from): (&[i16], usize),
) -> Vec<Heard> {
    let mut shard = Shard::new(1);
    let mut out = Out::new(Box::new(tap.clone()));
    let far = ([192, 0, 2, 1], 4000).into();
    let play =
        Command::Play { leg: LEG, play: PlayId(1), prompts: vec![prompt.clone()], repeat: false, skip_ms: 0 };
    for command in [
        Command::Open { leg: LEG },
        Command::Connect { leg: LEG, to: StreamSpec::new(far, Codec::Pcmu) },
        Command::Listen { leg: LEG, on: true },
        play,
    ] {
        shard.step(Now(0), Input::Command(command), &mut out);
    }
    let (mut sent, mut rng) = (Vec::new(), fastrand::Rng::with_seed(1));
    let (delay, gain) = (delay_ms * 8, 10f32.powf(db / 20.0));
    let frames = (prompt.pcmu.len().max(from + caller.len()) + 8000) / FRAME_SAMPLES;
    for n in 0..frames {
        let now = Now(n as u64 * 20_000);
        while let Some(due) = shard.deadline().filter(|due| *due <= now) {
            shard.step(due, Input::Tick, &mut out);
        }
        for send in out.sends.drain(..) {
            let mut samples = [0; FRAME_SAMPLES];
            if decode(Codec::Pcmu, &send.body.parts().concat()[12..], &mut samples) == FRAME_SAMPLES {
                sent.extend(samples);
            }
        }
        let octets: Vec<u8> = (n * FRAME_SAMPLES..(n + 1) * FRAME_SAMPLES)
            .map(|at| {
                let echo = at.checked_sub(delay).and_then(|at| sent.get(at)).copied().unwrap_or(0);
                let voice = at.checked_sub(from).and_then(|at| caller.get(at)).copied().unwrap_or(0);
                let all = gain * f32::from(echo) + f32::from(voice) + f32::from(rng.i16(-8..=8));
                encode(Codec::Pcmu, all as i16)
            })
            .collect();
        let timestamp = (n * FRAME_SAMPLES) as u32;
        let f = Fields { marker: false, payload_type: 0, seq: n as u16, timestamp, ssrc: 7 };
        let mut buf = PacketBuf::default();
        buf.fill(&[&f.bytes(), &octets]);
        let channel = crate::media::Channel::Rtp;
        shard.step(now, Input::Packet { leg: LEG, channel, from: far, buf }, &mut out);
    }
    std::mem::take(&mut tap.ear.lock().unwrap().1)
}

/// A text, as a prompt and as its samples.
type Spoken = (String, Arc<Prompt>, Vec<i16>);

/// What the sample lines say, spoken; `None`, said aloud, without the synthesiser.
fn prompts() -> Option<Vec<Spoken>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dialplans");
    let config = files::load(&folder).unwrap();
    let mut texts: Vec<(Lang, String)> = config.lines.iter().flat_map(|line| line.prompts()).collect();
    texts.sort_by_key(|(lang, text)| (lang.code(), text.clone()));
    texts.dedup();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (voice, _results) = Voice::new(None, HashMap::new());
    let mut out = Vec::new();
    for (lang, text) in texts {
        match runtime.block_on(voice.speak(lang, &text)) {
            Ok(samples) => out.push((text, Arc::new(tts::prompt(&samples)), samples)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                eprintln!("skipped: {e}");
                return None;
            }
            Err(e) => panic!("{text}: {e}"),
        }
    }
    Some(out)
}

#[test]
fn the_echo_of_a_prompt_never_interrupts_it_and_a_caller_over_it_does() {
    let Some(prompts) = prompts() else { return };
    assert!(prompts.len() > 60, "{}", prompts.len());
    for (text, prompt, _) in &prompts {
        for echo in ECHOES {
            let heard = call(prompt, echo, (&[], 0));
            assert!(heard.is_empty(), "{echo:?}: {text}: {:?}", heard.first());
        }
    }
    // Without being told what is played the same ear is interrupted by it.
    let untold = prompts.iter().take(10).filter(|(_, prompt, _)| {
        let tap = Tap { untold: true, ..Tap::default() };
        !listen(&tap, prompt, ECHOES[1], (&[], 0)).is_empty()
    });
    assert!(untold.count() >= 8);
    let long: Vec<_> = prompts.iter().filter(|(_, p, _)| p.ms() > 4000).take(8).collect();
    let callers: Vec<_> = prompts.iter().filter(|(_, p, _)| p.ms() < 3000).step_by(5).take(5).collect();
    assert!(long.len() >= 8 && callers.len() >= 5, "{} {}", long.len(), callers.len());
    for (quieter_db, latest_ms) in [(0.0f32, 200), (-8.0, 400)] {
        let (mut late, mut all) = (0, 0);
        for (text, prompt, _) in &long {
            for (said, _, samples) in &callers {
                let gain = 10f32.powf(quieter_db / 20.0);
                let voice: Vec<i16> = samples.iter().map(|s| (f32::from(*s) * gain) as i16).collect();
                let onset = voice.iter().position(|s| s.abs() > 600).unwrap();
                let heard = call(prompt, ECHOES[all % 3], (&voice, 12_000));
                let began = Now((12_000 + onset as u64) * 125);
                let Some(Heard::Started { known, .. }) = heard.first() else {
                    panic!("{quieter_db} dB: \"{said}\" over \"{text}\" is not heard")
                };
                assert!(known.0 + 60_000 >= began.0, "\"{said}\" is heard before it is said over \"{text}\"");
                all += 1;
                late += usize::from(known.since(began) > Duration::from_millis(latest_ms));
            }
        }
        eprintln!("{quieter_db} dB: {late} of {all} heard later than {latest_ms} ms");
        assert!(late * 10 <= all, "{quieter_db} dB: {late} of {all} are heard later than {latest_ms} ms");
    }
}
