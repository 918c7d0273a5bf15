//! What the network is made of: products of matrices, norms, the soft maximum. Rows of numbers lie one after the other.

use super::file::File;
use rten_gemm::{BiasVector, GemmExecutor, GemmInputA, GemmInputB, GemmOptions, PackedBMatrix};
use rten_simd::{SimdOp, SimdUnaryOp};
use rten_tensor::prelude::*;
use rten_tensor::{Matrix, NdTensorView};
use rten_vecmath::{Gelu, Normalize, NormalizeOptions, Softmax, Sum, SumSquareSub};

/// Multiplies by the widest instructions that this machine has.
pub(super) struct Gemm(GemmExecutor);

/// The right side of a product, laid out for it.
pub(super) type Packed = PackedBMatrix<f32>;

impl Gemm {
    pub(super) fn new() -> Gemm {
        Gemm(GemmExecutor::new())
    }

    pub(super) fn packed(&self, right: Matrix<f32>) -> Packed {
        self.0.prepack_b(right)
    }

    /// `out` = `left` · `right` + `bias`, and what was in `out` if that is to be kept.
    pub(super) fn product(
        &self,
        left: Matrix<f32>,
        right: GemmInputB<f32>,
        bias: Option<&[f32]>,
        keep: bool,
        out: &mut [f32],
    ) -> Result<(), String> {
        let options = GemmOptions {
            beta: if keep { 1.0 } else { 0.0 },
            bias: bias.map(BiasVector::Row),
            ..GemmOptions::default()
        };
        self.0.gemm(out, GemmInputA::Unpacked(left), right, options).map_err(|e| e.to_string())
    }
}

/// `rows` × `columns` numbers in `values`, with so many from one row, and from one column, to the next.
pub(super) fn matrix(
    values: &[f32],
    [rows, columns]: [usize; 2],
    steps: [usize; 2],
) -> Result<Matrix<'_>, String> {
    NdTensorView::from_slice_with_strides([rows, columns], values, steps).map_err(|e| e.to_string())
}

/// `values` as rows of `columns`.
pub(super) fn rows(values: &[f32], columns: usize) -> Result<Matrix<'_>, String> {
    matrix(values, [values.len() / columns, columns], [columns, 1])
}

/// x · W + b.
pub(super) struct Linear {
    weight: Packed,
    bias: Vec<f32>,
    outputs: usize,
}

impl Linear {
    /// From weights as PyTorch has them: a row of `inputs` for each output.
    pub(super) fn new(gemm: &Gemm, weight: &[f32], bias: Vec<f32>, inputs: usize) -> Result<Linear, String> {
        let outputs = bias.len();
        Ok(Linear { weight: gemm.packed(matrix(weight, [inputs, outputs], [1, inputs])?), bias, outputs })
    }

    pub(super) fn read(
        gemm: &Gemm,
        file: &mut File,
        name: &str,
        [outputs, inputs]: [usize; 2],
    ) -> Result<Linear, String> {
        let weight = file.take(&format!("{name}.weight"), &[outputs, inputs])?;
        let bias = file.take(&format!("{name}.bias"), &[outputs])?;
        Linear::new(gemm, &weight, bias, inputs)
    }

    /// Several of the same inputs as one: `parts` are names under `name`, each with `width` outputs. A key has no bias; a query is
    /// multiplied by `scale`.
    pub(super) fn joined(
        gemm: &Gemm,
        file: &mut File,
        name: &str,
        parts: &[&str],
        width: usize,
        scale: f32,
    ) -> Result<Linear, String> {
        let (mut weights, mut biases) = (Vec::new(), Vec::new());
        for part in parts {
            let by = if *part == "query" { scale } else { 1.0 };
            let weight = file.take(&format!("{name}.{part}.weight"), &[width, width])?;
            let bias = match *part {
                "key" => vec![0.0; width],
                _ => file.take(&format!("{name}.{part}.bias"), &[width])?,
            };
            weights.extend(weight.into_iter().map(|w| w * by));
            biases.extend(bias.into_iter().map(|b| b * by));
        }
        Linear::new(gemm, &weights, biases, width)
    }

    pub(super) fn of(&self, gemm: &Gemm, left: Matrix<f32>) -> Result<Vec<f32>, String> {
        let mut out = vec![0.0; left.size(0) * self.outputs];
        gemm.product(left, GemmInputB::Packed(&self.weight), Some(&self.bias), false, &mut out)?;
        Ok(out)
    }

    /// Adds to what is in `out`.
    pub(super) fn add(&self, gemm: &Gemm, left: Matrix<f32>, out: &mut [f32]) -> Result<(), String> {
        gemm.product(left, GemmInputB::Packed(&self.weight), Some(&self.bias), true, out)
    }
}

/// A layer's norm.
pub(super) struct Norm {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Norm {
    pub(super) fn read(file: &mut File, name: &str, width: usize) -> Result<Norm, String> {
        let mut one = |part| file.take(&format!("{name}.{part}"), &[width]);
        Ok(Norm { weight: one("weight")?, bias: one("bias")? })
    }

    pub(super) fn of(&self, x: &[f32]) -> Vec<f32> {
        let mut out = x.to_vec();
        let width = self.weight.len() as f32;
        for row in out.chunks_exact_mut(self.weight.len()) {
            let mean = Sum::new(row).dispatch() / width;
            let variance = SumSquareSub::new(row, mean).dispatch() / width;
            let options = NormalizeOptions {
                pre_scale_bias: mean,
                scale: (variance + 1e-5).sqrt().recip(),
                element_scale: Some(&self.weight),
                element_bias: Some(&self.bias),
                ..NormalizeOptions::default()
            };
            Normalize::new_mut(row, options).dispatch();
        }
        out
    }
}

/// The two layers of neurons at the end of each block.
pub(super) struct Mlp {
    norm: Norm,
    first: Linear,
    second: Linear,
}

impl Mlp {
    pub(super) fn read(gemm: &Gemm, file: &mut File, block: &str, width: usize) -> Result<Mlp, String> {
        Ok(Mlp {
            norm: Norm::read(file, &format!("{block}.mlp_ln"), width)?,
            first: Linear::read(gemm, file, &format!("{block}.mlp.0"), [4 * width, width])?,
            second: Linear::read(gemm, file, &format!("{block}.mlp.2"), [width, 4 * width])?,
        })
    }

    /// Adds what it makes of `x` to it.
    pub(super) fn add_to(&self, gemm: &Gemm, x: &mut [f32], width: usize) -> Result<(), String> {
        let mut inner = self.first.of(gemm, rows(&self.norm.of(x), width)?)?;
        gelu(&mut inner);
        self.second.add(gemm, rows(&inner, 4 * width)?, x)
    }
}

/// Writes what one head saw into its columns of `out`, from `head` on: of each row of `width`, the `part` numbers of a row of `seen`.
pub(super) fn place(out: &mut [f32], width: usize, head: usize, seen: &[f32], part: usize) {
    for (row, seen) in out.chunks_exact_mut(width).zip(seen.chunks_exact(part)) {
        row.iter_mut().skip(head).zip(seen).for_each(|(to, from)| *to = *from);
    }
}

pub(super) fn gelu(x: &mut [f32]) {
    Gelu {}.map_mut(x);
}

pub(super) fn soft_maximum(x: &mut [f32], columns: usize) {
    for row in x.chunks_exact_mut(columns) {
        Softmax::new_mut(row).dispatch();
    }
}
