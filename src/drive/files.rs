//! Configuration on disk: the folder of dialplans, and the secrets that it names.

use super::tickets::Webhooks;
use super::{stir, tls};
use crate::base::Pii;
use crate::config::{self, Config, File, Header, Password, Problem, Secrets, TicketKind};
use crate::sip::Credentials;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The user that owns a folder: whom a server that made it runs as.
pub fn uid(folder: &Path) -> u32 {
    std::fs::metadata(folder).map_or(u32::MAX, |m| std::os::unix::fs::MetadataExt::uid(&m))
}

/// Generated passwords, one `user password` a line, readable by the server's user alone.
const SECRETS: &str = "agents.secret";

/// Reads and checks every `*.toml` of a folder.
///
/// # Errors
/// All problems found, as text ready to print.
pub fn load(folder: &Path) -> Result<Config, String> {
    config::load(&texts(folder)?).map_err(|problems| told(&problems, folder))
}

/// The same with the files that it names, and with its problems as values.
///
/// # Errors
/// When the folder cannot be read.
pub fn checked(folder: &Path) -> Result<Result<Config, Vec<Problem>>, String> {
    let config = config::load(&texts(folder)?);
    Ok(config.and_then(|config| {
        tls::load(folder, &config.server)?;
        stir::load(folder, &config.server)?;
        Ok(config)
    }))
}

fn texts(folder: &Path) -> Result<Vec<File>, String> {
    let cannot = |e: io::Error| {
        format!("{}: {e}\n  = give the folder of dialplans with --config DIR", folder.display())
    };
    tomls(folder).map_err(cannot)?.iter().map(|p| file(p)).collect()
}

/// The certificates and keys that a configuration names.
///
/// # Errors
/// All problems found, as text ready to print.
pub fn tls(folder: &Path, config: &Config) -> Result<tls::Material, String> {
    tls::load(folder, &config.server).map_err(|problems| told(&problems, folder))
}

/// Fills in what the configuration takes from other files and the environment: who we are to each trunk, what goes with
/// requests to services, whose signatures are believed, and our own keys.
///
/// # Errors
/// All problems found, as text ready to print.
pub fn fill(folder: &Path, config: &mut Config) -> Result<(), String> {
    config.logins = logins(config)?;
    config.secrets = services(config)?;
    (config.trust, config.signers) = stir(folder, config)?;
    Ok(())
}

/// Whose signatures are believed, and our own keys.
///
/// # Errors
/// All problems found, as text ready to print.
pub fn stir(folder: &Path, config: &Config) -> Result<stir::Material, String> {
    stir::load(folder, &config.server).map_err(|problems| told(&problems, folder))
}

/// Every `*.toml` of a folder, by name.
///
/// # Errors
/// When the folder cannot be read.
pub fn tomls(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)?.flatten().map(|e| e.path()).collect();
    paths.retain(|p| p.extension().is_some_and(|x| x == "toml"));
    paths.sort();
    Ok(paths)
}

/// What changes when a `*.toml` of a folder does: names, lengths, times of change.
pub fn stamp(folder: &Path) -> Vec<(PathBuf, u64, Option<std::time::SystemTime>)> {
    let one = |path: PathBuf| {
        let meta = std::fs::metadata(&path).ok()?;
        Some((path, meta.len(), meta.modified().ok()))
    };
    tomls(folder).unwrap_or_default().into_iter().filter_map(one).collect()
}

/// One file, to be checked.
///
/// # Errors
/// When it cannot be read.
pub fn file(path: &Path) -> Result<File, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(File { name: path.display().to_string(), text })
}

/// The problems of a folder or file, ready to print.
pub fn told(problems: &[Problem], place: &Path) -> String {
    let mut out = String::new();
    for problem in problems {
        let _ = writeln!(out, "{problem}");
    }
    let errors = problems.iter().filter(|p| p.severity == config::Severity::Error).count();
    let _ = write!(out, "{errors} error{} in {}", if errors == 1 { "" } else { "s" }, place.display());
    out
}

/// The data folder: as configured, beside the folder of dialplans if it is relative.
pub fn data_dir(folder: &Path, config: &Config) -> PathBuf {
    let beside =
        folder.canonicalize().ok().and_then(|f| f.parent().map(Path::to_path_buf)).unwrap_or_default();
    beside.join(&config.server.data_dir)
}

/// The password of every agent, made where there is none yet, and of every trunk that is known by digest.
///
/// # Errors
/// When a named variable or file is missing, or the secrets cannot be kept.
pub fn passwords(data: &Path, config: &Config) -> Result<BTreeMap<String, Pii<String>>, String> {
    let path = data.join(SECRETS);
    let known = read_secrets(&path);
    let mut made = known.clone();
    let mut out = BTreeMap::new();
    for (user, source) in &config.passwords {
        let password = match source {
            Password::Generated => Pii::new(made.entry(user.clone()).or_insert_with(random_password).clone()),
            named => secret(&format!("agent {user}"), named)?,
        };
        out.insert(user.clone(), password);
    }
    for trunk in &config.server.trunks {
        if let Some((user, source)) = trunk.by_digest() {
            out.insert(user.clone(), secret(&format!("trunk {}", trunk.name), source)?);
        }
    }
    if made != known {
        let text: String = made.iter().map(|(user, password)| format!("{user} {password}\n")).collect();
        write_private(&path, text.as_bytes()).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(out)
}

/// Who we are to each trunk that has a user.
fn logins(config: &Config) -> Result<BTreeMap<String, Credentials>, String> {
    let mut out = BTreeMap::new();
    for trunk in &config.server.trunks {
        if let Some((user, source)) = &trunk.login {
            let password = secret(&format!("trunk {}", trunk.name), source)?;
            out.insert(trunk.name.clone(), Credentials { user: user.clone(), password });
        }
    }
    Ok(out)
}

/// What goes with each request to a service.
fn services(config: &Config) -> Result<Secrets, String> {
    let mut out = BTreeMap::new();
    for (whose, headers) in &config.headers {
        let value = |(name, header): (&String, &Header)| {
            Ok((
                name.clone(),
                match header {
                    Header::Text(text) => Pii::new(text.clone()),
                    Header::Secret(source) => secret(&format!("line {}, {}", whose.0, whose.1), source)?,
                },
            ))
        };
        let read: Result<Vec<_>, String> = headers.iter().map(value).collect();
        out.insert(whose.clone(), read?);
    }
    Ok(out)
}

/// Where tickets go.
pub fn webhooks(config: &Config) -> Webhooks {
    let kinds = config.tickets.iter().flat_map(|(line, kinds)| kinds.iter().map(move |kind| (line, kind)));
    let webhook = |(line, kind): (&String, &TicketKind)| {
        let whose = (line.clone(), kind.name.clone());
        let headers = config.secrets.get(&whose).cloned().unwrap_or_default();
        Some((whose, (kind.webhook.clone()?, headers)))
    };
    kinds.filter_map(webhook).collect()
}

/// The secret that the configuration names for `whose`.
fn secret(whose: &str, source: &Password) -> Result<Pii<String>, String> {
    let password = match source {
        Password::Generated => String::new(),
        Password::Env(name) => std::env::var(name)
            .map_err(|_| format!("{whose}: the environment has no {name}; set it, or change `password`"))?,
        Password::File(file) => std::fs::read_to_string(file)
            .map_err(|e| format!("{whose}: password file {file}: {e}"))?
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned(),
    };
    match password.is_empty() {
        true => Err(format!("{whose}: the password is empty")),
        false => Ok(Pii::new(password)),
    }
}

/// Writes a file that only the server's own user can read.
///
/// # Errors
/// When it cannot be written.
pub fn write_private(path: &Path, octets: &[u8]) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    io::Write::write_all(&mut options.open(path)?, octets)
}

fn read_secrets(path: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().filter_map(|l| l.split_once(' ')).map(|(u, p)| (u.to_owned(), p.to_owned())).collect()
}

fn random_password() -> String {
    let mut octets = [0u8; 12];
    // Without the kernel's randomness there is no safe password to make: an empty one is refused by the caller.
    if getrandom::fill(&mut octets).is_err() {
        return String::new();
    }
    octets.iter().map(|b| format!("{b:02x}")).collect()
}

/// The machine's own address: the one that its default route would use. Nothing is sent.
pub fn machine_address() -> Option<IpAddr> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    // A documentation address (RFC 5737): connecting a UDP socket only looks up the route.
    socket.connect("192.0.2.1:9").ok()?;
    socket.local_addr().ok().map(|a| a.ip()).filter(|ip| !ip.is_unspecified())
}
