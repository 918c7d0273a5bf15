//! The house rules as tests. Each failure names file and line, and says what to do instead.
//!
//! Sources are read as text with comments and literals blanked: enough for rules about words, and no parser to keep up.

mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use text::{blank, closing, imports, line_of, places, without_tests};

/// No file may be longer.
const FILE_LINES_MAX: usize = 500;
/// From here on a file is in [`LONG_FILES`] and may only shrink.
const FILE_LINES_LONG: usize = 400;
/// No function may be longer, but for those in [`LONG_FUNCTIONS`].
const FUNCTION_LINES_MAX: usize = 90;

/// Files over 400 lines and how long they were when last looked at: they may only shrink. When one has, lower it here;
/// when it is under 400, take it out.
const LONG_FILES: &[(&str, usize)] = &[];

/// Functions over 90 lines, which may only shrink.
const LONG_FUNCTIONS: &[(&str, &str, usize)] = &[];

/// Imports against the order of `lib.rs`: (file, room, why). Better to move a wall than to add a line.
const IMPORT_EXCEPTIONS: &[(&str, &str, &str)] = &[];

/// Rooms that others may not import though they stand above them: who may, and why.
const RESERVED: &[(&str, &[&str], &str)] = &[
    (
        "drive",
        &["drive", "server"],
        "decisions must run on virtual time: let server.rs wire the driver to the core",
    ),
    ("sys", &["sys", "drive"], "only drivers touch the system"),
    ("server", &["server"], "the server is what wires everything: nothing is built on it"),
    ("sim", &["sim"], "the simulator looks at the product, never the other way round"),
];

/// Rooms that touch the world: clocks, threads, sockets, files.
const IMPURE: &[&str] = &["sys", "drive", "server", "cli", "main", "tidy"];

/// What the pure rooms must not say, and what to say instead.
const BANNED: &[(&str, &str)] = &[
    ("Instant::now", "time is an argument: take `now: Now`"),
    ("SystemTime", "dates come from `Epoch`, which is an argument"),
    ("std::thread", "threads live in drive/"),
    ("UdpSocket", "sockets live in drive/ and sys/: put out what is to be sent"),
    ("TcpStream", "sockets live in drive/ and sys/: put out what is to be sent"),
    ("std::fs", "files are read in drive/files.rs: take the text"),
    ("tokio", "a core is a step function: let drive/ wait"),
    ("println!", "put out an event, or let cli/ print"),
    ("Mutex", "cores own what they change: no locks"),
    ("static mut", "state belongs to the core's struct"),
    ("todo!", "write it, or leave it out and say so in the module's head"),
    ("unimplemented!", "write it, or leave it out and say so in the module's head"),
];

struct Source {
    /// Relative to `src`, with forward slashes.
    path: String,
    text: String,
    /// Comments and literals blanked; lines stay where they are.
    code: String,
    /// `code` without inline test modules; empty for files of tests.
    product: String,
}

impl Source {
    fn room(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    fn is_test(&self) -> bool {
        self.path.ends_with("tests.rs") || self.path.contains("tests/") || self.room() == "tidy"
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn sources() -> Vec<Source> {
    fn walk(folder: &Path, out: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, out);
            } else if path.extension().is_some_and(|x| x == "rs") {
                out.push(path);
            }
        }
    }
    let (root, mut paths) = (root(), Vec::new());
    walk(&root, &mut paths);
    paths.sort();
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        let path = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
        let code = blank(&text);
        let mut source = Source { path, text, product: String::new(), code };
        if !source.is_test() {
            source.product = without_tests(&source.code);
        }
        source
    };
    paths.iter().map(read).collect()
}

/// The rooms in the order of `lib.rs`.
fn rooms() -> Vec<String> {
    let lib = std::fs::read_to_string(root().join("lib.rs")).unwrap();
    lib.lines().filter_map(|l| l.strip_prefix("pub mod ")?.strip_suffix(';').map(str::to_owned)).collect()
}

#[track_caller]
fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn a_room_imports_only_what_stands_above_it() {
    let rooms = rooms();
    let rank = |room: &str| rooms.iter().position(|r| r == room);
    let mut wrong = Vec::new();
    for source in &sources() {
        let Some(own) = rank(source.room()) else { continue };
        for (room, line) in imports(&source.code) {
            let Some(other) = rank(&room) else { continue };
            let at = format!("src/{}:{line}", source.path);
            if IMPORT_EXCEPTIONS.iter().any(|(file, r, _)| *file == source.path && *r == room) {
                continue;
            }
            if other > own {
                wrong.push(format!(
                    "{at}: `{}` imports `{room}`, which stands below it in lib.rs",
                    source.room()
                ));
            }
            for (reserved, may, why) in RESERVED {
                if room == *reserved && !may.contains(&source.room()) {
                    wrong.push(format!("{at}: `{room}` is not for `{}`: {why}", source.room()));
                }
            }
            if source.room() == "sys" && room != "sys" {
                wrong.push(format!(
                    "{at}: sys/ knows nothing of the product, so that its `unsafe` can be read alone"
                ));
            }
        }
    }
    none(&wrong);
}

#[test]
fn nothing_that_decides_touches_the_world() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|s| !IMPURE.contains(&s.room())) {
        for (word, instead) in BANNED {
            let lines = places(&source.product, word).map(|at| line_of(&source.product, at));
            wrong.extend(lines.map(|l| format!("src/{}:{l}: `{word}`: {instead}", source.path)));
        }
        for at in places(&source.product, "fastrand::") {
            if !source.product[at..].starts_with("fastrand::Rng") {
                let line = line_of(&source.product, at);
                wrong.push(format!(
                    "src/{}:{line}: unseeded randomness: take a seeded `fastrand::Rng`",
                    source.path
                ));
            }
        }
    }
    none(&wrong);
}

#[test]
fn unsafe_lives_in_sys_and_says_why_it_is_sound() {
    let mut wrong = Vec::new();
    for source in &sources() {
        let lines: Vec<&str> = source.text.lines().collect();
        for at in places(&source.code, "unsafe") {
            let line = line_of(&source.code, at);
            if source.room() != "sys" {
                wrong.push(format!("src/{}:{line}: `unsafe` outside of sys/: wrap it there", source.path));
            }
            // A function of an unsafe trait has the trait's contract; its body has blocks of its own.
            let declares = source.code[at..].starts_with("unsafe fn");
            let said = lines[line.saturating_sub(4)..line].iter().any(|l| l.contains("SAFETY"));
            if !declares && !said {
                wrong.push(format!(
                    "src/{}:{line}: say within three lines above why this is sound: `// SAFETY: …`",
                    source.path
                ));
            }
        }
    }
    none(&wrong);
}

#[test]
fn files_stay_short_and_long_ones_only_shrink() {
    let mut wrong = Vec::new();
    let mut listed: BTreeMap<&str, usize> = LONG_FILES.iter().copied().collect();
    for source in &sources() {
        let (path, lines) = (source.path.as_str(), source.text.lines().count());
        match listed.remove(path) {
            Some(was) if lines > was => wrong.push(format!(
                "src/{path}: {lines} lines, {was} before: long files only shrink; move a part into a file of its own"
            )),
            Some(_) if lines <= FILE_LINES_LONG => {
                wrong.push(format!("src/{path}: {lines} lines: take it out of LONG_FILES, well done"));
            }
            Some(_) => {}
            None if lines > FILE_LINES_LONG => wrong.push(format!(
                "src/{path}: {lines} lines, more than {FILE_LINES_LONG}: split it by what it does (at most \
                 {FILE_LINES_MAX} if it must be, with a line in LONG_FILES)"
            )),
            None => {}
        }
    }
    wrong.extend(listed.keys().map(|path| format!("src/{path} is gone: take it out of LONG_FILES")));
    none(&wrong);
}

#[test]
fn functions_stay_short() {
    let mut wrong = Vec::new();
    for source in &sources() {
        for at in places(&source.code, "fn") {
            let rest = &source.code[at + 2..];
            let name: String =
                rest.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let Some(brace) = rest.find('{').filter(|_| !name.is_empty()) else { continue };
            if rest.find(';').is_some_and(|end| end < brace) {
                continue;
            }
            let (line, end) = (line_of(&source.code, at), closing(&source.code, at));
            let lines = line_of(&source.code, end) - line + 1;
            let most = LONG_FUNCTIONS
                .iter()
                .find(|(file, function, _)| *file == source.path && *function == name)
                .map_or(FUNCTION_LINES_MAX, |(_, _, most)| *most);
            if lines > most {
                wrong.push(format!(
                    "src/{}:{line}: `{name}` has {lines} lines, more than {most}: give a part of it a name",
                    source.path
                ));
            }
        }
    }
    none(&wrong);
}

#[test]
fn every_file_is_part_of_the_product() {
    let all: BTreeMap<String, String> = sources().into_iter().map(|s| (s.path, s.code)).collect();
    let mut reached = BTreeSet::new();
    let mut next = vec!["lib.rs".to_owned(), "main.rs".to_owned()];
    while let Some(path) = next.pop() {
        let Some(code) = all.get(&path).filter(|_| reached.insert(path.clone())) else { continue };
        let (folder, file) =
            path.rsplit_once('/').map_or((String::new(), path.as_str()), |(d, f)| (format!("{d}/"), f));
        let folder = match file {
            "lib.rs" | "main.rs" | "mod.rs" => folder,
            other => format!("{folder}{}/", other.trim_end_matches(".rs")),
        };
        for at in places(code, "mod") {
            let rest = code[at + 3..].trim_start();
            if let Some((name, _)) =
                rest.split_once(';').filter(|(name, _)| name.chars().all(|c| c.is_alphanumeric() || c == '_'))
            {
                next.push(format!("{folder}{name}.rs"));
                next.push(format!("{folder}{name}/mod.rs"));
            }
        }
    }
    let dead = all.keys().filter(|path| !reached.contains(*path));
    none(
        &dead
            .map(|path| format!("src/{path}: no `mod` leads here: delete it, or declare it"))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn nothing_is_left_for_later() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|s| s.room() != "tidy") {
        for word in ["TODO", "FIXME", "XXX"] {
            let lines = places(&source.text, word).map(|at| line_of(&source.text, at));
            wrong.extend(lines.map(|l| format!(
                "src/{}:{l}: `{word}`: do it now, or write down in the module's head what is not done and why",
                source.path
            )));
        }
    }
    none(&wrong);
}

#[test]
fn every_room_says_what_it_is() {
    let all: BTreeMap<String, String> = sources().into_iter().map(|s| (s.path, s.text)).collect();
    let lib = all["lib.rs"].as_str();
    let mut wrong = Vec::new();
    for room in rooms() {
        let head = [format!("{room}/mod.rs"), format!("{room}.rs")].iter().find_map(|p| all.get(p)).cloned();
        if !head.is_some_and(|text| text.starts_with("//!")) {
            wrong.push(format!(
                "{room}: begin its mod.rs with `//!`: what it is, what comes in, what goes out"
            ));
        }
        if !lib.lines().any(|l| l.starts_with("//! | ") && l.contains(&format!("[`{room}`]"))) {
            wrong.push(format!("{room}: has no line in the table of rooms at the head of lib.rs"));
        }
    }
    none(&wrong);
}
