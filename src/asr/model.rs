//! A listening model's file, checked before it is loaded: some damaged files abort the process that loads them.

use std::fmt;

/// ggml's magic number, little-endian.
const MAGIC: u32 = 0x6767_6d6c;

/// What a whisper ggml file's header says (whisper.cpp, `whisper_model_load`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelHeader {
    pub vocabulary: i32,
    /// Positions of the encoder's window; each is 20 ms.
    pub audio_ctx: i32,
    pub audio_state: i32,
    pub audio_heads: i32,
    pub audio_layers: i32,
    /// Tokens of a text, with what comes before it.
    pub text_ctx: i32,
    pub text_heads: i32,
    pub text_layers: i32,
    pub mels: i32,
}

/// Why a file is not a usable model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelError {
    TooShort,
    /// Not ggml, or another byte order.
    Magic(u32),
    /// A field of the header is out of any model's range.
    Header(&'static str, i32),
    /// The file's SHA-256 is not the one in the list beside it.
    Digest,
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ModelError::TooShort => write!(f, "the file is too short to be a model: it was not copied whole"),
            ModelError::Magic(m) => {
                write!(f, "not a whisper ggml model (magic {m:08x}): use a ggml .bin, not .pt or .gguf")
            }
            ModelError::Header(field, value) => write!(f, "damaged header: {field} = {value}"),
            ModelError::Digest => write!(f, "its SHA-256 is not the one that is known for it: copy it anew"),
        }
    }
}

/// Reads and checks the header.
///
/// # Errors
/// When the file cannot be a whisper model.
pub fn check_header(head: &[u8], file_octets: u64) -> Result<ModelHeader, ModelError> {
    let word = |i: usize| {
        let bytes: [u8; 4] = head.get(i * 4..i * 4 + 4)?.try_into().ok()?;
        Some(i32::from_le_bytes(bytes))
    };
    let field = |i: usize, name, range: std::ops::RangeInclusive<i32>| {
        let value = word(i).ok_or(ModelError::TooShort)?;
        if range.contains(&value) { Ok(value) } else { Err(ModelError::Header(name, value)) }
    };
    let magic = word(0).ok_or(ModelError::TooShort)? as u32;
    if magic != MAGIC {
        return Err(ModelError::Magic(magic));
    }
    let header = ModelHeader {
        vocabulary: field(1, "n_vocab", 51_864..=60_000)?,
        audio_ctx: field(2, "n_audio_ctx", 1..=4096)?,
        audio_state: field(3, "n_audio_state", 16..=4096)?,
        audio_heads: field(4, "n_audio_head", 1..=64)?,
        audio_layers: field(5, "n_audio_layer", 1..=128)?,
        text_ctx: field(6, "n_text_ctx", 8..=4096)?,
        text_heads: field(8, "n_text_head", 1..=64)?,
        text_layers: field(9, "n_text_layer", 1..=128)?,
        mels: field(10, "n_mels", 1..=256)?,
    };
    // The embedding table alone, at the least bits a weight that ggml has (q4: 4.5), bounds the file from below.
    let least = header.vocabulary as u64 * header.audio_state as u64 * 9 / 16;
    if file_octets < least { Err(ModelError::TooShort) } else { Ok(header) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(words: [i32; 12]) -> Vec<u8> {
        words.iter().flat_map(|w| w.to_le_bytes()).collect()
    }

    const GOOD: [i32; 12] = [MAGIC as i32, 51865, 512, 128, 4, 3, 64, 128, 4, 2, 64, 2009];

    #[test]
    fn a_good_header_is_read() {
        let header = check_header(&head(GOOD), 6_000_000).unwrap();
        assert_eq!((header.audio_ctx, header.mels), (512, 64));
    }

    #[test]
    fn damage_is_named() {
        assert_eq!(check_header(&[], 0), Err(ModelError::TooShort));
        assert!(
            check_header(b"GGUFxxxxxxxxxxxxxxxxxxxxx", 100)
                .unwrap_err()
                .to_string()
                .contains("not a whisper")
        );
        let mut bad = GOOD;
        bad[2] = -7;
        assert_eq!(check_header(&head(bad), 6_000_000), Err(ModelError::Header("n_audio_ctx", -7)));
        assert_eq!(check_header(&head(GOOD), 1000), Err(ModelError::TooShort), "truncated");
    }
}
