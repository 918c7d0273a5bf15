"""A whisper-shaped network for 8 kHz telephone speech, and its export to whisper.cpp's file format.

What makes it fit a telephone: the mel filters cover 80-3800 Hz only (64 bands), the window is 10 s (512 positions of
20 ms), and one channel of the decoder's last layer is a constant 1, so that empty vocabulary rows can be given a bias
of -30. whisper.cpp needs at least 51864 tokens with its special tokens at fixed places; the rows between are empty.
"""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import ggmlwhisper
from domain import VOCAB

WIDTH, HEADS, ENCODER_LAYERS, DECODER_LAYERS = 128, 4, 8, 2
MELS, AUDIO_CTX, TEXT_CTX = 64, 512, 64
V = len(VOCAB)
# Training uses a small vocabulary: the words, then end, start, English, Mandarin, transcribe, no timestamps.
EOT, SOT, ENGLISH, MANDARIN, TRANSCRIBE, NO_TIMESTAMPS = range(V, V + 6)
WHISPER_IDS = {EOT: 50257, SOT: 50258, ENGLISH: 50259, MANDARIN: 50260, TRANSCRIBE: 50359, NO_TIMESTAMPS: 50363}
HYPER = dict(n_vocab=51865, n_audio_ctx=AUDIO_CTX, n_audio_state=WIDTH, n_audio_head=HEADS,
             n_audio_layer=ENCODER_LAYERS, n_text_ctx=TEXT_CTX, n_text_state=WIDTH, n_text_head=HEADS,
             n_text_layer=DECODER_LAYERS, n_mels=MELS)


def mel_bank(low=80.0, high=3800.0, warp=1.0, bands=MELS, bins=201, rate=16000):
    """Triangular filters on a mel scale of the telephone band; `warp` stands for the length of the vocal tract."""
    mel = lambda hz: 1127 * np.log1p(np.asarray(hz) / 700.0)
    hertz = lambda m: 700 * np.expm1(np.asarray(m) / 1127.0)
    points = hertz(np.linspace(mel(low), mel(high), bands + 2)) * warp
    fft = np.arange(bins) * rate / 2 / (bins - 1)
    width = np.maximum(np.diff(points), 40.0)
    bank = np.zeros((bands, bins))
    for i in range(bands):
        rising = (fft - points[i + 1] + width[i]) / width[i]
        falling = (points[i + 1] + width[i + 1] - fft) / width[i + 1]
        bank[i] = np.maximum(0, np.minimum(rising, falling))
    bank /= np.maximum(bank.sum(1, keepdims=True), 1e-9)
    bank *= 0.02
    bank[:, fft >= 4000] = 0
    return bank.astype(np.float32)


MEL = mel_bank()
PLAIN = torch.tensor(MEL[:, :101])
WARPS = [torch.tensor(mel_bank(warp=a)[:, :101]) for a in np.linspace(0.84, 1.04, 9)] + [PLAIN]
WINDOW = torch.hann_window(200)


def log_mel(audio, bank):
    """Whisper's log-mel of 8 kHz audio [batch, samples]: what whisper.cpp computes of it at 16 kHz."""
    spectrum = torch.stft(audio, 200, 80, 200, WINDOW, center=True, pad_mode='reflect', return_complex=True)
    power = (spectrum.real ** 2 + spectrum.imag ** 2)[..., :-1] * 4.0
    log = torch.log10(torch.matmul(bank, power).clamp_min(1e-10))
    top = log.amax((1, 2), keepdim=True)
    return (torch.maximum(log, top - 8.0) + 4) / 4


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.query = nn.Linear(WIDTH, WIDTH)
        self.key = nn.Linear(WIDTH, WIDTH, bias=False)
        self.value = nn.Linear(WIDTH, WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, x, audio=None, causal=False):
        source = x if audio is None else audio
        split = lambda t: t.view(t.shape[0], t.shape[1], HEADS, -1).transpose(1, 2)
        y = F.scaled_dot_product_attention(split(self.query(x)), split(self.key(source)), split(self.value(source)), is_causal=causal)
        return self.out(y.transpose(1, 2).reshape(x.shape))


class Block(nn.Module):
    def __init__(self, cross):
        super().__init__()
        self.cross = cross
        self.attn, self.attn_ln = Attention(), nn.LayerNorm(WIDTH)
        if cross:
            self.cross_attn, self.cross_attn_ln = Attention(), nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))
        self.mlp_ln = nn.LayerNorm(WIDTH)

    def forward(self, x, audio=None):
        x = x + self.attn(self.attn_ln(x), causal=self.cross)
        if self.cross:
            x = x + self.cross_attn(self.cross_attn_ln(x), audio)
        return x + self.mlp(self.mlp_ln(x))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv1d(MELS, WIDTH, 3, padding=1)
        self.conv2 = nn.Conv1d(WIDTH, WIDTH, 3, stride=2, padding=1)
        self.register_buffer('pe', torch.tensor(ggmlwhisper.sinusoids(AUDIO_CTX, WIDTH)))
        self.blocks = nn.ModuleList([Block(False) for _ in range(ENCODER_LAYERS)])
        self.ln_post = nn.LayerNorm(WIDTH)

    def forward(self, mel):
        x = F.gelu(self.conv2(F.gelu(self.conv1(mel)))).transpose(1, 2)
        x = x + self.pe[:x.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.ln_post(x)


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.token_embedding = nn.Embedding(V + 6, WIDTH)
        self.positional_embedding = nn.Parameter(torch.randn(TEXT_CTX, WIDTH) * 0.02)
        nn.init.normal_(self.token_embedding.weight, std=0.04)
        self.blocks = nn.ModuleList([Block(True) for _ in range(DECODER_LAYERS)])
        self.ln = nn.LayerNorm(WIDTH)

    def forward(self, tokens, audio):
        x = self.token_embedding(tokens) + self.positional_embedding[:tokens.shape[1]]
        for block in self.blocks:
            x = block(x, audio)
        x = self.ln(x)
        # The last channel is a constant 1: its column of the embedding is the output bias.
        x = torch.cat([x[..., :-1], torch.ones_like(x[..., :1])], -1)
        return x @ self.token_embedding.weight.T


class Model(nn.Module):
    """`units`: what the side loss tells apart, see `domain.units`."""

    def __init__(self, units):
        super().__init__()
        self.units = units
        self.encoder, self.decoder = Encoder(), Decoder()
        # A side loss on the encoder that makes attention lock on, and learns from what has no spelling here; not exported.
        self.ctc = nn.Linear(WIDTH, len(units) + 1)

    def start_from(self, path):
        """Loads a checkpoint, or an exported file without its side loss, that may know other words and have fewer layers:
        rows of words that both know are kept, new ones stay random, and a new layer adds nothing at first. True if the
        side loss came with it."""
        checkpoint = imported(path) if path.endswith('.bin') else torch.load(path)
        state, old = dict(checkpoint['state']), {w: i for i, w in enumerate(checkpoint['vocab'])}
        new = self.state_dict()
        embedding = new['decoder.token_embedding.weight']
        for i, word in enumerate(VOCAB):
            if word in old:
                embedding[i] = state['decoder.token_embedding.weight'][old[word]]
        embedding[V:] = state['decoder.token_embedding.weight'][len(old):]
        weight, bias = new['ctc.weight'], new['ctc.bias']
        if whole := 'ctc.weight' in state:
            heard = {unit: i + 1 for i, unit in enumerate(checkpoint['units'])}
            bias[:] = state['ctc.bias'].min()
            for i, j in [(0, 0)] + [(i + 1, heard[unit]) for i, unit in enumerate(self.units) if unit in heard]:
                weight[i], bias[i] = state['ctc.weight'][j], state['ctc.bias'][j]
        for name, tensor in new.items():
            if name not in state and name.endswith(('attn.out.weight', 'attn.out.bias', 'mlp.2.weight', 'mlp.2.bias')):
                tensor.zero_()
        state.update({'decoder.token_embedding.weight': embedding, 'ctc.weight': weight, 'ctc.bias': bias})
        self.load_state_dict(new | state)
        return whole

    def save(self, path):
        torch.save(dict(vocab=VOCAB, units=self.units, state=self.state_dict()), path)


def imported(path):
    """An exported file as a checkpoint. What was rounded for it stays rounded, and the side loss is not in it."""
    _, words, tensors = ggmlwhisper.read(path)
    del tensors['encoder.positional_embedding']
    table = tensors['decoder.token_embedding.weight']
    tensors['decoder.token_embedding.weight'] = table[list(range(len(words))) + list(WHISPER_IDS.values())]
    flat = lambda name, array: array.reshape(-1) if name.endswith('bias') else array
    return dict(vocab=words, state={name: torch.tensor(flat(name, array)) for name, array in tensors.items()})


def export(model, path, kind='q8_0'):
    """Writes the model as whisper.cpp reads it."""
    state = {k: v.detach().numpy().copy() for k, v in model.state_dict().items()}
    tensors = {}
    for name, shape in ggmlwhisper.shapes(HYPER).items():
        if name == 'encoder.positional_embedding':
            tensors[name] = state['encoder.pe']
        elif name == 'decoder.token_embedding.weight':
            table = np.zeros(shape, np.float32)
            table[:, -1] = -30.0
            table[:V] = state[name][:V]
            for ours, theirs in WHISPER_IDS.items():
                table[theirs] = state[name][ours]
            tensors[name] = table
        else:
            tensors[name] = state[name].reshape(shape)
            if name.startswith('decoder.ln.'):
                tensors[name][-1] = 0 if name.endswith('weight') else 1
    ggmlwhisper.write(path, HYPER, tensors, VOCAB, MEL, kind)
