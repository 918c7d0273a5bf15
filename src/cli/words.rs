//! `trunkline bench words`: how much of what people said each model gets wrong.

use super::Places;
use clap::Args;
use std::path::{Path, PathBuf};
use trunkline::base::{Answer, Lang};
use trunkline::drive::engine::Engine;
use trunkline::drive::{models, voice};

/// Speech whose words are known.
#[derive(Debug, Args)]
pub(super) struct Words {
    /// WAV files and, beside them, `transcripts.tsv`: a heading, then file, language and what is said, with tabs between.
    folder: PathBuf,
}

/// One file, and what is said in it: words of English, characters of Mandarin.
struct Speech {
    lang: Lang,
    said: Vec<String>,
    samples: Vec<i16>,
}

/// Errors and what was said, summed up over the files of a language.
#[derive(Default, Clone, Copy)]
struct Score {
    wrong: usize,
    said: usize,
}

pub(super) fn words(args: &Words, places: &Places) -> Result<(), String> {
    let speech = transcripts(&args.folder)?;
    let count = |lang| speech.iter().filter(|s| s.lang == lang).count();
    outln!(
        "{} English files, {} Mandarin; of 10 s at most are heard, at 8 kHz; wrong = (substituted + left out + added) / said\n",
        count(Lang::En),
        count(Lang::Zh)
    );
    outln!("{:<28} {:>14} {:>20}", "model", "English words", "Mandarin characters");
    for (path, found) in models::all(&places.models()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match found.and_then(|_| score(&path, &speech)) {
            Ok([zh, en]) => outln!("{name:<28} {:>14} {:>20}", percent(en), percent(zh)),
            Err(why) => outln!("{name:<28} {why}"),
        }
    }
    Ok(())
}

fn percent(Score { wrong, said }: Score) -> String {
    if said == 0 { "-".into() } else { format!("{:.1} % wrong", 100.0 * wrong as f64 / said as f64) }
}

/// Reads the list and the files in it; those without a transcript are passed over.
fn transcripts(folder: &Path) -> Result<Vec<Speech>, String> {
    let list = folder.join("transcripts.tsv");
    let text = std::fs::read_to_string(&list).map_err(|e| format!("{}: {e}", list.display()))?;
    let mut out = Vec::new();
    for (at, row) in text.lines().enumerate().skip(1) {
        let place = || format!("{}:{}", list.display(), at + 1);
        let mut cells = row.split('\t');
        let (Some(file), Some(code), Some(said)) = (cells.next(), cells.next(), cells.next()) else {
            return Err(format!("{}: wants file, language and text with tabs between", place()));
        };
        let lang = super::asr::lang(code).map_err(|e| format!("{}: the language {code}: {e}", place()))?;
        let said = split(lang, said);
        if !said.is_empty() {
            let samples =
                voice::read_wav(&folder.join(file)).map_err(|e| format!("{}: {file}: {e}", place()))?;
            out.push(Speech { lang, said, samples });
        }
    }
    Ok(out)
}

fn score(model: &Path, speech: &[Speech]) -> Result<[Score; 2], String> {
    let mut engine = Engine::load(model)?;
    let mut scores = [Score::default(); 2];
    for Speech { lang, said, samples } in speech {
        let heard = split(*lang, &engine.recognise(*lang, Answer::Sentence, samples)?.text);
        let score = &mut scores[usize::from(*lang == Lang::En)];
        score.wrong += strsim::generic_levenshtein(said, &heard);
        score.said += said.len();
    }
    Ok(scores)
}

/// Words in lower case, or characters; without punctuation.
fn split(lang: Lang, text: &str) -> Vec<String> {
    let plain: String =
        text.chars().filter(|c| c.is_alphanumeric() || c.is_whitespace() || *c == '\'').collect();
    match lang {
        Lang::En => plain.split_whitespace().map(str::to_lowercase).collect(),
        Lang::Zh => plain.chars().filter(|c| !c.is_whitespace()).map(String::from).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_characters_are_told_apart_from_what_is_around_them() {
        assert_eq!(split(Lang::En, " Ten of clubs, isn't it? "), ["ten", "of", "clubs", "isn't", "it"]);
        assert_eq!(split(Lang::Zh, "广州， 市。"), ["广", "州", "市"]);
    }

    #[test]
    fn a_list_that_cannot_be_read_says_where() {
        let folder = std::env::temp_dir().join(format!("trunkline-words-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let told = |rows: &str| {
            std::fs::write(folder.join("transcripts.tsv"), format!("file\tlang\ttext\n{rows}")).unwrap();
            transcripts(&folder).err()
        };
        assert!(told("a.wav\ten").unwrap().contains("transcripts.tsv:2: wants file"));
        assert!(told("a.wav\tfr\tbonjour").unwrap().contains(":2: the language fr"));
        assert!(told("a.wav\ten\thello").unwrap().contains("a.wav"));
        assert!(told("a.wav\tzh\t\tno transcript").is_none());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
