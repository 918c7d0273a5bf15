"""How many whole utterances a model gets right, as the server runs it: all, and by what they are. Where digits are said, they were asked for.

  evaluate.py TRUNKLINE MODELS SHARD [COUNT] [SNR_DB]

SHARD is the OUT of gen.py or human.py; it is heard as 8 kHz mu-law with white noise, by default 15 dB below the speech.
"""
import json, os, subprocess, sys, tempfile, wave
from collections import Counter
import numpy as np
from augment import mulaw
from domain import EN_DIGITS, SENTENCES, ZH_DIGITS

DIGITS = {word for words in EN_DIGITS + ZH_DIGITS for word in words}


def kind(row):
    words = row['text'].split() if row['lang'] == 'en' else list(row['text'])
    if set(words) <= DIGITS:
        return 'four digits or fewer' if len(words) <= 4 else 'more digits'
    return 'sentences of the lines' if row['text'] in SENTENCES[row['lang']] else 'others'


trunkline, models, shard = sys.argv[1:4]
wanted = int(sys.argv[4]) if len(sys.argv) > 4 else 400
snr_db = float(sys.argv[5]) if len(sys.argv) > 5 else 15.0
audio, rows = np.load(shard + '.npy'), json.load(open(shard + '.json'))
rows = rows[::max(1, len(rows) // wanted)]
noise = np.random.default_rng(1)
right, total, ms = Counter(), Counter(), []
with tempfile.TemporaryDirectory() as folder:
    asked = {}  # (language, whether digits were asked for): files and what is said in them
    for lang in ('en', 'zh'):
        for i, row in enumerate(r for r in rows if r['lang'] == lang):
            x = audio[row['off']:row['off'] + row['n']].astype(np.float64) / 32768
            x = np.concatenate([np.zeros(1920), x, np.zeros(4800)])
            level = np.sqrt((x ** 2).sum() / row['n'])
            x = mulaw(np.clip(x + noise.standard_normal(len(x)) * level * 10 ** (-snr_db / 20), -1, 1))
            file = f'{folder}/{lang}{i:05}.wav'
            with wave.open(file, 'wb') as w:
                w.setnchannels(1), w.setsampwidth(2), w.setframerate(8000)
                w.writeframes((x * 32767).astype('<i2').tobytes())
            asked.setdefault((lang, 'digits' in kind(row)), []).append((file, row))
    for (lang, digits), some in asked.items():
        command = [trunkline, '--models', models, 'asr', '--json', '--lang', lang, *['--digits'] * digits]
        out = subprocess.run([*command, *[file for file, _ in some]], capture_output=True, text=True, check=True).stdout
        for (_, row), line in zip(some, out.splitlines()):
            heard = json.loads(line)
            ms.append(heard['ms'])
            for what in ('all', kind(row)):
                total[lang, what] += 1
                right[lang, what] += heard['text'].split() == row['text'].split()
for key, count in sorted(total.items()):
    print(f"{os.path.basename(shard)} {key[0]}, {key[1]}: {right[key]} of {count} whole utterances right ({100 * right[key] / count:.0f} %)")
print(f'median {np.median(ms):.0f} ms, 95 % within {np.percentile(ms, 95):.0f} ms')
