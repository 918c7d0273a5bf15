//! baresip as an independent phone: headless, driven over its ctrl_tcp module (netstrings of JSON).
//!
//! It sends noise that lies on the µ-law grid, so that a frame which crossed the server without being re-coded can be
//! found bit for bit in what the other side recorded.

use super::server::{Server, have, record, wait_for};
use super::sipp::free_port;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use trunkline::base::Codec;
use trunkline::call::{Cdr, Result};

/// The number of who does not register.
const CALLER: &str = "13800000001";
/// Samples in a 20 ms frame.
const FRAME: usize = 160;
/// Seconds of noise: longer than any test.
const NOISE_S: usize = 60;

/// One phone.
pub(crate) struct Baresip {
    child: Child,
    control: TcpStream,
    folder: PathBuf,
    /// What it has said, as far as nobody has waited for it: octets of less than a message, and messages.
    said: RefCell<(Vec<u8>, Vec<String>)>,
    commands: Cell<u32>,
    source: Vec<i16>,
}

/// The module and the account's parameter for baresip's `mediaenc`; empty for none.
fn encrypting(how: &str) -> (&'static str, String) {
    ("module srtp.so", if how.is_empty() { String::new() } else { format!(";mediaenc={how}") })
}

fn folder_of(server: &Server, name: &str) -> PathBuf {
    let folder = server.folder.join(name);
    fs::create_dir_all(folder.join("rec")).unwrap();
    folder
}

fn tone(path: &Path, hz: u32) -> Vec<i16> {
    let phase = |i: u32| std::f32::consts::TAU * (i * hz % 8000) as f32 / 8000.0;
    let samples: Vec<i16> = (0..8000 * NOISE_S as u32).map(|i| (8000.0 * phase(i).sin()) as i16).collect();
    write(path, &samples);
    samples
}

fn noise(path: &Path, seed: u64) -> Vec<i16> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut octets: Vec<u8> = (0..8000 * NOISE_S).map(|_| rng.u8(..)).collect();
    // Codes of the lower segments only: noise at a comfortable level. And no zero, which baresip decodes as 2.
    octets.iter_mut().for_each(|o| *o |= 0x30);
    octets.iter_mut().for_each(|o| *o = if *o & 0x7f == 0x7f { *o ^ 0x01 } else { *o });
    let mut samples = vec![0; octets.len()];
    trunkline::codec::decode(Codec::Pcmu, &octets, &mut samples);
    write(path, &samples);
    samples
}

fn write(path: &Path, samples: &[i16]) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    samples.iter().for_each(|s| writer.write_sample(*s).unwrap());
    writer.finalize().unwrap();
}

impl Baresip {
    /// Starts a phone; with `user` it registers as that agent.
    pub(crate) fn start(server: &Server, name: &str, user: Option<&str>) -> Baresip {
        Baresip::start_over(server, name, user, &server.sip.to_string(), "")
    }

    /// The same with another registrar than the server's first address (`host:port;transport=tcp`), and more lines for its
    /// configuration.
    pub(crate) fn start_over(
        server: &Server,
        name: &str,
        user: Option<&str>,
        registrar: &str,
        more: &str,
    ) -> Baresip {
        let source = noise(&folder_of(server, name).join("noise.wav"), name.len() as u64);
        Baresip::start_saying(server, name, user, registrar, more, "", source)
    }

    /// A phone that speaks `codec` alone and says a tone of `hz`.
    pub(crate) fn start_in(
        server: &Server,
        name: &str,
        user: Option<&str>,
        codec: Codec,
        hz: u32,
    ) -> Baresip {
        let source = tone(&folder_of(server, name).join("noise.wav"), hz);
        let (module, account) = match codec {
            Codec::Pcmu => ("", "PCMU/8000/1"),
            Codec::Pcma => ("", "PCMA/8000/1"),
            Codec::G722 => ("module g722.so", "G722/16000/1"),
            Codec::Opus => ("module opus.so", "opus/48000/2"),
        };
        let account = format!(";audio_codecs={account}");
        Baresip::start_saying(server, name, user, &server.sip.to_string(), module, &account, source)
    }

    /// A phone that encrypts as `how` says (baresip's `mediaenc`); empty for not.
    pub(crate) fn start_encrypting(server: &Server, name: &str, user: Option<&str>, how: &str) -> Baresip {
        let source = noise(&folder_of(server, name).join("noise.wav"), name.len() as u64);
        let (module, account) = encrypting(how);
        Baresip::start_saying(server, name, user, &server.sip.to_string(), module, &account, source)
    }

    /// The same, saying what is in the WAV file `says`: 8 kHz, one channel.
    pub(crate) fn start_probing(
        server: &Server,
        name: &str,
        user: Option<&str>,
        how: &str,
        says: &Path,
    ) -> Baresip {
        let source: Vec<i16> = hound::WavReader::open(says).unwrap().samples().map(|s| s.unwrap()).collect();
        write(&folder_of(server, name).join("noise.wav"), &source);
        let (module, account) = encrypting(how);
        Baresip::start_saying(server, name, user, &server.sip.to_string(), module, &account, source)
    }

    fn start_saying(
        server: &Server,
        name: &str,
        user: Option<&str>,
        registrar: &str,
        more: &str,
        account: &str,
        source: Vec<i16>,
    ) -> Baresip {
        let folder = folder_of(server, name);
        let (control_port, sip_port) = (free_port(), free_port());
        let at = folder.display();
        let config = format!(
            "poll_method epoll\nsip_listen 127.0.0.1:{sip_port}\ncall_local_timeout 120\ncall_max_calls 4\n\
             audio_player aubridge,play{name}\naudio_source aufile,{at}/noise.wav\naudio_alert aubridge,alert{name}\n\
             ausrc_srate 8000\nauplay_srate 8000\nausrc_channels 1\nauplay_channels 1\naudio_level no\n\
             ausrc_format s16\nauplay_format s16\nauenc_format s16\naudec_format s16\n\
             jitter_buffer_delay 2-10\nrtp_ports 10000-19998\nnet_interface 127.0.0.1\nmodule_path /usr/lib/baresip/modules\n\
             module g711.so\nmodule sndfile.so\nmodule aufile.so\nmodule aubridge.so\nmodule_tmp uuid.so\n\
             module_tmp account.so\nmodule_app menu.so\nmodule_app ctrl_tcp.so\n\
             ctrl_tcp_listen 127.0.0.1:{control_port}\nsnd_path {at}/rec\nstatmode_default off\n{more}\n"
        );
        fs::write(folder.join("config"), config).unwrap();
        let account = match user {
            Some(user) => {
                format!("<sip:{user}@{registrar}>;auth_pass={};regint=300{account}\n", server.password(user))
            }
            None => format!("<sip:{CALLER}@{registrar}>;regint=0{account}\n"),
        };
        fs::write(folder.join("accounts"), account).unwrap();
        fs::write(folder.join("contacts"), "").unwrap();
        let log = fs::File::create(folder.join("log")).unwrap();
        let child = Command::new("baresip")
            .args(["-4", "-f"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let control = wait_for("baresip's control port", Duration::from_secs(8), || {
            TcpStream::connect(("127.0.0.1", control_port)).ok()
        });
        control.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        Baresip { child, control, folder, said: RefCell::default(), commands: Cell::new(0), source }
    }

    /// Sends one command and waits for the answer to it.
    pub(crate) fn command(&self, command: &str, params: &str) -> String {
        self.commands.set(self.commands.get() + 1);
        let token = format!("\"token\":\"t{}\"", self.commands.get());
        let json = format!("{{\"command\":\"{command}\",\"params\":\"{params}\",{token}}}");
        (&self.control).write_all(format!("{}:{json},", json.len()).as_bytes()).unwrap();
        self.said(&format!("answer to {command}"), &token)
    }

    pub(crate) fn dial(&self, uri: &str) {
        let answer = self.command("dial", uri);
        assert!(answer.contains("\"ok\":true"), "{answer}");
    }

    /// Calls a line and, when that speaks, chooses what key 1 is for.
    pub(crate) fn choose(&self, server: &Server, uri: &str) {
        self.dial(uri);
        server.wait_log("Saying");
        self.key('1');
    }

    /// Presses a key (RFC 4733).
    pub(crate) fn key(&self, key: char) {
        self.command("sndcode", &key.to_string());
    }

    /// Waits for an event such as `CALL_ESTABLISHED`.
    pub(crate) fn wait_event(&self, event: &str) {
        self.said(event, event);
    }

    /// The first message that holds `part`; what else is said meanwhile is kept for whoever waits for it.
    fn said(&self, what: &str, part: &str) -> String {
        let mut said = self.said.borrow_mut();
        let (octets, messages) = &mut *said;
        wait_for(&format!("{what} of baresip"), Duration::from_secs(15), || {
            let mut more = [0; 4096];
            if let Ok(n) = (&self.control).read(&mut more) {
                octets.extend(&more[..n]);
            }
            // A netstring: length, colon, that many octets, comma.
            while let Some(colon) = octets.iter().position(|o| *o == b':') {
                let length: usize = std::str::from_utf8(&octets[..colon]).unwrap().parse().unwrap();
                if octets.len() < colon + length + 2 {
                    break;
                }
                let message = octets.drain(..colon + length + 2).skip(colon + 1).take(length).collect();
                messages.push(String::from_utf8(message).unwrap());
            }
            let at = messages.iter().position(|m| m.contains(part))?;
            Some(messages.remove(at))
        })
    }

    /// Ends the phone and asserts that it heard a tone of `hz` for most of the last seconds, and hardly anything else.
    pub(crate) fn heard_tone(self, hz: u32) {
        let folder = self.folder.clone();
        let name = folder.file_name().unwrap().display().to_string();
        self.finish();
        let file = decoded(&folder);
        let (channels, rate) = {
            let octets = fs::read(&file).unwrap();
            (u32::from(octets[22]), u32::from_le_bytes(octets[24..28].try_into().unwrap()))
        };
        let samples: Vec<f32> = pcm(&file).iter().step_by(channels as usize).map(|s| f32::from(*s)).collect();
        // Tenths of a second of the last five, without the very last.
        let tenth = rate as usize / 10;
        let last = &samples[samples.len().saturating_sub(53 * tenth)..samples.len() - 3 * tenth];
        let share = |piece: &[f32]| {
            let (mut re, mut im, mut all) = (0.0, 0.0, 1.0);
            for (i, s) in piece.iter().enumerate() {
                let phase = std::f32::consts::TAU * (i as u32 * hz % rate) as f32 / rate as f32;
                (re, im, all) = (re + s * phase.cos(), im + s * phase.sin(), all + s * s);
            }
            2.0 * (re * re + im * im) / all / piece.len() as f32
        };
        let good = last.chunks_exact(tenth).filter(|p| share(p) > 0.9).count();
        eprintln!("{name} heard the tone of {hz} Hz in {good} of 50 tenths of a second, at {rate} Hz");
        assert!(good >= 45, "{name} heard the tone in {good} of 50 tenths of a second");
    }

    /// Ends the phone and gives what it sent and what it heard.
    fn finish(mut self) -> (Vec<i16>, Vec<i16>) {
        self.command("quit", "");
        let _ = wait_for("baresip to end", Duration::from_secs(5), || self.child.try_wait().ok().flatten());
        (std::mem::take(&mut self.source), pcm(&decoded(&self.folder)))
    }
}

impl Drop for Baresip {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            eprintln!("--- baresip in {}\n{log}", self.folder.display());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The recording of what the phone in this folder heard.
fn decoded(folder: &Path) -> PathBuf {
    let all = fs::read_dir(folder.join("rec")).unwrap().flatten().map(|e| e.path());
    let heard = all.into_iter().find(|p| p.display().to_string().ends_with("dec.wav"));
    heard.expect("baresip records what it hears")
}

/// Samples of a WAV file whose header is not complete.
fn pcm(file: &Path) -> Vec<i16> {
    let octets = fs::read(file).unwrap();
    octets[44..].as_chunks().0.iter().map(|two| i16::from_le_bytes(*two)).collect()
}

/// Frames of `heard` that are bit for bit somewhere in `sent`.
fn exact_frames(sent: &[i16], heard: &[i16]) -> usize {
    let mut places: HashMap<&[i16], usize> = HashMap::new();
    for at in 0..sent.len() - FRAME {
        places.insert(&sent[at..at + 12], at);
    }
    heard
        .chunks_exact(FRAME)
        .filter(|frame| places.get(&frame[..12]).is_some_and(|at| sent[*at..*at + FRAME] == **frame))
        .count()
}

/// The caller chooses by key, agent 1001 answers, and they talk for 6 s; gives the record.
pub(crate) fn conversation(server: &Server, caller: &Baresip, agent: &Baresip) -> Cdr {
    caller.choose(server, &format!("sip:12345@{}", server.sip));
    agent.wait_event("CALL_INCOMING");
    agent.command("accept", "");
    server.wait_log("Bridged");
    std::thread::sleep(Duration::from_secs(6));
    caller.command("hangup", "");
    let cdr = record(server);
    assert_eq!((cdr.result, cdr.agent.as_deref()), (Result::Connected, Some("1001")));
    assert_eq!(cdr.turns.len(), 1, "the key that chose was heard once");
    cdr
}

/// Asserts that most of what each heard during about 6 s of talk is bit for bit what the other sent.
pub(crate) fn hear_each_other(caller: Baresip, agent: Baresip) {
    let (caller_sent, caller_heard) = caller.finish();
    let (agent_sent, agent_heard) = agent.finish();
    for (who, sent, heard) in
        [("the agent", &caller_sent, &agent_heard), ("the caller", &agent_sent, &caller_heard)]
    {
        let exact = exact_frames(sent, heard);
        eprintln!("{who} heard {exact} bit-exact frames of {}", heard.len() / FRAME);
        assert!(exact > 250, "{who} heard only {exact} bit-exact frames of the other");
    }
}

/// Ends both phones, and has the shared `path_check.py` compare what the agent heard with what the caller said: frames in all, bit-exact
/// ones, and by how many samples those are shifted, which is once for a path without gap or repeat. `None` without Python and
/// numpy.
pub(crate) fn path_check(tool: &Path, caller: Baresip, agent: Baresip) -> Option<(usize, usize, Vec<i64>)> {
    let folder = agent.folder.clone();
    let (sent, _) = caller.finish();
    let (_, heard) = agent.finish();
    let [said, heard_as] = ["said.wav", "heard.wav"].map(|name| folder.join(name));
    write(&said, &sent);
    write(&heard_as, &heard);
    let out = Command::new("python3").arg(tool).args([&said, &heard_as]).arg("none").output().ok()?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    eprintln!("path_check.py: {}", text.trim());
    if !out.status.success() {
        eprintln!("skipped: {}", String::from_utf8_lossy(&out.stderr).lines().last().unwrap_or_default());
        return None;
    }
    let after =
        |what: &str| text.split(what).nth(1).unwrap().split_whitespace().next().unwrap().parse().unwrap();
    let list = text.split('[').nth(1).unwrap().split(']').next().unwrap();
    let offsets = list.split(", ").filter_map(|n| n.parse().ok()).collect();
    Some((after("frames "), after("bit-exact "), offsets))
}

/// One after the other: eight phones that start at once find each other's ports taken.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// True if baresip can call; says so in one line if not.
pub(crate) fn have_baresip() -> bool {
    have("baresip", "baresip-core") && have("espeak-ng", "espeak-ng")
}
