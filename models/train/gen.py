"""Synthesise N utterances of the hotline domain with espeak-ng, flite, festival, RHVoice and Pico where they are installed, and,
if asked, a piper voice. A third of what espeak-ng says is said by voices drawn at random, half of them with an accent in English.

  gen.py SEED N OUT [held]     writes OUT.npy (8 kHz int16, all utterances joined) and OUT.json (lang, text, voice, off, n)

`held` uses only the voices that training never hears. With PIPER="trunkline --models FOLDER tts --voice NAME" all
English of this shard is spoken by that command.
"""
import json, os, random, shutil, subprocess, sys, tempfile
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from scipy.signal import resample_poly
import values
from domain import EN_DIGITS, EN_WORDS, SENTENCES, ZH_CHARS, ZH_DIGITS, pinyin, recombined
from values import AFTER, BEFORE

BAD = set('whisper whisperf croak Storm UniRobot robosoft robosoft2 robosoft3 robosoft4 robosoft5 robosoft6 robosoft7 '
          'robosoft8 Demonic Alien fast aunty grandma grandpa zac Half-LifeAnnouncementSystem Tweaky miguel Mike victor'
          .split())
ESPEAK_DATA = '/usr/lib/x86_64-linux-gnu/espeak-ng-data'
VARIANTS = sorted(v for v in os.listdir(f'{ESPEAK_DATA}/voices/!v') if v not in BAD and ' ' not in v)
HELD = [v for i, v in enumerate(VARIANTS) if i % 6 == 3]
TRAIN = [v for v in VARIANTS if v not in HELD]
EN_VOICES = ['en-us'] * 4 + ['en-gb'] * 2 + ['en-gb-scotland', 'en-gb-x-rp', 'en-gb-x-gbclan', 'en-gb-x-gbcwmd', 'en-029', 'en-us-nyc']
FLITE = ['kal16', 'awb', 'slt', 'kal']
FLITE_HELD = ['rms']
FESTIVAL = ['voice_ked_diphone', 'voice_cmu_us_slt_arctic_hts']
RHVOICE = ['alan', 'bdl', 'clb', 'slt']  # those whose licence allows all use
PICO = ['en-US', 'en-GB']
# Sounds that speakers of other languages put in place of English ones, in espeak-ng's names of phonemes.
ACCENTS = ['T s', 'T t', 'T f', 'D z', 'D d', 'r R', 'w v', 'v w', 'z s', 'I i', 'i: I', 'V a', 'aa a', 'h x']
# Of a hundred texts: strings of digits, values, sentences that nobody wrote, words at random; the others are sentences. Training
# has more of what is hard.
SHARES, SHARES_HELD = (25, 20, 17, 6), (20, 15, 12, 3)
DRAWN = 80  # of each kind; espeak-ng knows 350 voices at most, and comes with some 150 languages
DIGITS = {word for words in EN_DIGITS + ZH_DIGITS for word in words}
PIPER = os.environ.get('PIPER', '').split()


def digits(r, choices, join):
    return join.join(r.choice(r.choice(choices)) for _ in range(r.choice([1, 1, 1, 2, 3, 4, 4, 5, 6, 6, 8, 8, 8, 11])))


def breaths(r, words):
    """Where the breaths of these words begin and end: often there are several if it is a long number, now and then otherwise."""
    n = len(words)
    often = 0.5 if n >= 4 and set(words) <= DIGITS else 0.05 if n > 1 else 0
    pauses = r.randint(1, max(1, n // 3)) if r.random() < often else 0
    cuts = [0, *sorted(r.sample(range(1, n), pauses)), n]
    return list(zip(cuts, cuts[1:]))


def dressed(r, lang, text):
    """With what callers say before and after, now and then."""
    join = ' ' if lang == 'en' else ''
    before = [r.choice(BEFORE[lang])] if r.random() < 0.25 else []
    after = [r.choice(AFTER[lang])] if r.random() < 0.15 else []
    return join.join(before + [text] + after)


def spoken(r, lang, shares):
    choices, join = (EN_DIGITS, ' ') if lang == 'en' else (ZH_DIGITS, '')
    kind = r.choices(['digits', 'value', 'recombined', 'words', 'sentence'], [*shares, 100 - sum(shares)])[0]
    if kind == 'digits':
        return digits(r, choices, join)
    if kind == 'value':
        return {'en': values.english, 'zh': values.mandarin}[lang](r)
    if kind == 'recombined':
        return recombined(r, lang)
    if kind == 'words':
        return join.join(r.choice(EN_WORDS if lang == 'en' else ZH_CHARS) for _ in range(r.randint(1, 4)))
    s = r.choice(SENTENCES[lang])
    if s.endswith(('number is', '号是', '码是')):
        return s + join + digits(r, choices, join)
    return dressed(r, lang, s)


def draw_voices(r, folder):
    """A copy of espeak-ng's data in the folder, by links, whose variants are voices drawn at random: own0, own1 … and, with an
    accent, odd0, odd1 …"""
    copy = f'{folder}/espeak-ng-data'
    os.makedirs(f'{copy}/voices/!v')
    for name in os.listdir(ESPEAK_DATA):
        if name != 'voices':
            os.symlink(f'{ESPEAK_DATA}/{name}', f'{copy}/{name}')
    percent = lambda low, high: r.randint(low, high)
    for name in [f'{kind}{i}' for kind in ('own', 'odd') for i in range(DRAWN)]:
        tract = percent(82, 112)
        lines = ['language variant', f'name {name}', f'pitch {(low := percent(50, 160))} {low + percent(15, 90)}']
        lines += [f'formant {n} {tract + percent(-8, 8)} {percent(60, 125)} {percent(65, 130)}' for n in range(9)]
        lines += [f'consonants {percent(60, 120)} {percent(60, 120)}', f'roughness {percent(0, 5)}', f'flutter {percent(0, 6)}']
        lines += [f'tone {percent(90, 700)} {percent(80, 200)} {percent(750, 1500)} {percent(60, 150)} 2500 {percent(30, 150)}'] if r.random() < 0.5 else []
        lines += [f'replace 00 {pair}' for pair in r.sample(ACCENTS, r.randint(1, 5))] if name.startswith('odd') else []
        with open(f'{copy}/voices/!v/{name}', 'w') as f:
            f.write('\n'.join(lines) + '\n')


def to_8k(wav):
    i = wav.find(b'data')
    rate = int.from_bytes(wav[24:28], 'little')
    x = np.frombuffer(wav[i + 8:i + 8 + (len(wav) - i - 8) // 2 * 2], np.int16).astype(np.float32)
    y = {32000: lambda: resample_poly(x, 1, 4), 24000: lambda: resample_poly(x, 1, 3), 22050: lambda: resample_poly(x, 160, 441), 16000: lambda: resample_poly(x, 1, 2), 8000: lambda: x}[rate]()
    loud = np.where(np.abs(y) > max(30, np.abs(y).max() * 0.004))[0]
    if len(loud) == 0:
        return None
    y = y[max(0, loud[0] - 240):loud[-1] + 400]
    return (y / max(1, np.abs(y).max()) * 12000).astype(np.int16)


def synthesise(job):
    """What the job says, a breath at a time, with its pauses between them."""
    parts = [one_breath(job | {'say': say}) for say in job['say']]
    if any(part is None for part in parts):
        return None
    for at, pause in enumerate(job['pauses']):
        parts[at] = np.concatenate([parts[at], np.zeros(int(8000 * pause), np.int16)])
    y = np.concatenate(parts)
    return y if len(y) <= 8 * 8000 else None


def command(job, wav):
    """What writes that file; the text is on standard input, too."""
    say, voice, stretch, pitch = job['say'], job['voice'], job.get('stretch'), job['pitch']
    return {
        'piper': lambda: PIPER + [say, '-o', wav],
        'festival': lambda: ['text2wave', '-o', wav, '-eval', f"({voice}) (Parameter.set 'Duration_Stretch {stretch})"],
        'flite': lambda: ['flite', '-voice', voice, '--setf', f'duration_stretch={stretch}', '--setf', f'int_f0_target_mean={pitch}', '-t', say, '-o', wav],
        'rhvoice': lambda: ['RHVoice-test', '-p', voice, '-r', str(round(100 / stretch)), '-t', str(pitch), '-o', wav],
        'pico': lambda: ['pico2wave', '-l', voice, '-w', wav, f'<speed level="{round(100 / stretch)}"><pitch level="{pitch}">{say}</pitch></speed>'],
    }[job['engine']]()


def one_breath(job):
    try:
        if job['engine'] == 'espeak':
            cmd = ['espeak-ng', *job.get('data', ()), '-v', job['voice'], '-s', str(job['speed']), '-p', str(job['pitch']), '-g', str(job['gap']), '--stdout', job['say']]
            y = to_8k(subprocess.run(cmd, capture_output=True, check=True).stdout)
        else:
            with tempfile.NamedTemporaryFile(suffix='.wav') as f:
                subprocess.run(command(job, f.name), input=job['say'].encode(), capture_output=True, check=True)
                y = to_8k(open(f.name, 'rb').read())
        return y
    except (subprocess.CalledProcessError, KeyError, OSError):
        return None


def plan(r, held, drawn):
    """What one utterance says and how; `drawn`: the folder of `draw_voices`."""
    lang, shares = r.choice(['en', 'zh']), SHARES_HELD if held else SHARES
    variant, data = '+' + r.choice(HELD if held else TRAIN), []
    if not held and r.random() < 0.35:
        kind = 'odd' if lang == 'en' and r.random() < 0.5 else 'own'
        variant, data = f'+{kind}{r.randrange(DRAWN)}', [f'--path={drawn}']
    elif not held and r.random() < 0.15:
        variant = ''
    job = dict(lang=lang, engine='espeak', data=data, speed=min(235, max(105, int(r.gauss(165, 25)))), pitch=r.randint(15, 85), gap=r.choice([0, 0, 0, 0, 1, 2, 4, 8]))
    if lang == 'en':
        job['text'] = spoken(r, 'en', shares)
        words = sounds = job['text'].split()
        join = ' '
        engine, stretch = r.random(), round(r.uniform(0.75, 1.35), 2)
        if PIPER:
            job.update(engine='piper', voice=PIPER[-1])
        elif engine < 0.15 and not held:
            job.update(engine='festival', voice=r.choice(FESTIVAL), stretch=stretch)
        elif engine < 0.4:
            job.update(engine='flite', voice=r.choice(FLITE_HELD if held else FLITE), pitch=r.randint(80, 230), stretch=stretch)
        elif engine < 0.65 and not held and shutil.which('RHVoice-test'):
            job.update(engine='rhvoice', voice=r.choice(RHVOICE), pitch=r.randint(75, 130), stretch=stretch)
        elif engine < 0.8 and not held and shutil.which('pico2wave'):
            job.update(engine='pico', voice=r.choice(PICO), pitch=r.randint(70, 130), stretch=stretch)
        else:
            job['voice'] = r.choice(EN_VOICES) + variant
    else:
        job['text'] = spoken(r, 'zh', shares)
        words, sounds = list(job['text']), pinyin(job['text'])
        join = r.choice([' ', '', ' '])
        job['voice'] = 'cmn-latn-pinyin' + variant
    job['say'] = [join.join(sounds[a:b]) for a, b in breaths(r, words)]
    job['pauses'] = [round(r.uniform(0.15, 1.0), 2) for _ in job['say'][1:]]
    return job


if __name__ == '__main__':
    seed, n, out = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    r = random.Random(seed)
    with tempfile.TemporaryDirectory() as drawn, ThreadPoolExecutor(os.cpu_count()) as pool:
        draw_voices(r, drawn)
        jobs = [plan(r, len(sys.argv) > 4 and sys.argv[4] == 'held', drawn) for _ in range(n)]
        audio = list(pool.map(synthesise, jobs))
    index, parts, off = [], [], 0
    for job, y in zip(jobs, audio):
        if y is not None:
            index.append(dict(lang=job['lang'], text=job['text'], voice=job['engine'] + ':' + job['voice'], off=off, n=len(y)))
            parts.append(y)
            off += len(y)
    np.save(out + '.npy', np.concatenate(parts))
    json.dump(index, open(out + '.json', 'w'), ensure_ascii=False)
    print(out, len(index), 'utterances', round(off / 8000 / 3600, 2), 'h')
