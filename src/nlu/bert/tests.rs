use super::*;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

const WIDTH: usize = 4;
const INNER: usize = 6;
const LAYERS: usize = 3;
const CONFIG: &str = r#"{"model_type": "bert", "hidden_act": "gelu", "num_attention_heads": 2,
    "num_hidden_layers": 3, "layer_norm_eps": 1e-12}"#;
const TOKENIZER: &str = r###"{"version": "1.0", "added_tokens": [], "normalizer": {"type": "Lowercase"},
    "pre_tokenizer": {"type": "Whitespace"},
    "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}, "decoder": null,
    "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
        "vocab": {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "water": 4, "off": 5}}}"###;

fn weights() -> Vec<u8> {
    weights_as(Dtype::F32)
}

/// The number in so many octets; what has no room is cut off.
fn octets(value: f32, dtype: Dtype) -> Vec<u8> {
    let bits = value.to_bits();
    match dtype {
        Dtype::F16 => {
            let exponent = (bits >> 23 & 255).saturating_sub(112);
            let size = if exponent == 0 { 0 } else { exponent << 10 | bits >> 13 & 1023 };
            ((bits >> 31 << 15 | size) as u16).to_le_bytes().to_vec()
        }
        Dtype::BF16 => ((bits >> 16) as u16).to_le_bytes().to_vec(),
        _ => value.to_le_bytes().to_vec(),
    }
}

/// Weights that count up a sine: the nth of all is sin(0.7 n) / 2.
fn weights_as(dtype: Dtype) -> Vec<u8> {
    let mut parts: Vec<(String, Vec<usize>)> = Vec::new();
    let mut part = |name: &str, shape: &[usize]| parts.push((name.to_owned(), shape.to_vec()));
    part("embeddings.word_embeddings.weight", &[6, WIDTH]);
    part("embeddings.position_embeddings.weight", &[TOKENS_MAX, WIDTH]);
    part("embeddings.token_type_embeddings.weight", &[2, WIDTH]);
    part("embeddings.LayerNorm.weight", &[WIDTH]);
    part("embeddings.LayerNorm.bias", &[WIDTH]);
    for layer in 0..LAYERS {
        let mut dense = |name: &str, shape: &[usize]| {
            part(&format!("encoder.layer.{layer}.{name}.weight"), shape);
            part(&format!("encoder.layer.{layer}.{name}.bias"), &shape[..1]);
        };
        for name in ["self.query", "self.key", "self.value", "output.dense"] {
            dense(&format!("attention.{name}"), &[WIDTH, WIDTH]);
        }
        dense("attention.output.LayerNorm", &[WIDTH]);
        dense("intermediate.dense", &[INNER, WIDTH]);
        dense("output.dense", &[WIDTH, INNER]);
        dense("output.LayerNorm", &[WIDTH]);
    }
    let mut at = 0;
    let mut next = || {
        at += 1;
        ((f64::from(at - 1) * 0.7).sin() * 0.5) as f32
    };
    let octets: Vec<Vec<u8>> = parts
        .iter()
        .map(|(_, shape)| (0..shape.iter().product()).flat_map(|_: usize| octets(next(), dtype)).collect())
        .collect();
    let views = parts.iter().zip(&octets).map(|((name, shape), octets)| {
        (name.as_str(), TensorView::new(dtype, shape.clone(), octets).unwrap())
    });
    safetensors::serialize(views, None).unwrap()
}

fn files(weights: &[u8]) -> Files<'_> {
    Files { config: CONFIG.as_bytes(), tokenizer: TOKENIZER.as_bytes(), weights, pooling: None }
}

/// What the same network gives in numpy, in double precision.
#[test]
fn the_network_computes_what_another_implementation_does() {
    let weights = weights();
    let vector = Bert::load(files(&weights)).unwrap().embed("Water OFF");
    let expected =
        [-0.572_497, -0.116_993, 0.353_286, -0.183_708, 0.347_751, 0.182_782, -0.121_277, 0.575_284];
    assert_eq!(vector.len(), expected.len());
    for (got, wanted) in vector.iter().zip(expected) {
        assert!((got - wanted).abs() < 1e-5, "{vector:?}");
    }
}

#[test]
fn weights_of_16_bits_give_nearly_the_same() {
    let [whole, half, brain] = [Dtype::F32, Dtype::F16, Dtype::BF16]
        .map(|d| Bert::load(files(&weights_as(d))).unwrap().embed("Water OFF"));
    for (other, near) in [(half, 0.999_99), (brain, 0.999)] {
        assert_ne!(other, whole);
        let cosine: f32 = other.iter().zip(&whole).map(|(a, b)| a * b).sum();
        assert!(cosine > near, "{cosine}");
    }
    let fails = Bert::load(files(&weights_as(Dtype::I32))).unwrap_err();
    assert!(fails.contains("is of I32; F32, F16 and BF16 are read"), "{fails}");
}

#[test]
fn a_text_of_any_length_has_a_vector() {
    let weights = weights();
    let bert = Bert::load(files(&weights)).unwrap();
    for text in ["", "water", &"water off ".repeat(500), "停水了"] {
        let length: f32 = bert.embed(text).iter().map(|v| v * v).sum();
        assert!((length - 1.0).abs() < 1e-4, "{text}");
    }
}

#[test]
fn a_file_that_does_not_fit_is_named() {
    let weights = weights();
    let fails = |files: Files<'_>, with: &str| {
        let why = Bert::load(files).unwrap_err();
        assert!(why.contains(with), "{why}");
    };
    fails(Files { weights: &weights[..weights.len() - 1], ..files(&weights) }, "model.safetensors");
    fails(Files { weights: b"", ..files(&weights) }, "model.safetensors");
    fails(Files { tokenizer: b"{}", ..files(&weights) }, "tokenizer.json");
    fails(Files { config: b"{}", ..files(&weights) }, "config.json");
    fails(Files { pooling: Some(b"?"), ..files(&weights) }, "1_Pooling/config.json");
    let other = CONFIG.replace("\"bert\"", "\"t5\"");
    fails(Files { config: other.as_bytes(), ..files(&weights) }, "only `bert`");
    let more = CONFIG.replace("\"num_hidden_layers\": 3", "\"num_hidden_layers\": 4");
    fails(Files { config: more.as_bytes(), ..files(&weights) }, "encoder.layer.3");
    let heads = CONFIG.replace("heads\": 2", "heads\": 3");
    fails(Files { config: heads.as_bytes(), ..files(&weights) }, "do not fit");
}
