"""MMoE beside a shared bottom on two regressions whose correlation is set: the data of the MMoE paper.

    python bench/correlated_tasks.py           # 10 seeds, some half an hour
    python bench/correlated_tasks.py --quick   # one seed, under a minute
    python bench/correlated_tasks.py --seeds 5 --correlations 0 1 --rates .003 --rows 5000 --epochs 60

`--rows` to learn from, `--hidden` units of an expert, `--tower`, `--sines`, `--steep` (what α's
deviation of 2 is multiplied by) and `--epochs` ask whether what it tells is so elsewhere, too.
`growth` is how much larger the gap is for the lowest cosine than for the highest, in pairs of a seed.

- Data (J. Ma et al., 2018, section 3): x of 100 standard normal numbers; y_t = w_tᵀx + Σ_i sin(α_i
  w_tᵀx + β_i) + ε, with w_1 = u_1, w_2 = p u_1 + √(1 - p²) u_2 for orthogonal unit vectors, ε of a
  standard deviation of .1, four sines with α and β of one draw for both tasks. p of 0, .5, .9 and
  1. Labels are standardised. 50,000 rows to learn from, 10,000 to choose the epoch, 20,000 to be told.
- Models: `MMoE` of 8 experts, a Dense of 16 with a relu each; `HardSharing` would have no such
  layer, so the shared bottom is a Dense with a relu that has as many weights. Towers of 8 with a
  relu. Adam, batches of 512, 30 epochs at most, each model's learning rate the better one of .001
  and .003 on the rows that choose, at each p.
- Told is the mean squared error over both tasks, 0 for a perfect answer and 1 for the mean, of the
  epoch that is best on the rows that choose; the mean over seeds, and of the difference the 95 %
  interval over paired seeds (Student's t).

The last line is JSON.
"""

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
from scipy import stats

from plait.model import MultiTaskModel
from plait.sharing import MMoE

SIZE, EXPERTS, HIDDEN, TOWER, SINES = 100, 8, 16, 8, 4
RATES = (0.001, 0.003)
CORRELATIONS = (0.0, 0.5, 0.9, 1.0)
CHOOSE, TOLD = 10_000, 20_000


@dataclass(frozen=True)
class Setting:
    """What of the data and the models may be asked for; see the arguments."""

    rows: int = 50_000
    epochs: int = 30
    hidden: int = HIDDEN
    tower: int = TOWER
    sines: int = SINES
    steep: float = 1.0


def data(p: float, seed: int, setting: Setting) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Rows of two tasks with weight vectors of a cosine of p."""
    draw = np.random.default_rng(seed)
    u = np.linalg.qr(draw.normal(size=(SIZE, 2)))[0].T
    weights = {"a": u[0], "b": p * u[0] + np.sqrt(1 - p**2) * u[1]}
    alphas = draw.normal(0, 2 * setting.steep, setting.sines)
    betas = draw.normal(0, 1, setting.sines)
    x = draw.normal(size=(setting.rows + CHOOSE + TOLD, SIZE)).astype("float32")
    labels = {}
    for task, w in weights.items():
        z = x @ w
        y = z + np.sin(z[:, None] * alphas + betas).sum(1) + draw.normal(0, 0.1, len(x))
        labels[task] = ((y - y.mean()) / y.std()).astype("float32")[:, None]
    return x, labels


def model_of(name: str, rate: float, seed: int, setting: Setting) -> MultiTaskModel:
    """An untrained model."""
    keras.utils.set_random_seed(seed)
    x = keras.Input((SIZE,))
    token = keras.ops.expand_dims(x, 1)
    if name == "MMoE":
        sharing = MMoE(EXPERTS, keras.layers.Dense(setting.hidden, activation="relu"))
        shared = sharing(token)
        own = {t: sharing.branch(t)(sharing.part(shared, t), token) for t in "ab"}
    else:
        # Experts, gates and towers of MMoE have so many weights together.
        hidden, towers = setting.hidden, 2 * setting.tower
        weights = EXPERTS * (SIZE + 1) * hidden + 2 * SIZE * EXPERTS + hidden * towers
        bottom = keras.layers.Dense(round(weights / (SIZE + 1 + towers)), activation="relu")(x)
        own = {t: keras.ops.expand_dims(bottom, 1) for t in "ab"}
    outputs = {}
    for task, tokens in own.items():
        tower = keras.layers.Dense(setting.tower, activation="relu")(keras.ops.squeeze(tokens, 1))
        outputs[task] = keras.layers.Dense(1, name=task)(tower)
    model = MultiTaskModel(x, outputs)
    model.compile(keras.optimizers.Adam(rate), loss={"a": "mse", "b": "mse"})
    return model


def trained(
    name: str, p: float, rate: float, seed: int, setting: Setting
) -> tuple[float, float, int]:
    """The error on the rows that choose and on those that are told, and the number of weights."""
    x, labels = data(p, seed, setting)
    parts = np.split(np.arange(len(x)), [setting.rows, setting.rows + CHOOSE])
    model = model_of(name, rate, seed, setting)

    def error(rows: np.ndarray) -> float:
        found = model.predict(x[rows], batch_size=5000, verbose=0)
        return float(np.mean([np.mean((found[t] - labels[t][rows]) ** 2) for t in "ab"]))

    best = (np.inf, np.inf)
    learn = {t: labels[t][parts[0]] for t in "ab"}
    for _ in range(setting.epochs):
        model.fit(x[parts[0]], learn, batch_size=512, verbose=0)
        chosen = error(parts[1])
        if chosen < best[0]:
            best = (chosen, error(parts[2]))
    return *best, model.count_params()


def compared(
    p: float, seeds: Sequence[int], rates: Sequence[float], setting: Setting
) -> tuple[dict[str, Any], np.ndarray]:
    """Both models at one correlation: a row, and in `(2, seeds)` by how much the error of the shared
    bottom is larger, and its logarithm.
    """
    told: dict[str, list[float]] = {}
    row: dict[str, Any] = {"p": p}
    for name in ("shared bottom", "MMoE"):
        runs = {rate: [trained(name, p, rate, seed, setting) for seed in seeds] for rate in rates}
        rate = min(runs, key=lambda rate: np.mean([chosen for chosen, _, _ in runs[rate]]))
        told[name] = [error for _, error, _ in runs[rate]]
        row[name] = {
            "rate": rate,
            "weights": runs[rate][0][2],
            "mse": round(float(np.mean(told[name])), 5),
            "low": round(min(told[name]), 5),
            "high": round(max(told[name]), 5),
        }
    both = np.array([told["shared bottom"], told["MMoE"]])
    gaps = np.array([both[0] - both[1], np.log(both[0]) - np.log(both[1])])
    return row | in_pairs(gaps), gaps


def in_pairs(gaps: np.ndarray) -> dict[str, dict[str, float]]:
    """Of `(2, seeds)` gaps and their logarithms the mean, and half of Student's 95 % interval."""
    count = gaps.shape[1]
    scale = stats.t.ppf(0.975, count - 1) / np.sqrt(count) if count > 1 else 0.0
    deviations = gaps.std(axis=1, ddof=int(count > 1))
    return {
        name: {"mean": round(float(mean), 5), "half": round(float(scale * deviation), 5)}
        for name, mean, deviation in zip(("gap", "log gap"), gaps.mean(1), deviations, strict=True)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--correlations", type=float, nargs="+", default=list(CORRELATIONS))
    parser.add_argument("--rates", type=float, nargs="+", default=list(RATES))
    for field in fields(Setting):
        parser.add_argument(f"--{field.name}", type=type(field.default), default=field.default)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    setting = Setting(**{field.name: getattr(asked, field.name) for field in fields(Setting)})
    seeds = range(asked.first_seed, asked.first_seed + asked.seeds)
    correlations = asked.correlations
    if asked.quick:
        seeds, correlations, setting = range(1), CORRELATIONS[1::2], replace(setting, epochs=1)
    rows, gaps = [], {}
    for p in correlations:
        row, gaps[p] = compared(p, seeds, asked.rates, setting)
        rows.append(row)
        print(row, flush=True)
    told = {"bench": "correlated_tasks", "seeds": [*seeds], **asdict(setting), "rows": rows}
    if len(gaps) > 1:
        told["growth"] = in_pairs(gaps[min(gaps)] - gaps[max(gaps)])
    print(json.dumps(told))


if __name__ == "__main__":
    main()
