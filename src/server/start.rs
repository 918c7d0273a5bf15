//! The order of start: the configuration first, then what can fail, then what others see.

use super::reload::Beside;
use super::{Options, Ready, Server, listeners};
use crate::acd::{AcdEvent, Figures};
use crate::base::{Epoch, Now, Pii, Secret};
use crate::call::{Answers, Switch, SwitchConfig};
use crate::config::{Config, PacketIo};
use crate::drive::control::Control;
use crate::drive::http::Services;
use crate::drive::listen::EarKind;
use crate::drive::media::{Backend, Cores, MediaConfig, MediaPlane};
use crate::drive::recogniser::{Recognised, Recognisers};
use crate::drive::silero::{self, Silero};
use crate::drive::store::{self, Row};
use crate::drive::tickets::Tickets;
use crate::drive::voice::Voice;
use crate::drive::{encoder, files, models, voices};
use crate::limits::SIP_TRACE_OCTETS_MAX;
use crate::nlu::Encoder;
use crate::sip::Listener;
use crate::{sip, tts};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::mpsc;
use tracing::{info, warn};

/// Figures are kept by intervals of this length; half-hours are two of them.
const INTERVAL: Duration = Duration::from_secs(15 * 60);

impl Server {
    /// Starts everything. Must run on a current-thread tokio runtime.
    ///
    /// # Errors
    /// Says what could not be started, and what to do.
    pub async fn start(options: Options) -> Result<(Server, Ready), String> {
        let (config, encoder) = load(&options)?;
        let data = options.data.clone().unwrap_or_else(|| files::data_dir(&options.config, &config));
        let (recordings, messages) = (folder(&data, "recordings")?, folder(&data, "messages")?);
        let control = Control::listen(&data).await.map_err(|e| e.to_string())?;
        let accounts = files::passwords(&data, &config)?;
        let (store, first_call) =
            store::Writer::open(&data).map_err(|e| format!("{}: {e}", store::file(&data).display()))?;
        let figures = figures_so_far(&data, &store);
        let began = Instant::now();
        let material = files::tls(&options.config, &config)?;
        let (sockets, bound, port_taken) = listeners::listen(&config, options.port, material).await?;
        let media = media(&options, &config, began);
        let (backend, tells_noise) = (media.backend, media.ears.silero.is_some());
        let (media, reports) = MediaPlane::start(&media).map_err(|e| format!("media plane: {e}"))?;
        info!("audio goes by {backend}");
        let (model, no_model) = model(&options, &config);
        let (recognisers, recognised) = recognisers(&options, &config, model.as_ref(), encoder.as_ref());
        let (speakers, problems) = voices::speakers(&options.models, &options.binary, &config.server.voices);
        for why in problems {
            warn!("a voice is not used: {why}");
        }
        let speaks = speakers.iter().map(|(lang, speaker)| (*lang, speaker.name().to_owned())).collect();
        let (voice, rendered) = Voice::new(Some(data.join("prompts")), speakers);
        let (services, looked_up) = Services::new();
        let tickets = Tickets::start(&data, files::webhooks(&config))?;
        let mut endpoint = endpoint(&config, accounts, listeners::told(&bound, &config))?;
        let epoch = epoch(began);
        endpoint.take_up_bans(store::bans(&data), epoch);
        let with = SwitchConfig {
            config: config.clone(),
            epoch,
            first_call,
            kept: store::kept(&data),
            listens: recognisers.is_some(),
            music: Arc::new(tts::prompt(&tts::music())),
            tone: Arc::new(tts::prompt(&tts::tone())),
            voicemail: Some(messages),
            recordings: config.server.record_calls.then_some(recordings),
            secret: Secret::new(random()?),
        };
        let mut out = Vec::new();
        let switch = Switch::new(Now(0), with, &mut out);
        let ready = Ready {
            sip: sockets.listeners().to_vec(),
            port_taken,
            backend,
            data: data.clone(),
            model: model.map(|m| m.path),
            no_model,
            encodes: encoder.is_some(),
            tells_noise,
            speaks,
            config: config.clone(),
        };
        let server = Server {
            uid: files::uid(&data),
            options,
            data,
            began,
            sockets,
            bound,
            endpoint,
            switch,
            media,
            reports,
            recognisers,
            recognised,
            voice,
            rendered,
            services,
            looked_up,
            tickets,
            store,
            control,
            config,
            encoder,
            reloading: Beside::default(),
            work: out.into(),
            figures,
            uncounted: 0,
            answers: Answers::default(),
            refused: None,
            keep_at: None,
            bans_changed: false,
            stop_by: None,
        };
        Ok((server, ready))
    }
}

/// A sentence encoder, if there is one.
type Understanding = Option<Arc<dyn Encoder>>;

/// The dialplans, and the sentence encoder that their lines understand with.
fn load(options: &Options) -> Result<(Arc<Config>, Understanding), String> {
    let mut config = files::load(&options.config)?;
    files::fill(&options.config, &mut config)?;
    // A line that understands by words alone is better than none.
    let encoder = encoder::find(&options.models).unwrap_or_else(|why| {
        warn!("no sentence encoder: {why}");
        None
    });
    encoder.iter().for_each(|encoder| config.understand_with(encoder));
    for warning in &config.warnings {
        warn!("{warning}");
    }
    Ok((Arc::new(config), encoder))
}

/// The wall clock at `began`.
fn epoch(began: Instant) -> Epoch {
    let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let at = unix.saturating_sub(began.elapsed());
    Epoch { unix_ms: u64::try_from(at.as_millis()).unwrap_or(0) }
}

/// A folder in the data folder, made if it is not there.
fn folder(data: &Path, name: &str) -> Result<PathBuf, String> {
    let folder = data.join(name);
    std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    Ok(folder)
}

/// How packets are to go to and from the kernel, and what it allows.
fn backend(wish: PacketIo) -> Backend {
    let works = match wish {
        PacketIo::Sockets => return Backend::Batched,
        PacketIo::Auto | PacketIo::IoUring => Backend::Uring.works(),
    };
    match works {
        Ok(()) => return Backend::Uring,
        Err(why) if wish == PacketIo::IoUring => {
            warn!("io_uring cannot be used, audio goes by sockets: {why}");
        }
        Err(why) => info!("io_uring cannot be used: {why}"),
    }
    Backend::Batched
}

fn media(options: &Options, config: &Config, epoch: Instant) -> MediaConfig {
    let loaded = silero::find(&options.models).map(|file| Silero::load(&file)).transpose();
    let silero = loaded.unwrap_or_else(|why| {
        warn!("callers are told from noise by trunkline's own detector: {why}");
        None
    });
    MediaConfig {
        workers: config.server.media_workers.unwrap_or_else(|| num_cpus().div_ceil(2)),
        ports: config.server.media_ports.clone(),
        epoch,
        backend: backend(config.server.media_io),
        ears: EarKind {
            hangover: config.server.hangover,
            tells: !config.server.engines.is_empty(),
            silero: silero.map(Arc::new),
        },
        cores: if config.server.media_awake { Cores::Awake } else { Cores::Own },
    }
}

/// The model that listens, or why none does.
fn model(options: &Options, config: &Config) -> (Option<models::Model>, Option<String>) {
    match models::find(&options.models, config.server.model.as_deref()) {
        Ok(Some(model)) => (Some(model).filter(|_| config.server.recognisers > 0), None),
        Ok(None) => (None, Some(format!("{} holds no model", options.models.display()))),
        Err(why) => (None, Some(why)),
    }
}

/// Those that listen, here and on other machines, and what they hear.
fn recognisers(
    options: &Options,
    config: &Config,
    model: Option<&models::Model>,
    encoder: Option<&Arc<dyn Encoder>>,
) -> (Option<Arc<Recognisers>>, mpsc::UnboundedReceiver<Recognised>) {
    let (count, servers) = (config.server.recognisers, &config.server.engines);
    if model.is_none() && servers.is_empty() {
        return (None, mpsc::unbounded_channel().1);
    }
    let (pool, heard) = Recognisers::start(&options.binary, model, encoder, count, servers);
    (Some(Arc::new(pool)), heard)
}

/// Octets that nobody can guess.
fn random<const N: usize>() -> Result<[u8; N], String> {
    let mut octets = [0; N];
    getrandom::fill(&mut octets).map_err(|e| format!("no randomness: {e}"))?;
    Ok(octets)
}

/// The SIP core, seeded by what nobody can guess.
fn endpoint(
    config: &Config,
    accounts: BTreeMap<String, Pii<String>>,
    listeners: Vec<Listener>,
) -> Result<sip::Endpoint, String> {
    Ok(sip::Endpoint::new(sip::Config {
        seed: u64::from_le_bytes(random()?),
        user_agent: concat!("trunkline/", env!("CARGO_PKG_VERSION")).into(),
        realm: config.server.domain.clone(),
        accounts,
        listeners,
        seen_as: config.server.seen_as(),
        sha256: config.server.sha256,
        trace_octets: SIP_TRACE_OCTETS_MAX,
        rules: config.server.guard.rules(&config.server.trunks),
        ..sip::Config::default()
    }))
}

/// The figures that the stored events come to: those of the last checkpoint, and the events after it. Whoever was signed in
/// when the server stopped no longer is.
fn figures_so_far(data: &Path, store: &store::Writer) -> Figures {
    let stored = || {
        let reader = store::Reader::open(data)?;
        let checkpoint = reader.figures()?.and_then(|(row, c)| Some((row, Figures::resume(INTERVAL, c)?)));
        let (row, figures) = checkpoint.unwrap_or_else(|| (0, Figures::new(INTERVAL)));
        Ok((figures, reader.events(row)?, reader.last_event_at()?))
    };
    let (mut figures, events, last) = match stored() {
        Ok((figures, events, Some(last))) => (figures, events, last),
        // Nothing has ever happened.
        Ok((figures, _, None)) => return figures,
        Err::<_, rusqlite::Error>(error) => {
            warn!("the figures begin anew: {}: {error}", store::file(data).display());
            return Figures::new(INTERVAL);
        }
    };
    for (at, event) in &events {
        figures.add(*at, event);
    }
    for user in figures.present() {
        let event = AcdEvent::Agent { user, state: "offline".into(), reason: None };
        figures.add(last, &event);
        store.write(Row::Acd(last, event));
    }
    if !events.is_empty() {
        store.write(Row::Figures(Box::new(figures.checkpoint())));
    }
    figures
}

/// Cores this process may use.
fn num_cpus() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::CallId;

    /// What happens with the `n`-th call, a minute after the one before.
    fn events(n: u64) -> Vec<(u64, AcdEvent)> {
        let (call, at) = (CallId(n), 1_767_225_600_000 + n * 60_000);
        let (queue, user): (crate::acd::Name, crate::acd::Name) = ("q".into(), "1001".into());
        let state = |state: &str| AcdEvent::Agent { user: user.clone(), state: state.into(), reason: None };
        let waited_ms = n * 37 % 90_000;
        vec![
            (at, state("ready")),
            (at + 5, AcdEvent::Queued { call, queue: queue.clone(), again: false }),
            (at + 9, state("talking")),
            (
                at + 9,
                AcdEvent::Answered {
                    call,
                    queue: queue.clone(),
                    user: user.clone(),
                    waited_ms,
                    within_ms: 20_000,
                    callback: false,
                },
            ),
        ]
    }

    #[test]
    fn a_restart_reads_what_came_after_the_last_checkpoint_and_the_figures_are_those_of_all_events() {
        let data = std::env::temp_dir().join(format!("trunkline-figures-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&data);
        std::fs::create_dir_all(&data).unwrap();
        let mut expected = Figures::new(INTERVAL);
        for part in 0..3 {
            let (store, _) = store::Writer::open(&data).unwrap();
            let figures = figures_so_far(&data, &store);
            assert_eq!(figures.checkpoint(), expected.checkpoint(), "restart {part}");
            for (at, event) in (part * 500..(part + 1) * 500).flat_map(events) {
                expected.add(at, &event);
                store.write(Row::Acd(at, event));
            }
            // A restart signs everybody out at the time of the last event.
            let (last, _) = events((part + 1) * 500 - 1).pop().unwrap();
            let out = AcdEvent::Agent { user: "1001".into(), state: "offline".into(), reason: None };
            expected.add(last, &out);
        }
        let (store, _) = store::Writer::open(&data).unwrap();
        let figures = figures_so_far(&data, &store);
        drop(store);
        assert_eq!(figures.total(None).answered, 1500);
        assert_eq!(figures.wait_quantile_ms("q", 0.9), expected.wait_quantile_ms("q", 0.9));
        let reader = store::Reader::open(&data).unwrap();
        let (row, _) = reader.figures().unwrap().unwrap();
        assert_eq!(reader.events(0).unwrap().len(), 1500 * 4 + 3, "events are kept");
        assert!(reader.events(row).unwrap().is_empty(), "none of them is read again");
        std::fs::remove_dir_all(&data).unwrap();
    }
}
