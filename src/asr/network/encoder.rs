//! Speech to what the decoder looks at: a row of numbers for each 20 ms.

use super::file::File;
use super::layers::{Gemm, Linear, Mlp, Norm, gelu, matrix, place, rows, soft_maximum};
use rten_gemm::GemmInputB;

pub(super) struct Encoder {
    width: usize,
    heads: usize,
    bands: usize,
    /// Over three rows at a time.
    convolutions: [Linear; 2],
    /// A row for each position.
    positions: Vec<f32>,
    blocks: Vec<Block>,
    norm: Norm,
}

struct Block {
    norm: Norm,
    /// Queries, keys and values, one after the other.
    inner: Linear,
    out: Linear,
    mlp: Mlp,
}

impl Encoder {
    pub(super) fn read(gemm: &Gemm, file: &mut File) -> Result<Encoder, String> {
        let header = file.header;
        let [width, heads, bands] = [header.audio_state, header.audio_heads, header.mels].map(|n| n as usize);
        let scale = (width as f32 / heads as f32).sqrt().recip();
        let convolutions = [
            convolution(gemm, file, "encoder.conv1", [width, bands])?,
            convolution(gemm, file, "encoder.conv2", [width, width])?,
        ];
        let positions = file.take("encoder.positional_embedding", &[header.audio_ctx as usize, width])?;
        let mut blocks = Vec::new();
        for layer in 0..header.audio_layers {
            let block = format!("encoder.blocks.{layer}");
            let attention = format!("{block}.attn");
            blocks.push(Block {
                norm: Norm::read(file, &format!("{attention}_ln"), width)?,
                inner: Linear::joined(gemm, file, &attention, &["query", "key", "value"], width, scale)?,
                out: Linear::read(gemm, file, &format!("{attention}.out"), [width, width])?,
                mlp: Mlp::read(gemm, file, &block, width)?,
            });
        }
        let norm = Norm::read(file, "encoder.ln_post", width)?;
        Ok(Encoder { width, heads, bands, convolutions, positions, blocks, norm })
    }

    /// Of a spectrogram with an even number of rows: half as many rows.
    pub(super) fn of(&self, gemm: &Gemm, mel: &[f32]) -> Result<Vec<f32>, String> {
        let [first, second] = &self.convolutions;
        let steps = mel.len() / self.bands;
        let padded = [&vec![0.0; self.bands], mel, &vec![0.0; self.bands]].concat();
        let mut fine = first.of(gemm, matrix(&padded, [steps, 3 * self.bands], [self.bands, 1])?)?;
        gelu(&mut fine);
        let padded = [&vec![0.0; self.width], &*fine, &vec![0.0; self.width]].concat();
        let mut x = second.of(gemm, matrix(&padded, [steps / 2, 3 * self.width], [2 * self.width, 1])?)?;
        gelu(&mut x);
        x.iter_mut().zip(&self.positions).for_each(|(x, at)| *x += at);
        for block in &self.blocks {
            let inner = block.inner.of(gemm, rows(&block.norm.of(&x), self.width)?)?;
            let seen = self.attend(gemm, &inner)?;
            block.out.add(gemm, rows(&seen, self.width)?, &mut x)?;
            block.mlp.add_to(gemm, &mut x, self.width)?;
        }
        Ok(self.norm.of(&x))
    }

    /// What each position sees of all, by queries, keys and values.
    fn attend(&self, gemm: &Gemm, inner: &[f32]) -> Result<Vec<f32>, String> {
        let (width, part) = (self.width, self.width / self.heads);
        let count = inner.len() / (3 * width);
        let mut out = vec![0.0; count * width];
        let mut weights = vec![0.0; count * count];
        let mut seen = vec![0.0; count * part];
        for head in (0..width).step_by(part) {
            let of = |which: usize| inner.get(which * width + head..).unwrap_or_default();
            let queries = matrix(of(0), [count, part], [3 * width, 1])?;
            let keys = matrix(of(1), [part, count], [1, 3 * width])?;
            gemm.product(queries, GemmInputB::Unpacked(keys), None, false, &mut weights)?;
            soft_maximum(&mut weights, count);
            let values = matrix(of(2), [count, part], [3 * width, 1])?;
            gemm.product(rows(&weights, count)?, GemmInputB::Unpacked(values), None, false, &mut seen)?;
            place(&mut out, width, head, &seen, part);
        }
        Ok(out)
    }
}

/// A convolution over three rows of `inputs` as a product: the rows lie one after the other.
fn convolution(
    gemm: &Gemm,
    file: &mut File,
    name: &str,
    [outputs, inputs]: [usize; 2],
) -> Result<Linear, String> {
    let weight = file.take(&format!("{name}.weight"), &[outputs, inputs, 3])?;
    let bias = file.take(&format!("{name}.bias"), &[outputs])?;
    let by_row = weight
        .chunks_exact(3 * inputs)
        .flat_map(|output| (0..3).flat_map(move |row| output.iter().skip(row).step_by(3).copied()));
    Linear::new(gemm, &by_row.collect::<Vec<_>>(), bias, 3 * inputs)
}
