"""The same job and the same network in plain PyTorch, as one writes it.

    python by_hand_torch.py FOLDER OUT SEED [score]

Prints the seconds of each epoch, and if asked the test scores, as one line of JSON.
"""

import json
import sys
import time

import numpy as np
import pyarrow.csv as pa_csv
import torch
from job import Job
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
TASKS = {"shape": 5, "tone": 2, "match": 2}
LENGTH, VOCABULARY = 24, 1000


def arrays(folder, part, made=None):
    table = pa_csv.read_csv(f"{folder}/{part}.csv").to_pydict()
    pictures = np.stack([np.asarray(Image.open(f"{folder}/{p}")) for p in table["picture"]])
    numbers = np.stack([table[f"n{i}"] for i in range(3)], 1).astype("float32")
    if made is None:
        words = sorted({w for text in table["caption"] for w in text.split()})
        made = {
            "words": {w: i + 2 for i, w in enumerate(words[: VOCABULARY - 2])},
            "mean": numbers.mean(0),
            "std": numbers.std(0),
            "price": (np.mean(table["price"]), np.std(table["price"])),
            **{c: sorted(set(table[c])) for c in ("shop", "grade", *TASKS)},
        }
    tokens = np.zeros((len(pictures), LENGTH), "int64")
    lengths = np.zeros(len(pictures), "int64")
    for row, text in enumerate(table["caption"]):
        ids = [made["words"].get(w, 1) for w in text.split()][:LENGTH]
        tokens[row, : len(ids)] = ids
        lengths[row] = max(1, len(ids))
    mean, std = made["price"]
    columns = [
        pictures.transpose(0, 3, 1, 2).astype("float32") / 255,
        tokens,
        lengths,
        ((numbers - made["mean"]) / made["std"]).astype("float32"),
        *(np.array([made[c].index(v) for v in table[c]]) for c in ("shop", "grade", *TASKS)),
        ((np.array(table["price"]) - mean) / std).astype("float32"),
    ]
    return [torch.as_tensor(c) for c in columns], made


def trunk(job):
    """What looks at a picture, up to a vector of 64."""
    if job.trunk == "resnet":
        from torchvision.models import resnet50

        return resnet50(weights=None, num_classes=64)
    layers, below = [], 3
    for width in (16, 32, 64):
        layers += [nn.Conv2d(below, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        below = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * (job.side // 8) ** 2, 64))


class Network(nn.Module):
    def __init__(self, job):
        super().__init__()
        self.see = nn.Sequential(trunk(job), nn.ReLU())
        self.words = nn.Embedding(VOCABULARY, 32, padding_idx=0)
        self.hear = nn.LSTM(32, 64, batch_first=True)
        self.shop, self.grade = nn.Embedding(4, 8), nn.Embedding(3, 8)
        self.know = nn.Sequential(nn.Linear(19, 32), nn.ReLU())
        self.join = nn.Sequential(nn.Linear(160, 128), nn.ReLU())
        self.heads = nn.ModuleDict({t: nn.Linear(128, c) for t, c in {**TASKS, "price": 1}.items()})

    def forward(self, picture, tokens, lengths, numbers, shop, grade):
        packed = nn.utils.rnn.pack_padded_sequence(
            self.words(tokens), lengths, batch_first=True, enforce_sorted=False
        )
        said = self.hear(packed)[1][0][-1]
        known = self.know(torch.cat([numbers, self.shop(shop), self.grade(grade)], 1))
        joined = self.join(torch.cat([self.see(picture), said, known], 1))
        return {task: head(joined) for task, head in self.heads.items()}


def placed(columns):
    """On the device, but for the lengths, which packing reads on the host."""
    return [c if place == 2 else c.to(DEVICE) for place, c in enumerate(columns)]


def main(folder, out, seed, score=None):
    torch.manual_seed(seed)
    columns, made = arrays(folder, "train")
    job = Job.of(folder)
    loader = DataLoader(TensorDataset(*columns), batch_size=job.batch, shuffle=True)
    model = Network(job).to(DEVICE)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    seconds, ends = [], []
    for _ in range(5):
        began = time.monotonic()
        for batch in loader:
            *x, shape, tone, match, price = placed(batch)
            found = model(*x)
            targets = {"shape": shape, "tone": tone, "match": match}
            loss = sum(nn.functional.cross_entropy(found[t], targets[t]) for t in TASKS)
            loss = loss + nn.functional.mse_loss(found["price"][:, 0], price)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        # A device goes on for a while after it has been told what to do.
        loss.item()
        ends.append(time.monotonic())
        seconds.append(ends[-1] - began)
    torch.save(model.state_dict(), out)
    told = {"epochs": seconds, "ends": ends}
    if score:
        told["scores"] = scores(model, folder, made)
    print(json.dumps(told))


def scores(model, folder, made):
    columns, _ = arrays(folder, "test", made)
    model.eval()
    found, targets = [], []
    with torch.no_grad():
        for batch in DataLoader(TensorDataset(*columns), batch_size=256):
            *x, shape, tone, match, price = placed(batch)
            found.append(model(*x))
            targets.append({"shape": shape, "tone": tone, "match": match, "price": price})
    found, targets = ({t: torch.cat([p[t] for p in o]) for t in o[0]} for o in (found, targets))
    scored = {t: float((found[t].argmax(1) == targets[t]).float().mean()) for t in TASKS}
    error = (found["price"][:, 0] - targets["price"]).abs().mean()
    scored["price"] = float(error * made["price"][1])
    return scored


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:])
