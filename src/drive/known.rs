//! Models that are known to work, and where they are: for listening whisper in ggml form, as whisper.cpp's authors publish it (MIT), for
//! speaking piper's voices.

const PUBLISHER: &str = "https://huggingface.co";

/// A published file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Its name.
    pub file: String,
    pub url: String,
    pub octets: u64,
    pub sha256: &'static str,
}

/// A model that can be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// What it is called here.
    pub name: &'static str,
    /// Its size in octets.
    pub octets: u64,
    /// SHA-256, as the publisher's file list has it.
    pub sha256: &'static str,
    pub about: &'static str,
}

/// All of them, smallest first.
pub const KNOWN: &[Known] = &[
    Known {
        name: "tiny",
        octets: 77_691_713,
        sha256: "be07e048e1e599ad46341c8d2a135645097a538221678b7acdd1b1919c6e1b21",
        about: "39 M parameters, 99 languages; English it hears well, Mandarin poorly",
    },
    Known {
        name: "base",
        octets: 147_951_465,
        sha256: "60ed5bc3dd14eea856493d334349b405782ddcaf0028d4b5df4088345fba2efe",
        about: "74 M parameters, 99 languages",
    },
    Known {
        name: "small",
        octets: 487_601_967,
        sha256: "1be3a9b2063867b937e64e2ec7483364a79917e157fa98c5d94b5c1fffea987b",
        about: "244 M parameters, 99 languages",
    },
    Known {
        name: "large-v3-turbo-q5_0",
        octets: 574_041_195,
        sha256: "394221709cd5ad1f40c46e6031ca61bce88931e6e088c188294c6d5a55ffa7e2",
        about: "809 M parameters in five bits, 99 languages",
    },
    Known {
        name: "medium",
        octets: 1_533_763_059,
        sha256: "6c14d5adee5f86394037b4e4e8b59f1673b6cee10e3cf0b11bbdbee79c156208",
        about: "769 M parameters, 99 languages",
    },
    Known {
        name: "large-v3-turbo",
        octets: 1_624_555_275,
        sha256: "1fc70f774d38eb169993ac391eea357ef47c88757ef72ee5943879b7e8e2bc69",
        about: "809 M parameters, 99 languages",
    },
    Known {
        name: "large-v3",
        octets: 3_095_033_483,
        sha256: "64d182b440b98d5203c4f9bd541544d84c605196c4f7b845dfa11fb23594d1e2",
        about: "1550 M parameters, 99 languages",
    },
];

impl Known {
    /// The model of this name, as it is called here or as its file is.
    pub fn named(name: &str) -> Option<&'static Known> {
        KNOWN.iter().find(|k| k.name == name || k.file() == name)
    }

    /// Its file's name.
    pub fn file(&self) -> String {
        format!("ggml-{}.bin", self.name)
    }

    /// The file, and where it is.
    pub fn published(&self) -> Published {
        let file = self.file();
        let url = format!("{PUBLISHER}/ggerganov/whisper.cpp/resolve/main/{file}");
        Published { file, url, octets: self.octets, sha256: self.sha256 }
    }
}

/// A piper voice that can be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownVoice {
    /// What it is called, here and there.
    pub name: &'static str,
    /// The folder that it is published in.
    folder: &'static str,
    /// Octets and SHA-256 of the network, and of the JSON beside it.
    pub octets: u64,
    sha256: &'static str,
    json: (u64, &'static str),
    pub about: &'static str,
}

/// One for each language.
pub const KNOWN_VOICES: &[KnownVoice] = &[
    KnownVoice {
        name: "en_US-joe-medium",
        folder: "en/en_US/joe/medium",
        octets: 63_201_294,
        sha256: "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06",
        json: (4794, "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33"),
        about: "English, a man; data CC0",
    },
    KnownVoice {
        name: "zh_CN-huayan-medium",
        folder: "zh/zh_CN/huayan/medium",
        octets: 63_201_294,
        sha256: "9929917bf8cabb26fd528ea44d3a6699c11e87317a14765312420be230be0f3d",
        json: (4822, "d521dc45504a8ccc99e325822b35946dd701840bfb07e3dbb31a40929ed6a82b"),
        about: "Mandarin, a woman; the licence of its data is not stated",
    },
];

impl KnownVoice {
    /// The voice of this name, as it is called or as its file is.
    pub fn named(name: &str) -> Option<&'static KnownVoice> {
        KNOWN_VOICES.iter().find(|k| k.name == name.strip_suffix(".onnx").unwrap_or(name))
    }

    /// The network and the JSON beside it.
    pub fn published(&self) -> [Published; 2] {
        let (json_octets, json_sha256) = self.json;
        [(".onnx", self.octets, self.sha256), (".onnx.json", json_octets, json_sha256)].map(
            |(ending, octets, sha256)| {
                let file = format!("{}{ending}", self.name);
                let url = format!("{PUBLISHER}/rhasspy/piper-voices/resolve/main/{}/{file}", self.folder);
                Published { file, url, octets, sha256 }
            },
        )
    }
}

/// What Silero's detector of speech is called here.
pub const DETECTOR: &str = "silero";

/// Silero's detector of speech, version 6.2.3, as its authors publish it (MIT): the form that rten runs fastest.
pub fn detector() -> Published {
    let file = "silero_vad_op18_ifless.onnx".to_owned();
    let url = format!("https://github.com/snakers4/silero-vad/raw/master/src/silero_vad/data/{file}");
    let sha256 = "7671cd04b004e9076da0d4a7b1a5aec36adf161c39230c1cb94a4fd5db6bbd28";
    Published { file, url, octets: 2_845_718, sha256 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_order_and_each_is_found_by_both_names() {
        assert!(KNOWN.windows(2).all(|pair| pair[0].octets < pair[1].octets));
        for known in KNOWN {
            assert_eq!(known.sha256.len(), 64);
            assert_eq!(Known::named(known.name), Some(known));
            assert_eq!(Known::named(&known.file()), Some(known));
        }
        assert_eq!(Known::named("huge"), None);
        for known in KNOWN_VOICES {
            assert_eq!(KnownVoice::named(&format!("{}.onnx", known.name)), Some(known));
            assert!(known.published().iter().all(|p| p.sha256.len() == 64 && p.url.ends_with(&p.file)));
        }
    }
}
