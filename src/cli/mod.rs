//! The command line. Every error says what to do next.

/// `println!` for a pipe whose reader may go (`trunkline calls | head`): then there is nobody left to talk to.
macro_rules! outln {
    ($($what:tt)*) => { $crate::cli::line(&format!($($what)*)) };
}

/// The same for who has a call or a process to end first: it goes on without a reader.
macro_rules! liveln {
    ($($what:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($what)*);
    }};
}

mod agent;
mod asr;
mod bench;
mod call;
mod demo;
mod diff;
mod guard;
mod models;
mod nlu;
mod ops;
mod reach;
mod records;
mod rehearse;
mod serve;
mod sim;
mod stage;
mod steps;
mod story;
mod supervise;
mod tickets;
mod tts;
mod words;

use clap::{Args, Parser, Subcommand};
use std::future::Future;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use trunkline::config::{Config, VoiceChoice};
use trunkline::drive::voices::Speakers;
use trunkline::drive::{encoder, engine, files, piper, recogniser, speaker, voices};
use trunkline::nlu::Encoder;

/// A telephony IVR and ACD media server: callers say in one sentence what they want and reach the right agent.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 110)]
struct Cli {
    #[command(flatten)]
    places: Places,
    #[command(subcommand)]
    command: Command,
}

/// Where things are.
#[derive(Debug, Clone, Args)]
struct Places {
    /// The folder of dialplans.
    #[arg(long, global = true, value_name = "DIR", default_value = "dialplans", env = "TRUNKLINE_CONFIG")]
    config: PathBuf,
    /// The folder for records, recordings and rendered prompts, in place of the one in server.toml.
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The folder of listening models, voices and of the sentence encoder; by default `models` beside the folder of dialplans.
    #[arg(long, global = true, value_name = "DIR")]
    models: Option<PathBuf>,
}

impl Places {
    fn data(&self) -> Result<PathBuf, String> {
        match &self.data {
            Some(data) => Ok(data.clone()),
            None => Ok(files::data_dir(&self.config, &files::load(&self.config)?)),
        }
    }

    /// The dialplans, which understand as they do in the server, and the encoder that they do it with.
    fn lines(&self) -> Result<(Config, Option<Arc<dyn Encoder>>), String> {
        let mut config = files::load(&self.config)?;
        let encoder = encoder::find(&self.models())?;
        if let Some(encoder) = &encoder {
            config.understand_with(encoder);
        }
        Ok((config, encoder))
    }

    /// The voices that `server.toml` names; none where there is none to be read.
    fn voices(&self) -> Vec<VoiceChoice> {
        files::load(&self.config).map(|config| config.server.voices).unwrap_or_default()
    }

    /// Who speaks, where these are `wanted`; and what is wrong with a voice.
    fn speakers(&self, wanted: &[VoiceChoice]) -> Result<(Speakers, Vec<String>), String> {
        let binary = std::env::current_exe().map_err(|e| e.to_string())?;
        Ok(voices::speakers(&self.models(), &binary, wanted))
    }

    fn models(&self) -> PathBuf {
        self.models.clone().unwrap_or_else(|| self.config.join("..").join("models"))
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve(serve::Serve),
    /// Place a call with synthetic speech and see what happens.
    Call(call::Call),
    /// Be an agent's phone: register, ring, answer, and echo what is heard.
    Agent(agent::Agent),
    /// Show the product at work: calls in two languages, agents, waiting, records.
    Demo(demo::Demo),
    /// Check the dialplans: every error with file, line and remedy.
    Check(ops::Check),
    /// Say what would change for callers between two folders of dialplans.
    Diff(diff::Diff),
    /// Talk to a line by typing.
    Chat(rehearse::Chat),
    /// Say how a line takes a sentence, and why.
    Explain(rehearse::Explain),
    /// Run the golden dialogues beside the dialplans.
    Test(rehearse::Test),
    /// List the newest calls.
    Calls(records::Calls),
    /// List what people are to do, and whether it has reached them.
    Tickets(tickets::Tickets),
    /// Say what happened in one call and why: turns, routing decision, quality.
    Why(records::Why),
    /// Show the SIP messages of a recent call, all its legs in one ladder.
    Trace(ops::Trace),
    /// Show the agents, or set one ready or not.
    Agents(ops::Agents),
    /// Show the trunks: calls now and since the start, and what was refused.
    Trunks,
    /// Show a queue: who waits, who serves it, its figures.
    Queue(supervise::Queue),
    /// Show service level, waits, abandons and occupancy.
    Figures(supervise::Figures),
    /// Listen to calls, move them, set agents and queues.
    Supervise(supervise::Supervise),
    /// Write down what is said in WAV files, as the server would.
    Asr(asr::Asr),
    /// Speak a text into a WAV file, as the server would say it.
    Tts(tts::Tts),
    /// Show, check, add and fetch listening models.
    Models(models::Models),
    /// Measure what this machine can do.
    Bench(bench::Bench),
    /// Print an agent's password, for setting up a phone.
    Password(ops::PasswordOf),
    /// Have the running server read its dialplans anew.
    Reload,
    /// Run the whole product on virtual time with random callers, agents, losses and faults, and check its promises.
    Sim(sim::Sim),
    /// Measure how sentences are understood.
    Nlu(nlu::Nlu),
    /// Show what the SIP edge has banned, dropped and refused; ban and unban sources.
    Guard(guard::Guard),
    /// Print every live dialog, transaction and call of the running server.
    Dump,
    /// Write down sentences for the server (started by it).
    #[command(name = recogniser::WORKER, hide = true)]
    RecogniseWorker { model: PathBuf },
    /// Speak texts for the server (started by it).
    #[command(name = speaker::WORKER, hide = true)]
    SpeakWorker { voice: PathBuf },
}

/// Parses the command line and does what it says.
pub(crate) fn run() -> Result<(), String> {
    let Cli { places, command } = Cli::parse();
    match command {
        Command::Serve(args) => block_on(serve::serve(args, &places)),
        Command::Call(args) => block_on(call::call(args, &places)),
        Command::Agent(args) => block_on(agent::agent(args, &places)),
        Command::Demo(args) => block_on(demo::demo(args, &places)),
        Command::Check(args) => ops::check(&args, &places),
        Command::Diff(args) => diff::diff(&args),
        Command::Chat(args) => rehearse::chat(&args, &places),
        Command::Explain(args) => rehearse::explain(&args, &places),
        Command::Test(args) => rehearse::test(&args, &places),
        Command::Calls(args) => records::calls(&args, &places),
        Command::Tickets(args) => tickets::tickets(&args, &places),
        Command::Why(args) => records::why(&args, &places),
        Command::Trace(args) => block_on(ops::trace(args, &places)),
        Command::Agents(args) => block_on(ops::agents(args, &places)),
        Command::Trunks => block_on(ops::trunks(&places)),
        Command::Queue(args) => block_on(supervise::queue(args, &places)),
        Command::Figures(args) => block_on(supervise::figures(args, &places)),
        Command::Supervise(args) => block_on(supervise::supervise(args, &places)),
        Command::Asr(args) => asr::asr(&args, &places),
        Command::Tts(args) => block_on(tts::tts(&args, &places)),
        Command::Models(args) => block_on(models::models(&args, &places)),
        Command::Bench(args) => block_on(bench::bench(&args, &places)),
        Command::Password(args) => ops::password(&args, &places),
        Command::Reload => block_on(ops::reload(&places)),
        Command::Sim(args) => sim::sim(&args, &places),
        Command::Nlu(args) => nlu::nlu(&args, &places),
        Command::Guard(args) => block_on(guard::guard(args, &places)),
        Command::Dump => block_on(ops::dump(&places)),
        Command::RecogniseWorker { model } => engine::worker(&model),
        Command::SpeakWorker { voice } => piper::worker(&voice),
    }
}

/// One thread drives all I/O: the cores need no other.
fn block_on<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|e| format!("no runtime: {e}"))?.block_on(work)
}

fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}
