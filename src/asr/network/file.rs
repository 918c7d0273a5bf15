//! A whisper ggml file as numbers: header, mel filters, words, and every tensor made `f32` (whisper.cpp, `whisper_model_load`).

use crate::asr::model::{ModelHeader, check_header};
use std::collections::HashMap;

/// Octets of the magic number and the eleven numbers of the header.
const HEADER: usize = 48;
/// Values in a block of quantised ones.
const BLOCK: usize = 32;

/// A file that has been read whole.
#[derive(Debug)]
pub(super) struct File {
    pub(super) header: ModelHeader,
    /// Mel filters: a row of `bins` for each band.
    pub(super) bank: Vec<f32>,
    pub(super) bins: usize,
    pub(super) words: Vec<Vec<u8>>,
    tensors: HashMap<String, Tensor>,
}

#[derive(Debug)]
struct Tensor {
    /// Outermost first.
    shape: Vec<usize>,
    values: Vec<f32>,
}

impl File {
    /// Reads `octets`.
    ///
    /// # Errors
    /// When it is no whisper file, ends too early, or has tensors of a kind that is not read here.
    pub(super) fn read(octets: &[u8]) -> Result<File, String> {
        let header = check_header(octets, octets.len() as u64).map_err(|e| e.to_string())?;
        let mut rest = Rest(octets.get(HEADER..).unwrap_or_default());
        let (bands, bins) = (rest.count()?, rest.count()?);
        let bank = floats(rest.take(bands * bins * 4)?);
        let words = rest.count()?;
        let words: Vec<Vec<u8>> = (0..words).map(|_| rest.text()).collect::<Result<_, _>>()?;
        let mut tensors = HashMap::new();
        while !rest.0.is_empty() {
            let (dimensions, length, kind) = (rest.count()?, rest.count()?, rest.count()?);
            let mut shape = (0..dimensions).map(|_| rest.count()).collect::<Result<Vec<_>, _>>()?;
            shape.reverse();
            let name = String::from_utf8_lossy(rest.take(length)?).into_owned();
            let count = shape.iter().try_fold(1usize, |all, n| all.checked_mul(*n));
            let count =
                count.filter(|n| *n < octets.len() * 2).ok_or_else(|| format!("{name} is {shape:?}"))?;
            let values: Vec<f32> = match kind {
                0 => floats(rest.take(count * 4)?),
                1 => rest.take(count * 2)?.as_chunks().0.iter().map(|h| half(*h)).collect(),
                8 => rest.take(count / BLOCK * 34)?.as_chunks().0.iter().flat_map(q8_0).collect(),
                _ => return Err(format!("{name}: tensors of kind {kind} are not read")),
            };
            if values.len() != count {
                return Err(format!("{name}: {count} values are no whole number of blocks"));
            }
            tensors.insert(name, Tensor { shape, values });
        }
        Ok(File { header, bank, bins, words, tensors })
    }

    /// Takes a tensor out; its shape must be this one but for dimensions of 1.
    ///
    /// # Errors
    /// When there is none, or it has another shape.
    pub(super) fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
        let tensor = self.tensors.remove(name).ok_or_else(|| format!("there is no {name}"))?;
        let wide = |shape: &[usize]| shape.iter().copied().filter(|n| *n != 1).collect::<Vec<_>>();
        match wide(&tensor.shape) == wide(shape) {
            true => Ok(tensor.values),
            false => Err(format!("{name} is {:?} where {shape:?} is wanted", tensor.shape)),
        }
    }
}

/// What has not been read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, octets: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.0.split_at_checked(octets).ok_or("the file ends in the middle")?;
        self.0 = rest;
        Ok(taken)
    }

    /// A number that counts something, none of which a model has millions of.
    fn count(&mut self) -> Result<usize, String> {
        let octets: [u8; 4] = self.take(4)?.try_into().map_err(|_| "no number")?;
        let count = u32::from_le_bytes(octets) as usize;
        if count < 1 << 20 { Ok(count) } else { Err(format!("a count of {count}: the file is damaged")) }
    }

    fn text(&mut self) -> Result<Vec<u8>, String> {
        let length = self.count()?;
        Ok(self.take(length)?.to_vec())
    }
}

fn floats(octets: &[u8]) -> Vec<f32> {
    octets.as_chunks().0.iter().map(|f| f32::from_le_bytes(*f)).collect()
}

/// IEEE 754 binary16.
fn half(octets: [u8; 2]) -> f32 {
    let bits = u16::from_le_bytes(octets);
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
    let size = match exponent {
        0 => fraction * 2f32.powi(-24),
        31 => f32::INFINITY,
        _ => (1024.0 + fraction) * 2f32.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -size } else { size }
}

/// A block of ggml's q8_0: a scale in binary16 and 32 signed octets.
fn q8_0(block: &[u8; 34]) -> impl Iterator<Item = f32> {
    let [a, b, values @ ..] = *block;
    values.into_iter().map(move |v| f32::from(v as i8) * half([a, b]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_read_exactly() {
        for (bits, value) in [
            (0x3c00u16, 1.0),
            (0xc000, -2.0),
            (0x0001, 2f32.powi(-24)),
            (0x7bff, 65504.0),
            (0x3555, 0.333_251_95),
        ] {
            assert_eq!(half(bits.to_le_bytes()), value);
        }
    }

    #[test]
    fn a_file_that_ends_in_the_middle_is_refused_wherever_it_ends() {
        let whole = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/models/hotline-q8_0.bin")).unwrap();
        let mut file = File::read(&whole).unwrap();
        assert_eq!(file.take("decoder.ln.bias", &[128]).map(|v| v.len()), Ok(128));
        assert!(file.take("decoder.ln.weight", &[64]).unwrap_err().contains("[64] is wanted"));
        for cut in [0, 40, 60, 70_000, whole.len() / 2, whole.len() - 1] {
            assert!(File::read(&whole[..cut]).is_err(), "{cut}");
        }
    }
}
