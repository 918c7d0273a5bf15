//! What follows a text, by what the encoder made of the speech: one token further for several texts at once.

use super::file::File;
use super::layers::{Gemm, Linear, Mlp, Norm, Packed, matrix, place, rows, soft_maximum};
use crate::base::Lang;
use rten_gemm::GemmInputB;
use rten_simd::SimdOp;
use rten_vecmath::{LogSoftmax, Softmax};

/// Whisper's tokens in many languages: where texts end, where the languages stand after the start, and what is asked for.
const VOCABULARY: i32 = 51_865;
const END: usize = 50_257;
const START: usize = 50_258;
const TRANSCRIBE: usize = 50_359;
const NO_TIMESTAMPS: usize = 50_363;

/// Added to the logit of a word that is not expected: it is a seventh as likely beside one that is. Of 250 single digits that people said 1.6 of 100 more
/// are right by it, at 15 dB as in quiet; 3 in its place wins another 0.4 at 15 dB and none in quiet.
const UNEXPECTED: f32 = -2.0;

/// Some of a network's words: what is added to each.
#[derive(Debug)]
pub struct Words(Vec<f32>);

pub(super) struct Decoder {
    width: usize,
    heads: usize,
    /// What each token is to the network: the words, the end, what comes before each text in either language.
    tokens: Vec<f32>,
    /// The words as they are written.
    words: Vec<Vec<u8>>,
    positions: Vec<f32>,
    blocks: Vec<Block>,
    norm: Norm,
    /// Words and the end, as what comes out.
    out: Packed,
}

struct Block {
    norm: Norm,
    /// Queries, keys and values, one after the other.
    inner: Linear,
    out: Linear,
    cross_norm: Norm,
    query: Linear,
    /// Of what the encoder made: keys, then values.
    seen: Linear,
    cross_out: Linear,
    mlp: Mlp,
}

/// What the decoder looks at: of each block and head the keys and the values.
pub(super) struct Seen {
    heads: Vec<Vec<[Packed; 2]>>,
    count: usize,
}

/// A text as far as it has been read: its last token, which has not been, and of each block the keys and values of those before.
#[derive(Clone)]
pub(super) struct Read {
    token: usize,
    memory: Vec<Vec<f32>>,
}

impl Read {
    /// With `token` after it.
    pub(super) fn with(&self, token: usize) -> Read {
        Read { token, memory: self.memory.clone() }
    }
}

impl Decoder {
    pub(super) fn read(gemm: &Gemm, file: &mut File) -> Result<Decoder, String> {
        let header = file.header;
        let [width, heads] = [header.audio_state, header.text_heads].map(|n| n as usize);
        if header.vocabulary != VOCABULARY {
            return Err(format!("a vocabulary of {} tokens", header.vocabulary));
        }
        let scale = (width as f32 / heads as f32).sqrt().recip();
        let table = file.take("decoder.token_embedding.weight", &[VOCABULARY as usize, width])?;
        let row = |token: usize| table.get(token * width..(token + 1) * width).unwrap_or_default();
        let (mut tokens, mut words) = (Vec::new(), Vec::new());
        for (token, word) in file.words.iter().take(END).enumerate() {
            // The last number is how often it is said at all. Rows without others stand for no word.
            if row(token).iter().rev().skip(1).any(|value| *value != 0.0) {
                tokens.extend(row(token));
                words.push(word.clone());
            }
        }
        tokens.extend(row(END));
        let out = gemm.packed(matrix(&tokens, [width, words.len() + 1], [1, width])?);
        let languages = Lang::ALL.map(|lang| START + 1 + usize::from(lang == Lang::Zh));
        for token in [START, TRANSCRIBE, NO_TIMESTAMPS].into_iter().chain(languages) {
            tokens.extend(row(token));
        }
        let positions = file.take("decoder.positional_embedding", &[header.text_ctx as usize, width])?;
        let mut blocks = Vec::new();
        for layer in 0..header.text_layers {
            let block = format!("decoder.blocks.{layer}");
            let (own, cross) = (format!("{block}.attn"), format!("{block}.cross_attn"));
            blocks.push(Block {
                norm: Norm::read(file, &format!("{own}_ln"), width)?,
                inner: Linear::joined(gemm, file, &own, &["query", "key", "value"], width, scale)?,
                out: Linear::read(gemm, file, &format!("{own}.out"), [width, width])?,
                cross_norm: Norm::read(file, &format!("{cross}_ln"), width)?,
                query: Linear::joined(gemm, file, &cross, &["query"], width, scale)?,
                seen: Linear::joined(gemm, file, &cross, &["key", "value"], width, scale)?,
                cross_out: Linear::read(gemm, file, &format!("{cross}.out"), [width, width])?,
                mlp: Mlp::read(gemm, file, &block, width)?,
            });
        }
        let norm = Norm::read(file, "decoder.ln", width)?;
        Ok(Decoder { width, heads, tokens, words, positions, blocks, norm, out })
    }

    /// The token that ends a text; those before it are words.
    pub(super) fn end(&self) -> usize {
        self.words.len()
    }

    /// Tokens that a text may have.
    pub(super) fn room(&self) -> usize {
        self.positions.len() / self.width - self.prompt(Lang::En).len()
    }

    pub(super) fn text(&self, tokens: &[usize]) -> String {
        let octets: Vec<u8> = tokens.iter().filter_map(|t| self.words.get(*t)).flatten().copied().collect();
        String::from_utf8_lossy(&octets).trim().to_owned()
    }

    /// What comes before each text.
    fn prompt(&self, lang: Lang) -> [usize; 4] {
        let [start, transcribe, no_timestamps, first] = [1, 2, 3, 4].map(|n| self.end() + n);
        let lang = first + Lang::ALL.iter().position(|l| *l == lang).unwrap_or_default();
        [start, lang, transcribe, no_timestamps]
    }

    /// See `Network::words`.
    pub(super) fn words(&self, wanted: impl Fn(&str) -> bool) -> Words {
        let others = self
            .words
            .iter()
            .map(|word| if wanted(String::from_utf8_lossy(word).trim()) { 0.0 } else { UNEXPECTED });
        Words(others.collect())
    }

    /// Looks at what the encoder made.
    pub(super) fn look(&self, gemm: &Gemm, audio: &[f32]) -> Result<Seen, String> {
        let (width, part) = (self.width, self.width / self.heads);
        let count = audio.len() / width;
        let mut heads = Vec::new();
        for block in &self.blocks {
            let seen = block.seen.of(gemm, rows(audio, width)?)?;
            let of = |at: usize| seen.get(at..).unwrap_or_default();
            let packed = |head: usize| {
                let keys = matrix(of(head), [part, count], [1, 2 * width])?;
                let values = matrix(of(width + head), [count, part], [2 * width, 1])?;
                Ok([gemm.packed(keys), gemm.packed(values)])
            };
            heads.push((0..width).step_by(part).map(packed).collect::<Result<_, String>>()?);
        }
        Ok(Seen { heads, count })
    }

    /// An empty text in this language.
    pub(super) fn start(&self, gemm: &Gemm, seen: &Seen, lang: Lang) -> Result<Read, String> {
        let [first, before @ ..] = self.prompt(lang);
        let mut read = Read { token: first, memory: vec![Vec::new(); self.blocks.len()] };
        for token in before {
            self.after(gemm, seen, std::slice::from_mut(&mut read), None)?;
            read.token = token;
        }
        Ok(read)
    }

    /// Reads the last token of each text: how likely each word is after it, and the end, as logarithms. All texts are of one length.
    pub(super) fn after(
        &self,
        gemm: &Gemm,
        seen: &Seen,
        texts: &mut [Read],
        expected: Option<&Words>,
    ) -> Result<Vec<f32>, String> {
        let width = self.width;
        let at = texts.first().and_then(|t| t.memory.first()).map_or(0, Vec::len) / (2 * width);
        let position = self.positions.get(at * width..(at + 1) * width).ok_or("a text is too long")?;
        let mut x = Vec::with_capacity(texts.len() * width);
        for text in &*texts {
            let token = self.tokens.get(text.token * width..(text.token + 1) * width).unwrap_or_default();
            x.extend(token.iter().zip(position).map(|(a, b)| a + b));
        }
        for (layer, (block, seen_here)) in self.blocks.iter().zip(&seen.heads).enumerate() {
            let inner = block.inner.of(gemm, rows(&block.norm.of(&x), width)?)?;
            let mut own = Vec::with_capacity(x.len());
            for (inner, text) in inner.chunks_exact(3 * width).zip(&mut *texts) {
                let (query, memory) = inner.split_at(width);
                let Some(remembered) = text.memory.get_mut(layer) else { continue };
                remembered.extend(memory);
                own.extend(remember(query, remembered, self.heads));
            }
            block.out.add(gemm, rows(&own, width)?, &mut x)?;
            let queries = block.query.of(gemm, rows(&block.cross_norm.of(&x), width)?)?;
            let heard = self.attend(gemm, &queries, seen_here, seen.count)?;
            block.cross_out.add(gemm, rows(&heard, width)?, &mut x)?;
            block.mlp.add_to(gemm, &mut x, width)?;
        }
        let likely = self.norm.of(&x);
        let mut logits = vec![0.0; texts.len() * (self.end() + 1)];
        gemm.product(rows(&likely, width)?, GemmInputB::Packed(&self.out), None, false, &mut logits)?;
        for row in logits.chunks_exact_mut(self.end() + 1) {
            if let Some(Words(others)) = expected {
                row.iter_mut().zip(others).for_each(|(logit, less)| *logit += less);
            }
            LogSoftmax::new_mut(row).dispatch();
        }
        Ok(logits)
    }

    /// What each query sees of the speech.
    fn attend(
        &self,
        gemm: &Gemm,
        queries: &[f32],
        heads: &[[Packed; 2]],
        count: usize,
    ) -> Result<Vec<f32>, String> {
        let (width, part) = (self.width, self.width / self.heads);
        let texts = queries.len() / width;
        let mut out = vec![0.0; queries.len()];
        let (mut weights, mut heard) = (vec![0.0; texts * count], vec![0.0; texts * part]);
        for (head, [keys, values]) in (0..width).step_by(part).zip(heads) {
            let queries = matrix(queries.get(head..).unwrap_or_default(), [texts, part], [width, 1])?;
            gemm.product(queries, GemmInputB::Packed(keys), None, false, &mut weights)?;
            soft_maximum(&mut weights, count);
            gemm.product(rows(&weights, count)?, GemmInputB::Packed(values), None, false, &mut heard)?;
            place(&mut out, width, head, &heard, part);
        }
        Ok(out)
    }
}

/// What a text's last token sees of those before it and of itself: `memory` has a row of keys and values for each.
fn remember(query: &[f32], memory: &[f32], heads: usize) -> Vec<f32> {
    let (width, part) = (query.len(), query.len() / heads);
    let mut out = vec![0.0; width];
    for head in (0..width).step_by(part) {
        let of =
            |row: &'_ [f32], at: usize| -> Vec<f32> { row.iter().skip(at).take(part).copied().collect() };
        let query = of(query, head);
        let mut weights: Vec<f32> = memory
            .chunks_exact(2 * width)
            .map(|row| of(row, head).iter().zip(&query).map(|(k, q)| k * q).sum())
            .collect();
        Softmax::new_mut(&mut weights).dispatch();
        for (row, weight) in memory.chunks_exact(2 * width).zip(weights) {
            let values = row.iter().skip(width + head).take(part);
            out.iter_mut().skip(head).zip(values).for_each(|(to, value)| *to += weight * value);
        }
    }
    out
}
