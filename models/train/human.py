"""Human speech as training shards: human.py DIR OUTDIR

DIR holds pairs NAME.ogg / NAME.json (8 kHz; rows of lang, text, speaker, off, n in samples). Writes human.npy/.json to train on and
human-held.npy/.json of speakers (English) and words (Mandarin, one speaker) that training never hears. Rows with a
word outside the vocabulary are left out. Needs ffmpeg.
"""
import json, subprocess, sys, zlib
import numpy as np
from domain import known

src, out = sys.argv[1:3]
HELD_SPEAKERS = {'fsdd-theo', 'fsdd-nicolas'}
shards = {'human': ([], []), 'human-held': ([], [])}
for name in ('en-digits', 'en-commands', 'zh-words'):
    pcm = subprocess.run(['ffmpeg', '-v', 'error', '-i', f'{src}/{name}.ogg', '-f', 's16le', '-ar', '8000', '-ac', '1', '-'], capture_output=True, check=True).stdout
    audio = np.frombuffer(pcm, np.int16)
    for row in json.load(open(f'{src}/{name}.json')):
        text = row.get('text', '')
        if not text or not known(text, row['lang']):
            continue
        key = row['speaker'] if row['lang'] == 'en' else text
        held = key in HELD_SPEAKERS or (not key.startswith('fsdd') and zlib.crc32(key.encode()) % 6 == 0)
        index, parts = shards['human-held' if held else 'human']
        y = audio[row['off']:row['off'] + row['n']].astype(np.float32)
        if len(y) < 800 or np.abs(y).max() < 50:
            continue
        parts.append((y / np.abs(y).max() * 12000).astype(np.int16))
        index.append(dict(lang=row['lang'], text=text, voice='human:' + row['speaker'], n=len(parts[-1])))
for name, (index, parts) in shards.items():
    off = 0
    for row in index:
        row['off'] = off
        off += row['n']
    np.save(f'{out}/{name}.npy', np.concatenate(parts))
    json.dump(index, open(f'{out}/{name}.json', 'w'), ensure_ascii=False)
    print(name, len(index), {k: sum(r['lang'] == k for r in index) for k in ('en', 'zh')})
