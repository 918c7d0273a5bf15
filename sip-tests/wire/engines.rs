//! Engines on other machines, engines that die, and voices that cannot be used: the sentence is heard all the same, the text is spoken
//! all the same.

use super::server::{Server, have, record, wait_for};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_tungstenite::tungstenite::{self, Message, handshake::server};
use trunkline::asr::Dialect;
use trunkline::call::Moment;
use trunkline::drive::speaker::{Manner, Speaker};
use trunkline::ivr::Understood;

fn send(signal: &str, pid: &str) {
    assert!(Command::new("kill").args([signal, pid]).status().unwrap().success());
}

/// A process of ours that runs this hidden subcommand for this file.
fn worker(of: &str, file: &Path) -> Option<String> {
    let wanted = format!("{of}\0{}\0", file.display());
    std::fs::read_dir("/proc").unwrap().flatten().find_map(|entry| {
        let line = std::fs::read_to_string(entry.path().join("cmdline")).ok()?;
        line.ends_with(&wanted).then(|| entry.file_name().to_string_lossy().into_owned())
    })
}

#[test]
fn a_recogniser_killed_in_mid_sentence_costs_nothing_but_time() {
    if !have("espeak-ng", "espeak-ng") {
        return;
    }
    let server = Server::start(&[]);
    let pid = server.recogniser();
    let address = format!("sip:12345@{}", server.sip);
    std::thread::scope(|scope| {
        scope.spawn(|| server.command(&["call", &address, "--say", "我要投诉噪音", "--stay", "2", "--json"]));
        server.wait_log("SpeechStarted");
        // It takes the sentence and says nothing any more; then it is gone, with the sentence half heard.
        send("-STOP", &pid);
        server.wait_log("SpeechEnded");
        std::thread::sleep(Duration::from_millis(300));
        assert!(!server.log().contains("Heard"), "it was stopped in time");
        send("-KILL", &pid);
    });
    assert!(server.log().contains("recogniser broke off"), "{}", server.log());
    let cdr = record(&server);
    let heard: Vec<_> = cdr.turns.iter().map(|t| t.turn.intent.as_deref()).collect();
    assert_eq!((heard, cdr.queue.as_deref()), (vec![Some("noise")], Some("city-general")), "{:?}", cdr.turns);
}

#[test]
fn callers_beyond_what_can_be_listened_to_are_led_by_keypad_and_the_next_is_heard_at_once() {
    if !have("espeak-ng", "espeak-ng") {
        return;
    }
    const CALLERS: usize = 12;
    let server = Server::start(&[]);
    let (pid, address) = (server.recogniser(), format!("sip:12345@{}", server.sip));
    let says = ["call", &address, "--after", "1", "--say", "我要投诉噪音", "--stay", "7", "--json"];
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(|| server.command(&says))).collect();
        // It works for 20 ms in every 400: a sentence takes it a second.
        while !callers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            send("-STOP", &pid);
            std::thread::sleep(Duration::from_millis(380));
            send("-CONT", &pid);
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let all = server.records(CALLERS);
    let of = |what| all.iter().filter(|c| c.turns.iter().any(|t| t.turn.understood == what)).count();
    let refused = of(Understood::Unavailable);
    assert!((1..CALLERS).contains(&refused), "{refused} of {CALLERS} were asked to use the keys");
    for cdr in &all {
        assert!(!cdr.turns.is_empty(), "nobody is left without an answer: {:?}", cdr.moments);
        assert!(cdr.legs.iter().all(|leg| leg.stats.sent > 250), "nor in silence: {:?}", cdr.legs);
    }
    server.assert_idle();
    server.command(&says);
    let next = server.records(CALLERS + 1).remove(CALLERS);
    assert_eq!(next.turns[0].turn.intent.as_deref(), Some("noise"));
    assert!(next.turns[0].recognise_ms.is_some_and(|ms| ms < 1000), "{:?}", next.turns[0]);
}

/// A folder of models whose one voice is a hum; `name` makes it this test's own.
fn hum(name: &str) -> (PathBuf, PathBuf) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let models = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    std::fs::create_dir_all(models.join("voices")).unwrap();
    for ending in ["onnx", "onnx.json"] {
        let file = format!("hum.{ending}");
        std::fs::copy(root.join("sip-tests/voices").join(&file), models.join("voices").join(&file)).unwrap();
    }
    let voice = models.join("voices/hum.onnx");
    (models, voice)
}

#[test]
fn a_voice_speaks_as_long_as_it_was_told_to_and_is_there_again_after_it_was_killed() {
    if !have("espeak-ng", "espeak-ng") {
        return;
    }
    let (models, voice) = hum("killed");
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_trunkline"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let speaker = Speaker::new(binary, voice.clone(), Manner::default());
        let first = speaker.speak("Hello there.", false).await.unwrap();
        let two = speaker.speak("Hello there. Hello there.", false).await.unwrap();
        assert!(first.len() > 800, "{} samples", first.len());
        assert_eq!(two.len(), 2 * first.len() + 1200, "150 ms between two sentences");
        send("-KILL", &worker("speak-worker", &voice).unwrap());
        assert!(speaker.speak("Hello there.", false).await.is_err(), "what it was saying is lost");
        tokio::time::sleep(Duration::from_millis(1100)).await;
        assert_eq!(speaker.speak("Hello there.", false).await.unwrap(), first);
    });
    let _ = std::fs::remove_dir_all(models);
}

#[test]
fn a_server_tells_callers_from_noise_by_the_operators_detector_and_by_its_own_when_that_is_damaged() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let models = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("detector-{}", std::process::id()));
    std::fs::create_dir_all(&models).unwrap();
    let detector = models.join("silero_vad.onnx");
    std::fs::copy(root.join("sip-tests/voices/mean.onnx"), &detector).unwrap();
    let said = "told from noise by Silero's detector";
    let server = Server::start_with(&[], &models);
    assert!(server.greeting().contains(said), "{}", server.greeting());
    drop(server);
    std::fs::write(&detector, b"no network").unwrap();
    let server = Server::start_with(&[], &models);
    assert!(!server.greeting().contains(said), "{}", server.greeting());
    let log = server.log();
    assert!(log.contains("by trunkline's own detector") && log.contains("silero_vad.onnx: "), "{log}");
    let _ = std::fs::remove_dir_all(models);
}

#[test]
fn a_server_speaks_with_a_voice_and_without_it_when_it_is_damaged() {
    if !have("espeak-ng", "espeak-ng") {
        return;
    }
    let (models, voice) = hum("damaged");
    let says = |server: &Server| {
        assert!(server.greeting().contains("speaks   en with hum.onnx"), "{}", server.greeting());
        let address = format!("sip:95500@{}", server.sip);
        server.command(&["call", &address, "--stay", "2", "--json"]);
        let cdr = record(server);
        assert!(!cdr.moments.is_empty() && cdr.legs.iter().all(|leg| leg.stats.sent > 50), "{:?}", cdr.legs);
    };
    says(&Server::start_with(&[], &models));
    let whole = std::fs::read(&voice).unwrap();
    std::fs::write(&voice, &whole[..whole.len() / 2]).unwrap();
    let server = Server::start_with(&[], &models);
    says(&server);
    wait_for("the log to say so", Duration::from_secs(5), || {
        server.log().contains("espeak-ng speaks in place of a voice").then_some(())
    });
    drop(server);
    // What can be seen before it speaks is said at once.
    std::fs::remove_file(voice.with_extension("onnx.json")).unwrap();
    let server = Server::start_with(&[], &models);
    assert!(!server.greeting().contains("speaks   en"), "{}", server.greeting());
    assert!(server.log().contains("a voice is not used"), "{}", server.log());
    let _ = std::fs::remove_dir_all(models);
}

/// An engine server that takes down one thing whatever is said, in its dialect; as a server of that kind it insists on what clients must
/// do. Gives its port, how many sentences it has had, and in how many parts the one of most came. The first is answered late.
fn engine(dialect: Dialect, text: &'static str) -> (u16, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (count, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (had, longest) = (count.clone(), most.clone());
    // Ends with the test's process: its connections are the server's, which ends with the test.
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            #[allow(clippy::result_large_err, reason = "tungstenite's signature")]
            let sub_protocol = |request: &server::Request, mut response: server::Response| {
                if let Some(offered) = request.headers().get("Sec-WebSocket-Protocol") {
                    response.headers_mut().insert("Sec-WebSocket-Protocol", offered.clone());
                } else if dialect == Dialect::Funasr {
                    panic!("FunASR's server refuses who does not offer its sub-protocol");
                }
                Ok(response)
            };
            let Ok(mut socket) = tungstenite::accept_hdr(stream, sub_protocol) else { continue };
            let (mut octets, mut parts) = (0, 0);
            loop {
                let say = |socket: &mut tungstenite::WebSocket<_>, text: String| {
                    socket.send(Message::text(text)).unwrap();
                };
                match socket.read() {
                    Ok(Message::Binary(audio)) => {
                        octets += audio.len();
                        parts += 1;
                        match dialect {
                            Dialect::Vosk => say(&mut socket, r#"{"partial": "…"}"#.into()),
                            Dialect::SherpaOnnx => say(&mut socket, r#"{"text": "…", "segment": 0}"#.into()),
                            _ => {}
                        }
                    }
                    Ok(Message::Text(t)) if t.contains("rate") || t.contains("audio_fs") => {
                        assert_eq!(octets, 0);
                    }
                    Ok(Message::Text(_)) => {
                        // A second at least: 8 kHz of 16 bits, or 16 kHz of 32.
                        assert!(
                            octets > if dialect == Dialect::SherpaOnnx { 64_000 } else { 16_000 },
                            "{octets}"
                        );
                        longest.fetch_max(parts, Relaxed);
                        if had.fetch_add(1, Relaxed) == 0 && dialect == Dialect::Trunkline {
                            std::thread::sleep(Duration::from_secs(3));
                        }
                        let mode = if dialect == Dialect::Funasr { r#""mode":"offline","# } else { "" };
                        let _ =
                            socket.send(Message::text(format!(r#"{{{mode}"text":"{text}","segment":0}}"#)));
                        if dialect == Dialect::SherpaOnnx {
                            say(&mut socket, "Done!".into());
                        }
                    }
                    Ok(Message::Close(_)) | Err(_) => break,
                    Ok(_) => {}
                }
            }
        }
    });
    (port, count, most)
}

/// A server that listens to Mandarin at this engine, and what it made of a caller who said "I want to complain about noise".
fn heard_by(dialect: &str, port: u16) -> Vec<Option<String>> {
    let section = format!(
        "[[speech.engine]]\nurl = \"ws://127.0.0.1:{port}\"\ndialect = \"{dialect}\"\nlangs = [\"zh\"]\n\n[record]"
    );
    let server = Server::start(&[("[record]", &section)]);
    assert!(
        server.greeting().contains(&format!("listens  to zh at ws://127.0.0.1:{port}")),
        "{}",
        server.greeting()
    );
    let address = format!("sip:12345@{}", server.sip);
    server.command(&["call", &address, "--say", "我要投诉噪音", "--stay", "2", "--json"]);
    record(&server).turns.into_iter().map(|t| t.turn.intent).collect()
}

#[test]
fn engine_servers_of_each_kind_are_asked_first_and_who_is_late_or_gone_costs_no_sentence() {
    if !have("espeak-ng", "espeak-ng") {
        return;
    }
    let intent = |name: &str| vec![Some(name.to_owned())];
    for (name, dialect) in
        [("vosk", Dialect::Vosk), ("funasr", Dialect::Funasr), ("sherpa-onnx", Dialect::SherpaOnnx)]
    {
        let (port, count, most) = engine(dialect, "我家停水了");
        assert_eq!((heard_by(name, port), count.load(Relaxed) > 0), (intent("water"), true), "{name}");
        // More than a second of speech, a fifth of one in each.
        assert!(most.load(Relaxed) > 3, "{name}: it came while it was spoken");
    }
    // One that answers too late, and one that is not there: what was really said is heard here.
    let (port, count, _) = engine(Dialect::Trunkline, "我家停水了");
    assert_eq!((heard_by("trunkline", port), count.load(Relaxed)), (intent("noise"), 1));
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_eq!(heard_by("trunkline", gone), intent("noise"));
}

/// A voice server that hums whatever it is asked, and the sentence "Is that right?" only after `late`. Gives its port, and what it was
/// asked.
fn hummer(late: Duration) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, texts) = (listener.local_addr().unwrap().port(), Arc::<Mutex<Vec<String>>>::default());
    let asked = texts.clone();
    // Ends with the test's process: its connections are the server's, which ends with the test.
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let asked = asked.clone();
            std::thread::spawn(move || {
                let Ok(mut socket) = tungstenite::accept(stream) else { return };
                let Ok(Message::Text(wish)) = socket.read() else { return };
                if wish.contains(r#""text":"Is that right?""#) {
                    std::thread::sleep(late);
                }
                asked.lock().unwrap().push(wish.to_string());
                // Half a second of 200 Hz.
                let wave = |n: i16| if n % 40 < 20 { 4000i16 } else { -4000 };
                let hum: Vec<u8> = (0..4000).flat_map(|n| wave(n).to_le_bytes()).collect();
                let _ = socket.send(Message::binary(hum));
                let _ = socket.send(Message::text(r#"{"end":true}"#));
                while socket.read().is_ok() {}
            });
        }
    });
    (port, texts)
}

#[test]
fn the_first_sound_of_an_answer_does_not_wait_for_its_last_sentence() {
    if !have("espeak-ng", "espeak-ng") {
        return;
    }
    let late = Duration::from_secs(3);
    let (port, asked) = hummer(late);
    let voice = format!("[[speech.voice]]\nlang = \"en\"\nurl = \"ws://127.0.0.1:{port}\"\n\n[record]");
    let server = Server::start_without_model(&[("[record]", &voice)]);
    let keys = ["9", "50#", "12345678"];
    let mut steps: Vec<&str> = keys.iter().flat_map(|k| ["--after", "2", "--dtmf", k]).collect();
    steps.extend(["--after", "8", "--dtmf", "1", "--stay", "2"]);
    let address = format!("sip:95500@{}", server.sip);
    let told = server.command(&[&["call", &address, "--json"], &steps[..]].concat());
    let cdr = record(&server);
    assert_eq!(cdr.queue.as_deref(), Some("bank-service"), "{told}\n{:?}", cdr.turns);
    let read_back = cdr.moments.iter().position(
        |m| matches!(&m.moment, Moment::Saying { text, .. } if text.contains("seven eight. Is that right?")),
    );
    let read_back = read_back.unwrap_or_else(|| panic!("it is not read back: {:?}", cdr.moments));
    let given = cdr.moments[..read_back].iter().rfind(|m| matches!(m.moment, Moment::Heard { .. })).unwrap();
    let waited = cdr.moments[read_back].ms - given.ms;
    assert!(u128::from(waited) < late.as_millis() - 500, "{waited} ms\n{:?}", cdr.moments);
    let asked = asked.lock().unwrap();
    let nth = |what: &str| asked.iter().position(|text| text.contains(what));
    assert!(nth("seven eight.").is_some() && nth("seven eight.") < nth("\"Is that right?\""), "{asked:?}");
    assert!(!server.log().contains("speaks in place of a voice"), "{}", server.log());
}
