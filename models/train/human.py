"""Human speech as training shards: human.py DIR OUTDIR

DIR holds pairs NAME.ogg / NAME.json (8 kHz; rows of lang, text, speaker, off, n in samples). Writes human.npy/.json to train on and
human-held.npy/.json of speakers (English) and words (Mandarin, one speaker) that training never hears. What cannot be
written down with the vocabulary is heard in training all the same: the encoder learns its sounds. English digits are joined to strings,
and Mandarin syllables to numbers and sentences. Needs ffmpeg.
"""
import json, random, re, subprocess, sys, zlib
import numpy as np
from domain import EN_DIGITS, SENTENCES, ZH_DIGITS, known, pinyin

src, out = sys.argv[1:3]
HELD_SPEAKERS = {'fsdd-theo', 'fsdd-nicolas'}
DIGITS = {word for words in EN_DIGITS for word in words}
SYLLABLE = re.compile('[a-zü]+[1-5]')
TEMPO = {'chen-wang': 1.7, 'davinfifield': 3.4}  # by which syllables that were said one by one are hastened for a sentence


def decoded(name, *options):
    """A file's samples at 8 kHz."""
    wanted = ['-f', 's16le', '-ar', '8000', '-ac', '1', '-']
    pcm = subprocess.run(['ffmpeg', '-v', 'error', '-i', f'{src}/{name}.ogg', *options, *wanted], capture_output=True, check=True).stdout
    return np.frombuffer(pcm, np.int16)


def even(y):
    """As loud as all others at its loudest."""
    return (y / np.abs(y).max() * 12000).astype(np.int16)


shards = {'human': ([], []), 'human-held': ([], [])}
for name in ('en-digits', 'en-commands', 'zh-words', 'zh-syllables'):
    audio = decoded(name)
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
        parts.append(even(y))
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
        index.append(dict(lang='en', text=' '.join(text for text, _ in some), voice=voice.replace('human', 'joined'), n=len(parts[-1])))


def sentences(index, parts, count=3000):
    """Mandarin numbers and sentences, joined from syllables that one speaker said one by one, hastened."""
    r, syllables, rows = random.Random(4), {}, json.load(open(f'{src}/zh-syllables.json'))
    for speaker, tempo in TEMPO.items():
        audio, said = decoded('zh-syllables', '-af', f'atempo={tempo ** 0.5},atempo={tempo ** 0.5}'), syllables.setdefault(speaker, {})
        for row in rows:
            y = audio[int(row['off'] / tempo):int((row['off'] + row['n']) / tempo)].astype(np.float32)
            loud = np.flatnonzero(np.abs(y) > 0.05 * np.abs(y).max(initial=0))
            if row['speaker'] == speaker and len(loud):
                said[row['pinyin']] = even(y[loud[0]:loud[-1] + 1])
    while count:
        voice, number = r.choice(sorted(syllables)), r.random() < 0.6
        text = ''.join(r.choice(r.choice(ZH_DIGITS)) for _ in range(r.randint(1, 8))) if number else r.choice(SENTENCES['zh'])
        # A syllable without a tone of its own is recorded by no one: the falling tone is nearest.
        some = [syllables[voice].get(s, syllables[voice].get(s[:-1] + '4')) for s in pinyin(text)]
        if any(part is None for part in some):
            continue
        gaps = [np.zeros(int(8000 * r.uniform(0, 0.06)), np.int16) for _ in some]
        parts.append(np.concatenate([x for pair in zip(some, gaps) for x in pair]))
        index.append(dict(lang='zh', text=text, voice='joined:' + voice, n=len(parts[-1])))
        count -= 1


strings(*shards['human'])
sentences(*shards['human'])
for name, (index, parts) in shards.items():
    off = 0
    for row in index:
        row['off'] = off
        off += row['n']
    np.save(f'{out}/{name}.npy', np.concatenate(parts))
    json.dump(index, open(f'{out}/{name}.json', 'w'), ensure_ascii=False)
    print(name, len(index), {k: sum(r['lang'] == k for r in index) for k in ('en', 'zh')})
