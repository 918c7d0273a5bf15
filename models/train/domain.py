"""The hotline domain: what the model can write down. English tokens are words, Mandarin tokens are characters.

The sentences are the examples of the sample dialplans (`dialplans/*.toml`) and `universal.tsv` (words that every
line needs: yes, no, agent, digits' carriers). Pinyin comes from pypinyin with tone sandhi.
"""
import glob, os, tomllib
from pypinyin import Style, lazy_pinyin

HERE = os.path.dirname(os.path.abspath(__file__))
EN_DIGITS = [['zero', 'oh'], ['one'], ['two'], ['three'], ['four'], ['five'], ['six'], ['seven'], ['eight'], ['nine']]
ZH_DIGITS = [['零'], ['一', '幺'], ['二'], ['三'], ['四'], ['五'], ['六'], ['七'], ['八'], ['九']]
EN_EXTRA = 'ten eleven twelve twenty hundred double triple pound star please um'.split()
ZH_EXTRA = list('十百请')


def sentences():
    out = {'en': [], 'zh': []}
    for line in open(f'{HERE}/universal.tsv', encoding='utf-8'):
        lang, text = line.rstrip('\n').split('\t')
        out[lang].append(text)
    for path in sorted(glob.glob(f'{HERE}/../../dialplans/*.toml')):
        for intent in tomllib.load(open(path, 'rb')).get('intent', []):
            for lang, texts in intent['examples'].items():
                out[lang] += texts
    return {lang: sorted(set(texts)) for lang, texts in out.items()}


SENTENCES = sentences()
EN_WORDS = sorted({w for s in SENTENCES['en'] for w in s.split()} | {w for d in EN_DIGITS for w in d} | set(EN_EXTRA))
ZH_CHARS = sorted({c for s in SENTENCES['zh'] for c in s} | {c for d in ZH_DIGITS for c in d} | set(ZH_EXTRA))
VOCAB = [' '] + [' ' + w for w in EN_WORDS] + ZH_CHARS
TOK = {w: i for i, w in enumerate(VOCAB)}


def toks(text, lang):
    return [TOK[' ' + w] for w in text.split()] if lang == 'en' else [TOK[c] for c in text]


def known(text, lang):
    """True if every token of the text is in the vocabulary."""
    return all((' ' + w in TOK) for w in text.split()) if lang == 'en' else all(c in TOK for c in text)


def pinyin(text):
    """One syllable with tone digit a character, neutral tone 5."""
    return lazy_pinyin(text, style=Style.TONE3, neutral_tone_with_five=True, tone_sandhi=True)


if __name__ == '__main__':
    print(len(EN_WORDS), 'words', len(ZH_CHARS), 'characters', len(VOCAB), 'tokens',
          {k: len(v) for k, v in SENTENCES.items()})
