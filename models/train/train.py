"""Trains the listening model.

  DATA=folder SHARDS=tr1,tr2,human OUT=hotline [INIT=hotline-q8_0.bin] [STEPS=15000 | MINUTES=90] train.py

Shards come from gen.py and human.py; `held` and `human-held` in the same folder are what it is measured on. Every
thousand steps it prints whole utterances right and writes OUT.pt and OUT-q8_0.bin. It uses one core; `torchrun
--nproc-per-node 2 train.py` uses two, each for its half of every batch. A core does about 45 utterances a second.

INIT is a checkpoint or an exported file; the side loss, which is not in the latter, is then learned first.
"""
import json, math, os, random, time
import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from augment import RANK, RND, augment, mulaw, noise_only
from domain import known, toks, units
from network import (AUDIO_CTX, ENGLISH, EOT, MANDARIN, NO_TIMESTAMPS, PLAIN, SOT, TRANSCRIBE, V, WARPS, MELS, Model, export, log_mel)

DATA, OUT = os.environ.get('DATA', '.'), os.environ.get('OUT', 'hotline')
SHARDS = os.environ.get('SHARDS', 'tr1').split(',')
MINUTES, BATCH, RATE = float(os.environ.get('MINUTES', 'inf')), 32, float(os.environ.get('LR', '1.2e-3'))
STEPS = int(os.environ.get('STEPS', '15000' if math.isinf(MINUTES) else '1000000'))
PROCESSES = int(os.environ.get('WORLD_SIZE', '1'))
HEAD_STEPS = 300  # in which a side loss that did not come with INIT is learned, and nothing else
torch.set_num_threads(1)


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


def items(data, rows, hardness=None):
    """(audio, language, tokens, units) of each row. Without `hardness` nothing is augmented. What cannot be written down has
    no tokens."""
    out = []
    for row in rows:
        if hardness is not None and RND.random() < 0.04:
            out.append((noise_only(), RND.choice([ENGLISH, MANDARIN]), [], []))
            continue
        speech = data.speech(row)
        if hardness is None:
            quiet = lambda n: np.zeros(n, np.float32)
            audio = mulaw(np.concatenate([quiet(800), speech.astype(np.float32) / 32768, quiet(2400)])).astype(np.float32)
        else:
            audio = augment(speech, data.any_speech, hardness)
        text = toks(row['text'], row['lang']) if row['text'] and known(row['text'], row['lang']) else None
        heard = [data.units[unit] for unit in row['heard'] if unit in data.units]
        out.append((audio, ENGLISH if row['lang'] == 'en' else MANDARIN, text, heard))
    return out


def batch(some, hardness=None):
    """Mel, decoder input, target, CTC target and its lengths of some items. One without tokens has no target for the decoder
    but its language."""
    longest = max(len(audio) for audio, *_ in some) + (0 if hardness is None else RND.choice([0, RND.randint(0, 2400), RND.randint(0, 4800)]))
    longest = min((longest + 159) // 160 * 160, AUDIO_CTX * 160)
    padded = np.zeros((len(some), longest), np.float32)
    for line, (audio, *_) in zip(padded, some):
        line[:len(audio)] = audio[:longest]
    warp = lambda: hardness is not None and RND.random() < 0.85 * hardness
    mel = log_mel(torch.from_numpy(padded), torch.stack([RND.choice(WARPS) if warp() else PLAIN for _ in some]))
    if hardness is not None:
        mask(mel, hardness)
    length = max(len(text or []) for _, _, text, _ in some)
    tokens = torch.full((len(some), length + 4), EOT)
    target = torch.full((len(some), length + 4), -100)
    for i, (_, lang, text, _) in enumerate(some):
        written = text or []
        tokens[i, :4 + len(written)] = torch.tensor([SOT, lang, TRANSCRIBE, NO_TIMESTAMPS] + written)
        target[i, 0] = -100 if text == [] else lang
        if text is not None:
            target[i, 3:4 + len(text)] = torch.tensor(text + [EOT])
    ctc = torch.tensor([unit for *_, heard in some for unit in heard], dtype=torch.long)
    return mel, tokens, target, ctc, torch.tensor([len(heard) for *_, heard in some])


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
        mel, tokens, *_ = batch(items(data, some))
        for row, heard in zip(some, greedy(model, mel, tokens[:, 1])):
            total[row['lang']] += 1
            right[row['lang']] += heard == toks(row['text'], row['lang'])
    model.train()
    return {lang: f'{100 * right[lang] / n:.1f} % of {n}' for lang, n in total.items() if n}


def batches(data, hardness):
    """This process's part of the batches, in random order, for ever: items of like length, as `hardness()` makes them."""
    order, part = random.Random(7), BATCH // PROCESSES  # the order is the same in every process
    while True:
        rows = list(data.rows)
        order.shuffle(rows)
        for at in range(0, len(rows) - BATCH * 20, BATCH * 20):
            block = sorted(items(data, rows[at + RANK:at + BATCH * 20:PROCESSES], hardness()), key=lambda item: len(item[0]))
            out = [block[k:k + part] for k in range(0, len(block), part)]
            order.shuffle(out)
            yield from out


def share(parameters, done):
    """Gives every process the mean of all gradients, and of what each thinks is done of the training."""
    if PROCESSES == 1:
        return done
    slopes = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([slope.flatten() for slope in slopes] + [torch.tensor([done])])
    dist.all_reduce(flat)
    flat /= PROCESSES
    for slope, mean in zip(slopes, flat[:-1].split([slope.numel() for slope in slopes])):
        slope.copy_(mean.view_as(slope))
    return flat[-1].item()


def main():
    torch.manual_seed(1)
    if PROCESSES > 1:
        dist.init_process_group('gloo')
    data = Shards(SHARDS)
    model = Model(list(data.units))
    head_steps = HEAD_STEPS if 'INIT' in os.environ and not model.start_from(os.environ['INIT']) else 0
    people = [row for row in data.rows if row['voice'].startswith('human') and row['text'] and known(row['text'], row['lang'])]
    data.rows += 3 * people  # there are few of them
    tests = {name: Shards([name]) for name in ('held', 'human-held') if os.path.exists(f'{DATA}/{name}.json')}
    print(len(data.rows), 'utterances to train on', flush=True)
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW([{'params': decayed, 'weight_decay': 0.02}, {'params': plain, 'weight_decay': 0}], lr=RATE, betas=(0.9, 0.98))
    mean = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.998))  # what is measured and written
    began, losses, step, done = time.time(), [], 0, 0.0
    hardness = lambda: 1.0 if 'INIT' in os.environ else min(1.0, max(0.15, (done - 0.10) / 0.4))
    source = batches(data, hardness)
    while done < 1:
        step += 1
        only_head = step <= head_steps
        for group in optimiser.param_groups:
            group['lr'] = 3e-3 if only_head else RATE * min((step - head_steps) / 300, 0.5 * (1 + math.cos(math.pi * done)) + 0.01)
        mel, tokens, target, ctc, lengths = batch(next(source), hardness())
        with torch.set_grad_enabled(not only_head):
            audio = model.encoder(mel)
            attention_loss = F.cross_entropy(model.decoder(tokens, audio).transpose(1, 2), target, ignore_index=-100, label_smoothing=0.05)
        log_p = F.log_softmax(model.ctc(audio), -1).transpose(0, 1)
        ctc_loss = F.ctc_loss(log_p, ctc, torch.full((log_p.shape[1],), log_p.shape[0]), lengths, zero_infinity=True)
        side = 1.0 if only_head else 0.6 if done < 0.3 and 'INIT' not in os.environ else 0.3
        loss = (1 - side) * attention_loss + side * ctc_loss
        optimiser.zero_grad()
        loss.backward()
        done = share(model.parameters(), max(step / STEPS, (time.time() - began) / 60 / MINUTES))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        mean.update_parameters(model)
        losses.append((attention_loss.item(), ctc_loss.item()))
        if RANK == 0 and step % 100 == 0:
            a, c = np.mean(losses, 0)
            print(f'{step} {done:.1%} attention {a:.3f} ctc {c:.3f} {step * BATCH / (time.time() - began):.0f} utterances/s', flush=True)
            losses = []
        if RANK == 0 and (step % 1000 == 0 or done >= 1):
            for name, test in tests.items():
                print('right on', name, evaluate(mean.module, test), flush=True)
            mean.module.save(OUT + '.pt')
            export(mean.module, OUT + '-q8_0.bin')


if __name__ == '__main__':
    main()
