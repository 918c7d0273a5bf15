"""What a telephone does to speech, at random: speed, filters, reverberation, noise, level, clipping, mu-law."""
import os
import random
import numpy as np
from scipy.fft import irfft, rfft

# Of several processes that train one model, each hears other accidents.
RANK = int(os.environ.get('RANK', '0'))
R, RND = np.random.default_rng(5 + RANK), random.Random(7 + RANK)


def mulaw(x):
    """G.711 mu-law as companded quantisation to 8 bits."""
    y = np.sign(x) * np.log1p(255 * np.abs(x)) / np.log(256)
    y = np.round(y * 127) / 127
    return np.sign(y) * np.expm1(np.abs(y) * np.log(256)) / 255


def coloured_noise(n):
    size = 1 << (n - 1).bit_length()
    spectrum = rfft(R.standard_normal(size, np.float32))
    spectrum *= (np.arange(len(spectrum), dtype=np.float32) + 8) ** -np.float32(R.uniform(0, 1.0))
    noise = irfft(spectrum, size)[:n]
    return noise / (noise.std() + 1e-9)


def noise_only():
    """An item without words: hum, hiss, clicks."""
    n = int(8000 * RND.uniform(0.5, 3))
    x = coloured_noise(n) * 10 ** (RND.uniform(-60, -15) / 20)
    if RND.random() < 0.4:
        x = x * (R.random(n) < 0.002) * 3
    if RND.random() < 0.3:
        x = x + 0.1 * np.sin(2 * np.pi * RND.uniform(60, 2000) * np.arange(n) / 8000)
    return mulaw(np.clip(x, -1, 1)).astype(np.float32)


def through_a_line(x, hardness):
    """Random equalisation, band limits and reverberation, in the frequency domain."""
    n = len(x)
    size = 1 << (n - 1).bit_length()
    spectrum = rfft(x, size)
    hz = np.linspace(0, 4000, len(spectrum), dtype=np.float32)
    if RND.random() < 0.75 * hardness:
        knots = np.linspace(0, 4000, 7)
        gain_db = R.normal(0, 4.5, 7) + RND.uniform(-6, 6) * (knots / 4000 - 0.5)
        spectrum *= 10 ** (np.interp(hz, knots, gain_db).astype(np.float32) / 20)
    if RND.random() < 0.6:
        low, high = RND.uniform(120, 330), RND.uniform(3200, 3800)
        spectrum /= np.sqrt((1 + (low / np.maximum(hz, 1)) ** 6) * (1 + (hz / high) ** 24))
    if RND.random() < 0.35 * hardness:
        length = int(8000 * RND.uniform(0.03, 0.18))
        room = R.standard_normal(length, np.float32) * np.exp(-np.arange(length, dtype=np.float32) / (length / 6))
        room *= RND.uniform(0.1, 0.5) / np.sqrt((room ** 2).sum())
        room[0] += 1
        spectrum *= rfft(room, size)
    return irfft(spectrum, size)[:n]


def augment(speech, other_speech, hardness):
    """One utterance (int16, 8 kHz) as it might arrive. `hardness` 0-1 grows over the training."""
    x = speech.astype(np.float32) / 32768
    if RND.random() < 0.8:
        rate = RND.uniform(0.82, 1.2)
        x = np.interp(np.arange(int(len(x) / rate)) * rate, np.arange(len(x)), x).astype(np.float32)
    before = int(8000 * RND.choice([0.02, RND.uniform(0, 0.25), RND.uniform(0, 0.6)]))
    after = int(8000 * RND.uniform(0.08, 0.7))
    x = np.concatenate([np.zeros(before, np.float32), x, np.zeros(after, np.float32)])[:int(9.5 * 8000)]
    x = through_a_line(x, hardness)
    level = np.sqrt((x ** 2).mean()) + 1e-6
    if RND.random() < 0.8:
        snr_db, noise = RND.uniform(6 + 16 * (1 - hardness), 40), coloured_noise(len(x))
        if RND.random() < 0.25:
            noise = np.resize(other_speech().astype(np.float32), len(x))
            noise, snr_db = noise / (noise.std() + 1e-6), max(snr_db, 12)
        x = x + noise * level * 10 ** (-snr_db / 20)
    x = x / (np.abs(x).max() + 1e-6) * 10 ** (RND.uniform(-26, -0.5) / 20)
    if RND.random() < 0.05:
        x = np.clip(x * 2.5, -0.6, 0.6)
    return (mulaw(x) if RND.random() < 0.75 else x).astype(np.float32)
