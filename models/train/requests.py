"""Whether callers are understood: requests spoken by voices that training never heard, over a line that loses packets.

  requests.py TRUNKLINE MODELS [VOICES] [LOSS]

The requests are those of the golden dialogues (dialplans/tests): the lines have not been given them as examples, and the model has not
been trained on them. Each is spoken by so many voices (by default 3), goes through 8 kHz mu-law with so many of a hundred packets of
20 ms lost (2), is written down by the model and understood from what the line has been given.
"""
import glob, json, os, random, re, subprocess, sys, tempfile, tomllib, wave
import numpy as np
from augment import mulaw
from domain import HERE, known, pinyin
from gen import EN_VOICES, FLITE_HELD, HELD, one_breath

trunkline, models = sys.argv[1:3]
voices, loss = int(sys.argv[3]) if len(sys.argv) > 3 else 3, float(sys.argv[4]) if len(sys.argv) > 4 else 2
r = random.Random(11)
DIALPLANS = f'{HERE}/../../dialplans'


def language(text):
    return 'zh' if re.search('[\u4e00-\u9fff]', text) else 'en'


def requests():
    """(line, intent, text) of what each golden dialogue begins with. What asks for two things at once is cut in two by the dialogue,
    which is not here."""
    for path in sorted(glob.glob(f'{DIALPLANS}/tests/*.toml')):
        told = tomllib.load(open(path, 'rb'))
        for dialogue in told['dialogue']:
            first = dialogue['caller'][0] if dialogue['caller'] else ''
            intent = dialogue.get('intent')
            if first and not first.startswith('key ') and isinstance(intent, str) and intent != 'agent' and len(dialogue['caller']) == 1 and ' and ' not in first:
                yield told['line'], intent, first


def spoken(text, lang):
    job = dict(engine='espeak', speed=r.randint(140, 190), pitch=r.randint(25, 75), gap=0, say=text, voice=r.choice(EN_VOICES[:6]) + '+' + r.choice(HELD))
    if lang == 'zh':
        job.update(say=' '.join(pinyin(text)), voice='cmn-latn-pinyin+' + r.choice(HELD))
    elif r.random() < 0.4:
        job.update(engine='flite', voice=FLITE_HELD[0], pitch=r.randint(90, 160), stretch=1.0)
    speech = one_breath(job).astype(np.float64) / 32768
    x = np.concatenate([np.zeros(1920), speech, np.zeros(4800)])
    for at in range(0, len(x), 160):
        if r.random() < loss / 100:
            x[at:at + 160] = 0
    return mulaw(x)


def accuracy(train, test):
    with tempfile.TemporaryDirectory() as folder:
        for name, rows in (('train', train), ('test', test)):
            with open(f'{folder}/{name}.jsonl', 'w') as f:
                f.writelines(json.dumps(row, ensure_ascii=False) + '\n' for row in rows)
        told = subprocess.run([trunkline, '--models', models, 'nlu', 'eval', '--json', '--train', f'{folder}/train.jsonl', '--test', f'{folder}/test.jsonl'],
                              capture_output=True, text=True, check=True).stdout
        return json.loads(told)['accuracy']


files = [tomllib.load(open(path, 'rb')) for path in glob.glob(f'{DIALPLANS}/*.toml')]
plans = {plan['line']['name']: plan for plan in files if 'line' in plan}
asked = {}
for line, intent, text in requests():
    asked.setdefault((line, language(text)), []).append((intent, text))
for (line, lang), some in sorted(asked.items()):
    plan = plans[line]
    train = [dict(text=t, intent=i['name'], lang=l) for i in plan['intent'] for l, texts in i['examples'].items() for t in texts]
    typed = []
    with tempfile.TemporaryDirectory() as folder:
        for n, (intent, text) in enumerate(some * voices):
            typed.append(dict(text=text, intent=intent, lang=lang))
            with wave.open(f'{folder}/{n:05}.wav', 'wb') as w:
                w.setnchannels(1), w.setsampwidth(2), w.setframerate(8000)
                w.writeframes((spoken(text.lower(), lang) * 32767).astype('<i2').tobytes())
        spoken_files = sorted(f'{folder}/{f}' for f in os.listdir(folder))
        out = subprocess.run([trunkline, '--models', models, 'asr', '--json', '--lang', lang, *spoken_files], capture_output=True, text=True, check=True).stdout
        heard = [dict(row, text=json.loads(line)['text']) for row, line in zip(typed, out.splitlines())]
    knows = [known(row['text'], lang) for row in typed]
    told = f'{line} {lang}: {len(some)} requests by {voices} voices: {accuracy(train, heard):.1%} understood; typed {accuracy(train, typed):.1%}'
    if any(knows):
        told += f'; those of known words only ({sum(knows) // voices}) {accuracy(train, [h for h, k in zip(heard, knows) if k]):.1%}'
    print(told)
