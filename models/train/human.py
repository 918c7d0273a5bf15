"""Human speech as training shards: human.py DIR OUTDIR

DIR holds pairs NAME.ogg / NAME.json (8 kHz; rows of lang, text, speaker, off, n in samples). Writes human.npy/.json to train on and
human-held.npy/.json of speakers (English) and words (Mandarin, one speaker) that training never hears. What cannot be
written down with the vocabulary is heard in training all the same: the encoder learns its sounds. Digits are joined to strings too. Needs ffmpeg.
"""
import json, random, re, subprocess, sys, zlib
import numpy as np
from domain import EN_DIGITS, known, pinyin

src, out = sys.argv[1:3]
HELD_SPEAKERS = {'fsdd-theo', 'fsdd-nicolas'}
DIGITS = {word for words in EN_DIGITS for word in words}
SYLLABLE = re.compile('[a-zü]+[1-5]')
shards = {'human': ([], []), 'human-held': ([], [])}
for name in ('en-digits', 'en-commands', 'zh-words', 'zh-syllables'):
    pcm = subprocess.run(['ffmpeg', '-v', 'error', '-i', f'{src}/{name}.ogg', '-f', 's16le', '-ar', '8000', '-ac', '1', '-'], capture_output=True, check=True).stdout
    audio = np.frombuffer(pcm, np.int16)
    for row in json.load(open(f'{src}/{name}.json')):
        text = row.get('text', '')
        try:
            heard = row['text'] if row['lang'] == 'en' else row['pinyin'] if 'pinyin' in row else ' '.join(pinyin(text))
        except KeyError:
            continue
        if row['lang'] == 'zh' and not all(SYLLABLE.fullmatch(s) for s in heard.split()):
            continue
        key = row['speaker'] if row['lang'] == 'en' else text or heard
        held = key in HELD_SPEAKERS or (not key.startswith('fsdd') and zlib.crc32(key.encode()) % 6 == 0)
        if held and not (text and known(text, row['lang'])):
            continue
        index, parts = shards['human-held' if held else 'human']
        y = audio[row['off']:row['off'] + row['n']].astype(np.float32)
        if len(y) < 800 or np.abs(y).max() < 50:
            continue
        parts.append((y / np.abs(y).max() * 12000).astype(np.int16))
        spoken = {} if text else dict(pinyin=heard)
        index.append(dict(lang=row['lang'], text=text, **spoken, voice='human:' + row['speaker'], n=len(parts[-1])))


def strings(index, parts, count=1500):
    """Digit strings, joined from digits that one speaker said one by one."""
    r, digits = random.Random(3), {}
    for row, part in zip(index, parts):
        if row['text'] in DIGITS:
            digits.setdefault(row['voice'], []).append((row['text'], part))
    for _ in range(count):
        voice = r.choice(sorted(digits))
        some = r.choices(digits[voice], k=r.randint(2, 6))
        gaps = [np.zeros(int(8000 * r.uniform(0, 0.12)), np.int16) for _ in some]
        parts.append(np.concatenate([x for (_, said), gap in zip(some, gaps) for x in (said, gap)]))
        index.append(dict(lang='en', text=' '.join(text for text, _ in some), voice=voice, n=len(parts[-1])))


strings(*shards['human'])
for name, (index, parts) in shards.items():
    off = 0
    for row in index:
        row['off'] = off
        off += row['n']
    np.save(f'{out}/{name}.npy', np.concatenate(parts))
    json.dump(index, open(f'{out}/{name}.json', 'w'), ensure_ascii=False)
    print(name, len(index), {k: sum(r['lang'] == k for r in index) for k in ('en', 'zh')})
