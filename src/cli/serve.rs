//! `trunkline serve`.

use super::Places;
use clap::Args;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::time::Duration;
use tracing_subscriber::EnvFilter;
use trunkline::server::{Options, Ready, Server};
use trunkline::sip::Transport;

/// Run the server until SIGTERM or Ctrl-C.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// SIP port, in place of the one in server.toml; 0 takes any that is free.
    #[arg(long)]
    port: Option<u16>,
    /// Seconds that running calls may go on after SIGTERM.
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    drain: u64,
    /// What to log: error, warn, info, debug, or tracing's filter syntax.
    #[arg(long, default_value = "info", env = "TRUNKLINE_LOG", value_name = "LEVEL")]
    log: String,
    /// Reload the dialplans when a file of theirs has changed.
    #[arg(long)]
    watch: bool,
    /// Do not print what to do next.
    #[arg(long)]
    quiet: bool,
}

pub(super) async fn serve(args: Serve, places: &Places) -> Result<(), String> {
    let filter =
        EnvFilter::try_new(&args.log).map_err(|e| format!("--log {}: {e}; try info or debug", args.log))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    let options = Options {
        config: places.config.clone(),
        models: places.models(),
        data: places.data.clone(),
        port: args.port,
        drain: Duration::from_secs(args.drain),
        watch: args.watch,
        binary: std::env::current_exe().map_err(|e| format!("own program: {e}"))?,
    };
    let (mut server, ready) = Server::start(options).await?;
    server.prepare().await;
    if !args.quiet {
        // Whoever reads this may already be gone, which is no reason to stop.
        let _ = std::io::stdout().write_all(welcome(&ready, places).as_bytes());
    }
    server.run().await
}

/// What to do next, for somebody who has just started the server.
fn welcome(ready: &Ready, places: &Places) -> String {
    let mut out = String::new();
    // One line an address; the phone and the caller below speak UDP to the first that has it.
    let mut addrs: Vec<(SocketAddr, Vec<String>)> = Vec::new();
    for listener in &ready.sip {
        match addrs.last_mut().filter(|(addr, _)| *addr == listener.addr) {
            Some((_, transports)) => transports.push(listener.transport.to_string()),
            None => addrs.push((listener.addr, vec![listener.transport.to_string()])),
        }
    }
    // Writing to a String cannot fail.
    macro_rules! say {
        ($($what:tt)*) => {{ let _ = writeln!(out, $($what)*); }};
    }
    say!("");
    say!("trunkline is running.");
    for (addr, transports) in &addrs {
        say!("  SIP      {addr} ({})", transports.join(" and "));
    }
    if let Some(taken) = ready.port_taken {
        say!("           port {taken} was taken: this is the next free one");
    }
    say!("  audio    by {}", ready.backend);
    for line in &ready.config.lines {
        let languages: Vec<&str> = line.languages.iter().map(|l| l.code()).collect();
        say!("  line     {} answers {} ({})", line.line, line.numbers.join(", "), languages.join(", "));
    }
    let engines = &ready.config.server.engines;
    for engine in engines {
        let langs: Vec<&str> = engine.langs.iter().map(|l| l.code()).collect();
        say!("  listens  to {} at {}", langs.join(" and "), engine.url);
    }
    match (&ready.model, &ready.no_model) {
        (None, _) if !engines.is_empty() => {}
        (Some(model), _) => say!("  listens  with {}", model.display()),
        (None, Some(why)) => {
            say!("  listens  NOT: {why}");
            say!("           callers are led by keypad; put a whisper ggml model into the models folder");
        }
        (None, None) => say!("  listens  NOT: recognisers = 0 in server.toml; callers are led by keypad"),
    }
    if ready.tells_noise {
        say!("           callers are told from noise by Silero's detector");
    }
    for (lang, voice) in &ready.speaks {
        say!("  speaks   {} with {voice}", lang.code());
    }
    if ready.encodes {
        say!("  meaning  by the sentence encoder of the models folder, beside words");
    }
    say!("  data     {}", ready.data.display());
    let mut me = "trunkline".to_owned();
    if let Ok(exe) = std::env::current_exe() {
        me = exe.display().to_string();
    }
    let config = if places.config.as_os_str() == "dialplans" {
        String::new()
    } else {
        format!(" --config {}", places.config.display())
    };
    let udp = || ready.sip.iter().filter(|l| l.transport == Transport::Udp).map(|l| l.addr);
    let (Some(first), Some(last)) = (udp().next(), udp().next_back()) else { return out };
    let agent = ready.config.setup.agents.first().map_or("1001", |a| a.user.as_str());
    let Some(line) = ready.config.lines.first() else { return out };
    let number = line.numbers.first().map_or("12345", String::as_str);
    let examples = line.intents.first().and_then(|i| i.examples.get(&line.first_language()));
    let request = examples.and_then(|e| e.first()).map_or("agent", String::as_str);
    say!("");
    say!("Try, in other terminals:");
    say!("  {me} agent{config} --user {agent} --auto-answer --server {first}");
    say!("  {me} call{config} sip:{number}@{first} --say \"{request}\"");
    say!("  {me} calls{config}");
    say!("");
    say!("A softphone: server {}, user {agent}, password from", last);
    say!("  {me} password{config} {agent}");
    say!("then it rings for callers; or call sip:{number}@{last} from any phone.");
    say!("");
    out
}
