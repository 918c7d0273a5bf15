//! The weights of a network in `model.safetensors`, by name.
//!
//! In: the octets of the file. Out: numbers of 32 bits, from those of 32 or 16 (F16, BF16) that are there. What is half as large on disk
//! takes the same room in memory, and the same time.

use ndarray::Array2;
use safetensors::{Dtype, SafeTensors};

/// Tensors by name; some files put `bert.` before all.
pub(super) struct Tensors<'a>(SafeTensors<'a>);

impl<'a> Tensors<'a> {
    pub(super) fn load(octets: &'a [u8]) -> Result<Tensors<'a>, String> {
        SafeTensors::deserialize(octets).map(Tensors).map_err(|e| format!("model.safetensors: {e}"))
    }

    pub(super) fn values(&self, name: &str) -> Result<(Vec<usize>, Vec<f32>), String> {
        let tensor = self.0.tensor(name).or_else(|_| self.0.tensor(&format!("bert.{name}")));
        let tensor = tensor.map_err(|e| format!("model.safetensors: {name}: {e}"))?;
        let twos = || tensor.data().as_chunks().0.iter().map(|b| u16::from_le_bytes(*b));
        let values = match tensor.dtype() {
            Dtype::F32 => tensor.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            Dtype::F16 => twos().map(half).collect(),
            // The upper half of an F32.
            Dtype::BF16 => twos().map(|b| f32::from_bits(u32::from(b) << 16)).collect(),
            other => {
                return Err(format!("model.safetensors: {name} is of {other:?}; F32, F16 and BF16 are read"));
            }
        };
        Ok((tensor.shape().to_vec(), values))
    }

    pub(super) fn matrix(&self, name: &str) -> Result<Array2<f32>, String> {
        let (shape, values) = self.values(name)?;
        let [rows, columns] = *shape.as_slice() else {
            return Err(format!("model.safetensors: {name} is no matrix"));
        };
        Array2::from_shape_vec((rows, columns), values).map_err(|e| format!("model.safetensors: {name}: {e}"))
    }
}

/// A number of 16 bits (IEEE 754 binary16): a sign, five bits of exponent, ten of fraction.
fn half(bits: u16) -> f32 {
    let (sign, exponent, fraction) =
        (u32::from(bits >> 15), u32::from(bits >> 10 & 31), u32::from(bits & 1023));
    let size = match exponent {
        0 => fraction as f32 / (1 << 24) as f32,
        31 => f32::from_bits(255 << 23 | fraction << 13),
        _ => f32::from_bits((exponent + 112) << 23 | fraction << 13),
    };
    if sign == 0 { size } else { -size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_16_bits_is_what_ieee_754_says() {
        for (bits, value) in
            [(0, 0.0), (0x3c00, 1.0), (0xc000, -2.0), (0x3555, 0.333_251_95), (0x7bff, 65504.0)]
        {
            assert_eq!(half(bits), value);
        }
        assert_eq!((half(1), half(0x03ff)), (2.0f32.powi(-24), 1023.0 * 2.0f32.powi(-24)));
        assert_eq!(half(0xfc00), f32::NEG_INFINITY);
        assert!(half(0x7e00).is_nan());
    }
}
