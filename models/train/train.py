"""Trains the listening model.

  DATA=folder SHARDS=tr1,tr2,human OUT=hotline [INIT=hotline.pt] [STEPS=15000] [TH=2] train.py

Shards come from gen.py and human.py; `held` and `human-held` in the same folder are what it is measured on. Every
thousand steps it prints whole utterances right and writes OUT.pt and OUT-q5_1.bin. Uses a GPU's time not at all: two
CPU cores do about 70 utterances a second.
"""
import json, math, os, time
import numpy as np
import torch
import torch.nn.functional as F
from augment import RND, augment, mulaw, noise_only
from domain import known, toks, units
from network import (AUDIO_CTX, ENGLISH, EOT, MANDARIN, NO_TIMESTAMPS, PLAIN, SOT, TRANSCRIBE, V, WARPS, MELS, Model, export, log_mel)

DATA, OUT = os.environ.get('DATA', '.'), os.environ.get('OUT', 'hotline')
SHARDS = os.environ.get('SHARDS', 'tr1').split(',')
STEPS, BATCH, RATE = int(os.environ.get('STEPS', '15000')), 32, float(os.environ.get('LR', '1.2e-3'))
torch.set_num_threads(int(os.environ.get('TH', '2')))


class Shards:
    """Audio and index of some shards, joined."""

    def __init__(self, names):
        self.rows, parts, offset = [], [], 0
        for name in names:
            rows, audio = json.load(open(f'{DATA}/{name}.json')), np.load(f'{DATA}/{name}.npy')
            for row in rows:
                row['off'] += offset
                row['heard'] = units(row)
            self.rows += rows
            parts.append(audio)
            offset += len(audio)
        self.audio = np.concatenate(parts)
        # Units of the side loss, from 1: 0 is CTC's blank.
        self.units = {unit: i + 1 for i, unit in enumerate(sorted({unit for row in self.rows for unit in row['heard']}))}

    def speech(self, row):
        return self.audio[row['off']:row['off'] + row['n']]

    def any_speech(self):
        return self.speech(RND.choice(self.rows))


def batch(data, rows, hardness=None):
    """Mel, decoder input, target, CTC target and its lengths. Without `hardness` nothing is augmented. A row that cannot
    be written down has no target for the decoder but its language."""
    audio, texts, heard = [], [], []
    for row in rows:
        if hardness is not None and RND.random() < 0.04:
            audio.append(noise_only())
            texts.append((RND.choice([ENGLISH, MANDARIN]), []))
            heard.append([])
            continue
        speech = data.speech(row)
        if hardness is None:
            quiet = lambda n: np.zeros(n, np.float32)
            audio.append(mulaw(np.concatenate([quiet(800), speech.astype(np.float32) / 32768, quiet(2400)])).astype(np.float32))
        else:
            audio.append(augment(speech, data.any_speech, hardness))
        text = toks(row['text'], row['lang']) if row['text'] and known(row['text'], row['lang']) else None
        texts.append((ENGLISH if row['lang'] == 'en' else MANDARIN, text))
        heard.append([data.units[unit] for unit in row['heard'] if unit in data.units])
    longest = max(map(len, audio)) + (0 if hardness is None else RND.choice([0, 0, RND.randint(0, 4800)]))
    longest = min((longest + 159) // 160 * 160, AUDIO_CTX * 160)
    padded = np.zeros((len(audio), longest), np.float32)
    for i, x in enumerate(audio):
        padded[i, :min(longest, len(x))] = x[:longest]
    warp = lambda: hardness is not None and RND.random() < 0.85 * hardness
    mel = log_mel(torch.from_numpy(padded), torch.stack([RND.choice(WARPS) if warp() else PLAIN for _ in audio]))
    if hardness is not None:
        mask(mel, hardness)
    length = max(len(t or []) for _, t in texts)
    tokens = torch.full((len(audio), length + 4), EOT)
    target = torch.full((len(audio), length + 4), -100)
    for i, (lang, text) in enumerate(texts):
        written = text or []
        tokens[i, :4 + len(written)] = torch.tensor([SOT, lang, TRANSCRIBE, NO_TIMESTAMPS] + written)
        target[i, 0] = -100 if text == [] else lang
        if text is not None:
            target[i, 3:4 + len(text)] = torch.tensor(text + [EOT])
    ctc = torch.tensor([k for one in heard for k in one], dtype=torch.long)
    return mel, tokens, target, ctc, torch.tensor([len(one) for one in heard])


def mask(mel, hardness):
    """SpecAugment: some bands and some frames are taken away."""
    for item in mel:
        mean = float(item.mean())
        for _ in range(2 if hardness > 0.5 else 0):
            width = RND.randint(0, 7)
            at = RND.randint(0, MELS - width)
            item[at:at + width] = mean
        if RND.random() < 0.5:
            width = RND.randint(0, 10)
            at = RND.randint(0, max(0, item.shape[1] - width))
            item[:, at:at + width] = mean


@torch.no_grad()
def greedy(model, mel, lang):
    audio = model.encoder(mel)
    rows = mel.shape[0]
    tokens = torch.stack([torch.full((rows,), SOT), lang, torch.full((rows,), TRANSCRIBE), torch.full((rows,), NO_TIMESTAMPS)], 1)
    done = torch.zeros(rows, dtype=torch.bool)
    for _ in range(24):
        logits = model.decoder(tokens, audio)[:, -1]
        logits[:, SOT:] = -1e9
        best = torch.where(done, EOT, logits.argmax(-1))
        done |= best == EOT
        tokens = torch.cat([tokens, best[:, None]], 1)
        if done.all():
            break
    return [[t for t in row if t < V] for row in tokens[:, 4:].tolist()]


def evaluate(model, data, count=600):
    """Whole utterances right, in percent, by language."""
    model.eval()
    right, total = {'en': 0, 'zh': 0}, {'en': 0, 'zh': 0}
    step = max(1, len(data.rows) // count)
    rows = sorted(data.rows[::step], key=lambda r: r['n'])
    for i in range(0, len(rows), BATCH):
        some = rows[i:i + BATCH]
        mel, tokens, *_ = batch(data, some)
        for row, heard in zip(some, greedy(model, mel, tokens[:, 1])):
            total[row['lang']] += 1
            right[row['lang']] += heard == toks(row['text'], row['lang'])
    model.train()
    return {lang: f'{100 * right[lang] / n:.1f} % of {n}' for lang, n in total.items() if n}


def batches(data):
    """Batches of like length, in random order, for ever."""
    while True:
        rows = list(data.rows)
        RND.shuffle(rows)
        out = []
        for i in range(0, len(rows), BATCH * 20):
            block = sorted(rows[i:i + BATCH * 20], key=lambda r: r['n'])
            out += [block[k:k + BATCH] for k in range(0, len(block), BATCH)]
        RND.shuffle(out)
        yield from out


def main():
    torch.manual_seed(1)
    data = Shards(SHARDS)
    model = Model(list(data.units))
    if 'INIT' in os.environ:
        model.start_from(os.environ['INIT'])
    people = [row for row in data.rows if row['voice'].startswith('human') and row['text'] and known(row['text'], row['lang'])]
    data.rows += 3 * people  # there are few of them
    tests = {name: Shards([name]) for name in ('held', 'human-held') if os.path.exists(f'{DATA}/{name}.json')}
    print(len(data.rows), 'utterances to train on', flush=True)
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW([{'params': decayed, 'weight_decay': 0.02}, {'params': plain, 'weight_decay': 0}], lr=RATE, betas=(0.9, 0.98))
    source, began, losses = batches(data), time.time(), []
    for step in range(1, STEPS + 1):
        for group in optimiser.param_groups:
            group['lr'] = RATE * min(step / 300, 0.5 * (1 + math.cos(math.pi * step / STEPS)) + 0.01)
        hardness = min(1.0, 0.5 + step / STEPS if 'INIT' in os.environ else max(0.15, (step / STEPS - 0.10) / 0.4))
        mel, tokens, target, ctc, lengths = batch(data, next(source), hardness)
        audio = model.encoder(mel)
        attention_loss = F.cross_entropy(model.decoder(tokens, audio).transpose(1, 2), target, ignore_index=-100, label_smoothing=0.05)
        log_p = F.log_softmax(model.ctc(audio), -1).transpose(0, 1)
        ctc_loss = F.ctc_loss(log_p, ctc, torch.full((log_p.shape[1],), log_p.shape[0]), lengths, zero_infinity=True)
        share = 0.6 if step < STEPS * 0.3 else 0.4 if step < STEPS * 0.7 else 0.15
        loss = (1 - share) * attention_loss + share * ctc_loss
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        losses.append((attention_loss.item(), ctc_loss.item()))
        if step % 100 == 0:
            a, c = np.mean(losses, 0)
            print(f'{step} attention {a:.3f} ctc {c:.3f} {step * BATCH / (time.time() - began):.0f} utterances/s', flush=True)
            losses = []
        if step % 1000 == 0 or step == STEPS:
            for name, test in tests.items():
                print('right on', name, evaluate(model, test), flush=True)
            model.save(OUT + '.pt')
            export(model, OUT + '-q5_1.bin')


if __name__ == '__main__':
    main()
