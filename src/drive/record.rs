//! The recordings' writer: one thread that owns the files, so that a slow disk is waited for by nobody else.
//!
//! The header is brought up to date after every second that is written, so a recording whose end is never written can
//! be listened to all the same. A file that cannot be created or written is reported once; its call goes on.

use super::reporter::Reporter;
use crate::base::{Codec, LegId};
use crate::limits::RECORD_QUEUE;
use crate::media::{FileOp, Report};
use crate::taps::{WAV_HEADER_OCTETS, wav_header};
use crossbeam::channel::{Receiver, Sender, unbounded};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

/// A worker's way to the writer.
#[derive(Debug, Clone)]
pub(super) struct Files {
    to: Sender<FileOp>,
    /// Pieces on their way.
    waiting: Arc<AtomicUsize>,
}

impl Files {
    /// Hands over one operation; false if it was a piece and too many are waiting. Beginnings and ends always pass.
    pub(super) fn send(&self, op: FileOp) -> bool {
        if matches!(op, FileOp::Append { .. }) {
            if self.waiting.load(Ordering::Relaxed) >= RECORD_QUEUE {
                return false;
            }
            self.waiting.fetch_add(1, Ordering::Relaxed);
        }
        // The writer is gone only when the process is ending.
        let _ = self.to.send(op);
        true
    }
}

/// Starts the writer. It ends when every [`Files`] is dropped and all is written.
///
/// # Errors
/// The thread cannot be started.
pub(super) fn start(reporter: Reporter) -> io::Result<(Files, JoinHandle<()>)> {
    let (to, from) = unbounded();
    let waiting = Arc::new(AtomicUsize::new(0));
    let files = Files { to, waiting: Arc::clone(&waiting) };
    let thread = std::thread::Builder::new()
        .name("recordings".into())
        .spawn(move || run(&from, &waiting, reporter))?;
    Ok((files, thread))
}

fn run(ops: &Receiver<FileOp>, waiting: &AtomicUsize, mut reporter: Reporter) {
    let mut open: HashMap<LegId, Recording> = HashMap::new();
    let mut ended = 0;
    for op in ops {
        let (leg, done) = match op {
            FileOp::Create { leg, file, codec } => {
                (leg, Recording::create(&file, codec).map(|r| drop(open.insert(leg, r))))
            }
            FileOp::Move { from, to } => {
                if let Some(recording) = open.remove(&from) {
                    open.insert(to, recording);
                }
                (to, Ok(()))
            }
            FileOp::Append { leg, octets } => {
                waiting.fetch_sub(1, Ordering::Relaxed);
                // One that failed before is not there, and was reported.
                (leg, open.get_mut(&leg).map_or(Ok(()), |r| r.append(&octets)))
            }
            FileOp::Finish { leg } => (leg, open.remove(&leg).map_or(Ok(()), |mut r| r.write_header())),
        };
        if let Err(e) = done {
            ended += 1;
            tracing::warn!("a recording ended before its call ({ended} since the start): {e}");
            if let Some(mut recording) = open.remove(&leg) {
                recording.cut();
            }
            reporter.send(Report::Unrecorded { leg, what: e.to_string() });
        }
        reporter.flush();
    }
}

struct Recording {
    file: File,
    codec: Codec,
    octets: u64,
    /// As many octets the header tells of.
    told: u64,
}

/// So many octets may be written before the header tells of them: a second.
const UNTOLD_MAX: u64 = 16_000;

impl Recording {
    fn create(path: &Path, codec: Codec) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut recording = Recording { file: File::create(path)?, codec, octets: 0, told: 0 };
        recording.write_header()?;
        Ok(recording)
    }

    fn append(&mut self, octets: &[u8]) -> io::Result<()> {
        self.file.write_all_at(octets, WAV_HEADER_OCTETS as u64 + self.octets)?;
        self.octets += octets.len() as u64;
        if self.octets - self.told >= UNTOLD_MAX {
            self.write_header()?;
        }
        Ok(())
    }

    /// Leaves all that was written whole.
    fn cut(&mut self) {
        // A wish: what the header does not tell of is not played in any case.
        let _ = self.file.set_len(WAV_HEADER_OCTETS as u64 + self.octets);
        let _ = self.write_header();
    }

    fn write_header(&mut self) -> io::Result<()> {
        self.told = self.octets;
        let frames = u32::try_from(self.octets / 2).unwrap_or(u32::MAX);
        self.file.write_all_at(&wav_header(self.codec, frames), 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drive::reporter::reports;

    const LEG: LegId = LegId(1);

    #[test]
    fn a_recording_is_a_wav_file_of_what_was_given() {
        let path = std::env::temp_dir().join(format!("trunkline-{}-a/recording.wav", std::process::id()));
        let (reporter, mut heard) = reports();
        let (files, thread) = start(reporter).unwrap();
        files.send(FileOp::Create { leg: LEG, file: path.clone(), codec: Codec::Pcmu });
        files.send(FileOp::Append { leg: LEG, octets: vec![1, 2, 3, 4] });
        files.send(FileOp::Append { leg: LEG, octets: vec![5, 6] });
        files.send(FileOp::Finish { leg: LEG });
        drop(files);
        thread.join().unwrap();
        let bytes = fs::read(&path).unwrap();
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
        assert_eq!(bytes[..WAV_HEADER_OCTETS], wav_header(Codec::Pcmu, 3));
        assert_eq!(bytes[WAV_HEADER_OCTETS..], [1, 2, 3, 4, 5, 6]);
        assert!(heard.try_recv().is_none());
    }

    #[test]
    fn a_file_that_cannot_be_written_is_reported_once() {
        for path in ["/dev/full", "/proc/none/recording.wav"] {
            let (reporter, mut heard) = reports();
            let (files, thread) = start(reporter).unwrap();
            files.send(FileOp::Create { leg: LEG, file: path.into(), codec: Codec::Pcmu });
            files.send(FileOp::Append { leg: LEG, octets: vec![1, 2] });
            files.send(FileOp::Finish { leg: LEG });
            drop(files);
            thread.join().unwrap();
            assert!(matches!(heard.try_recv(), Some(Report::Unrecorded { leg: LEG, .. })), "{path}");
            assert!(heard.try_recv().is_none(), "{path}");
        }
    }

    #[test]
    fn a_full_disk_leaves_a_whole_file_of_what_there_was_room_for() {
        let folder = std::env::temp_dir().join(format!("trunkline-{}-full", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let run = |program: &str, args: &[&str]| {
            std::process::Command::new(program)
                .args(args)
                .arg(&folder)
                .stderr(std::process::Stdio::null())
                .status()
        };
        let disk = ["-t", "tmpfs", "-o", "size=64k", "tmpfs"];
        if !run("mount", &disk).is_ok_and(|status| status.success()) {
            eprintln!("skipped: a small disk cannot be mounted here");
            return fs::remove_dir(&folder).unwrap();
        }
        let (reporter, mut heard) = reports();
        let (files, thread) = start(reporter).unwrap();
        let file = folder.join("recording.wav");
        files.send(FileOp::Create { leg: LEG, file: file.clone(), codec: Codec::Pcmu });
        for _ in 0..72 {
            files.send(FileOp::Append { leg: LEG, octets: vec![7; 2000] });
        }
        files.send(FileOp::Finish { leg: LEG });
        drop(files);
        thread.join().unwrap();
        let octets = fs::read(&file).unwrap();
        run("umount", &[]).unwrap();
        fs::remove_dir(&folder).unwrap();
        assert!(matches!(heard.try_recv(), Some(Report::Unrecorded { leg: LEG, .. })));
        assert!(heard.try_recv().is_none());
        let frames = (octets.len() - WAV_HEADER_OCTETS) / 2;
        assert_eq!(
            (octets[..WAV_HEADER_OCTETS] == wav_header(Codec::Pcmu, frames as u32), frames),
            (true, 32_000)
        );
    }

    #[test]
    fn a_file_goes_on_under_another_leg() {
        let path = std::env::temp_dir().join(format!("trunkline-{}-moved.wav", std::process::id()));
        let (reporter, mut heard) = reports();
        let (files, thread) = start(reporter).unwrap();
        files.send(FileOp::Create { leg: LEG, file: path.clone(), codec: Codec::Pcmu });
        files.send(FileOp::Append { leg: LEG, octets: vec![1, 2] });
        files.send(FileOp::Move { from: LEG, to: LegId(2) });
        files.send(FileOp::Finish { leg: LEG });
        files.send(FileOp::Append { leg: LegId(2), octets: vec![3, 4] });
        files.send(FileOp::Finish { leg: LegId(2) });
        drop(files);
        thread.join().unwrap();
        let octets = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(octets[WAV_HEADER_OCTETS..], [1, 2, 3, 4]);
        assert!(heard.try_recv().is_none());
    }

    #[test]
    fn a_disk_that_does_not_keep_up_is_told_to_the_worker() {
        let (to, _from) = unbounded();
        let files = Files { to, waiting: Arc::default() };
        let piece = || FileOp::Append { leg: LEG, octets: Vec::new() };
        assert!((0..RECORD_QUEUE).all(|_| files.send(piece())));
        assert!(!files.send(piece()));
        assert!(files.send(FileOp::Finish { leg: LEG }));
    }
}
