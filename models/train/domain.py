"""The hotline domain: what the model can write down. English tokens are words, Mandarin tokens are characters.

The sentences are the examples of the sample dialplans (`dialplans/*.toml`), `universal.tsv` (words that every
line needs: yes, no, agent, digits' carriers), `everyday.tsv` (what hotlines are called about beside that) and the values of
`values.py`. Pinyin comes from pypinyin with tone sandhi.
"""
import glob, os, re, tomllib
import values
from pypinyin import Style, lazy_pinyin

HERE = os.path.dirname(os.path.abspath(__file__))
EN_DIGITS = [['zero', 'oh'], ['one'], ['two'], ['three'], ['four'], ['five'], ['six'], ['seven'], ['eight'], ['nine']]
ZH_DIGITS = [['零'], ['一', '幺'], ['二'], ['三'], ['四'], ['五'], ['六'], ['七'], ['八'], ['九']]
EN_EXTRA = 'ten eleven twelve twenty hundred double triple pound star please um'.split()
ZH_EXTRA = list('十百请')


def sentences():
    out = {'en': [], 'zh': []}
    for file in ('universal', 'everyday'):
        for line in open(f'{HERE}/{file}.tsv', encoding='utf-8'):
            lang, text = line.rstrip('\n').split('\t')
            out[lang].append(text)
    for path in sorted(glob.glob(f'{HERE}/../../dialplans/*.toml')):
        for intent in tomllib.load(open(path, 'rb')).get('intent', []):
            for lang, texts in intent['examples'].items():
                out[lang] += texts
    return {lang: sorted(set(texts)) for lang, texts in out.items()}


SENTENCES = sentences()
INITIAL = re.compile('([zcs]h|[bpmfdtnlgkhjqxrzcsyw])?(.*)')
EN_VALUES, ZH_VALUES = values.words()
EN_WORDS = sorted({w for s in SENTENCES['en'] for w in s.split()} | {w for d in EN_DIGITS for w in d} | set(EN_EXTRA) | EN_VALUES)
ZH_CHARS = sorted({c for s in SENTENCES['zh'] for c in s} | {c for d in ZH_DIGITS for c in d} | set(ZH_EXTRA) | ZH_VALUES)
VOCAB = [' '] + [' ' + w for w in EN_WORDS] + ZH_CHARS
TOK = {w: i for i, w in enumerate(VOCAB)}


def toks(text, lang):
    return [TOK[' ' + w] for w in text.split()] if lang == 'en' else [TOK[c] for c in text]


def units(row):
    """What is heard, whether or not the model can write it down: English words, Mandarin initials, and finals with their tone."""
    if row['lang'] == 'en':
        return row['text'].split()
    syllables = row['pinyin'].split() if 'pinyin' in row else pinyin(row['text'])
    return [part for syllable in syllables for part in INITIAL.match(syllable).groups() if part]


def followers():
    """What may follow each word of the sentences, by language; None begins and ends one."""
    out = {'en': {}, 'zh': {}}
    for lang, texts in SENTENCES.items():
        for text in texts:
            steps = [None, *(text.split() if lang == 'en' else text), None]
            for a, b in zip(steps, steps[1:]):
                out[lang].setdefault(a, []).append(b)
    return out


FOLLOWERS = followers()


def recombined(r, lang):
    """A sentence that nobody wrote: a walk along pairs of words, so that what is heard is not merely looked up."""
    words, at = [], None
    while len(words) < (9 if lang == 'en' else 14):
        at = r.choice(FOLLOWERS[lang][at])
        if at is None:
            break
        words.append(at)
    return (' ' if lang == 'en' else '').join(words)


def known(text, lang):
    """True if every token of the text is in the vocabulary."""
    return all((' ' + w in TOK) for w in text.split()) if lang == 'en' else all(c in TOK for c in text)


def pinyin(text):
    """One syllable with tone digit a character, neutral tone 5."""
    return lazy_pinyin(text, style=Style.TONE3, neutral_tone_with_five=True, tone_sandhi=True)


if __name__ == '__main__':
    print(len(EN_WORDS), 'words', len(ZH_CHARS), 'characters', len(VOCAB), 'tokens',
          {k: len(v) for k, v in SENTENCES.items()})
