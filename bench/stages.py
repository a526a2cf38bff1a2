"""What each fusion and each sharing costs in a training step, as a ratio to `Concat` and `HardSharing`.

    python bench/stages.py            # 15 pairs each, some fifteen minutes
    python bench/stages.py --only MMoE
    python bench/stages.py --quick    # a few of each, under a minute

- Model: features of one token of width 128 (of nine, for fusions that see all tokens, and then also for
  `Concat` beside them), the fusion, the sharing, and a Dense of 10 classes a task; batches of 128,
  Adam, as Keras compiles the step on JAX. Fusions: two features and six, `HardSharing`, two tasks.
  Sharings: one feature, four tasks and eight.
- `step` is the plain step as a ratio to that with `Concat` or `HardSharing`; `balanced` is the step
  with `UPGrad`, as a ratio to the plain step of the same sharing, at the level that the sharing allows;
  `answer` is a forward of the same rows without training, as a ratio to that with `HardSharing`.
  For `DSelectK`, whose experts are skipped once they are chosen against, it is that of a model whose
  tasks have chosen two of four experts each.
- Two runs in turn in one process, pair by pair: the median of the ratios and its 95 % bootstrap
  interval.

The last line is JSON.
"""

import argparse
import gc
import json
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"
sys.path.append(str(Path(__file__).parent / "balancing"))

import jax
import keras
import numpy as np
from nets import Compiled
from timing import beside_plain, seconds

from plait import balancing, fusion, sharing
from plait.model import MultiTaskModel
from plait.sharing import Sharing

BATCH, WIDTH, CLASSES = 128, 128, 10
LEAST_SECONDS = 0.05
SOME_TOKENS = ("CrossAttention", "Latents", "MBT")
FUSIONS = {
    **{
        name: getattr(fusion, name)
        for name in fusion.__all__
        if name not in ("Fusion", "PooledFusion", "Concat")
    },
    "Weighted, per row": partial(fusion.Weighted, per_row=True),
    "Late, product": partial(fusion.Late, product=True),
    **{f"{name}, fuse_at=1": partial(getattr(fusion, name), fuse_at=1) for name in SOME_TOKENS},
}
SHARINGS = [n for n in sharing.__all__ if n not in ("Sharing", "TaskSharing", "TrunkSharing")]
QUICK = ("Gated", "MMoE", "CrossStitch")


class Model:
    """A model and its data, compiled for a plain step, a balanced one and an answer."""

    def __init__(self, join: Any, share: Sharing, features: int, tokens: int, tasks: int) -> None:
        keras.utils.set_random_seed(0)
        names = [f"f{n}" for n in range(features)]
        inputs = {name: keras.Input((tokens, WIDTH), name=name) for name in names}
        masks = {name: keras.ops.ones_like(x[..., 0], dtype="bool") for name, x in inputs.items()}
        here = {name: keras.ops.any(mask, axis=1) for name, mask in masks.items()}
        fused = join(inputs, masks, here, filled=True)
        share = share.for_tasks([f"t{n}" for n in range(tasks)])
        common = share(fused["tokens"], fused["mask"])
        outputs = {}
        for n in range(tasks):
            part, branch = share.part(common, f"t{n}"), share.branch(f"t{n}")
            own = part if branch is None else branch(part, fused["tokens"], fused["mask"])
            pooled = keras.ops.mean(own, axis=1)
            outputs[f"t{n}"] = keras.layers.Dense(CLASSES, name=f"t{n}")(pooled)
        self.share, self.join, self.model = share, join, MultiTaskModel(inputs, outputs)
        draw = np.random.default_rng(0)
        x = {n: draw.normal(size=(BATCH, tokens, WIDTH)).astype("float32") for n in names}
        self._data = x, {task: draw.integers(0, CLASSES, BATCH) for task in outputs}, None

    def step(self, balancer: Any = None) -> Callable[[int], None]:
        """Runs so many training steps."""
        losses = {
            name: keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            for name in self.model.output_names
        }
        self.model.compile("adam", loss=losses, balancing=balancer)
        return Compiled(self.model, self._data).run

    def answer(self) -> Callable[[int], None]:
        """Answers so many times."""
        state = [v.value for v in self.model.variables]

        def forward(values: Any, x: Any) -> Any:
            pairs = zip(self.model.variables, values, strict=True)
            with keras.StatelessScope(pairs):
                return self.model(x, training=False)

        x = jax.device_put(self._data[0])
        run = jax.jit(forward).lower(state, x).compile()

        def runs(times: int) -> None:
            for _ in range(times):
                found = run(state, x)
            jax.block_until_ready(found)

        return runs


def beside(base: Callable, run: Callable, pairs: int) -> dict[str, float]:
    """A run as a ratio to another, in turn."""
    gc.collect()
    for each in (base, run):
        each(3)
    # So many in a row that a clock's tick is nothing, and no more.
    steps = [max(1, round(LEAST_SECONDS / seconds(each, 3))) for each in (base, run)]
    times = [
        [seconds(each, count) for each, count in zip((base, run), steps, strict=True)]
        for _ in range(pairs)
    ]
    return beside_plain(np.array(times))


def fusions(wanted: list[str], pairs: int) -> Iterator[dict[str, Any]]:
    """The fusions' rows."""
    for features in (2, 6):
        bases = {}
        for name in wanted:
            tokens = 9 if name.partition(",")[0] in SOME_TOKENS else 1
            if tokens not in bases:
                base = Model(fusion.Concat(), sharing.HardSharing(), features, tokens, 2)
                bases[tokens] = base.step()
            made = Model(FUSIONS[name](), sharing.HardSharing(), features, tokens, 2)
            row = {"stage": "fusion", "name": name, "features": features, "tokens": tokens}
            weights = int(sum(np.prod(v.shape) for v in made.join.trainable_variables))
            yield row | {"weights": weights, "step": beside(bases[tokens], made.step(), pairs)}


def sharings(wanted: list[str], pairs: int, counts: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    """The sharings' rows."""
    for tasks in counts:
        hard = Model(fusion.Concat(), sharing.HardSharing(), 1, 1, tasks)
        base, base_answer = hard.step(), hard.answer()
        for name in wanted:
            made = Model(fusion.Concat(), getattr(sharing, name)(), 1, 1, tasks)
            plain = made.step()
            level = "parameters" if _has_parallel_trunks(made.share) else "representation"
            row = {"stage": "sharing", "name": name, "tasks": tasks, "level": level}
            behind = keras.Model(made.model.inputs, made.model.outputs)
            heads = tasks * CLASSES * (WIDTH + 1) + (WIDTH + 1) * WIDTH
            row["weights"] = behind.count_params() - heads
            row["step"] = beside(base, plain, pairs)
            row["balanced"] = beside(plain, made.step(balancing.UPGrad(level=level)), pairs)
            if name == "DSelectK":
                _choose_two(made.share, tasks)
            row["answer"] = beside(base_answer, made.answer(), pairs)
            yield row


def _has_parallel_trunks(share: Sharing) -> bool:
    """Whether no two tasks read one tensor of what it gives."""
    return isinstance(share, sharing.TrunkSharing | sharing.TaskGroups)


def _choose_two(share: Any, tasks: int) -> None:
    """All tasks have chosen the same two of four experts."""
    share.digits.assign(np.array([[[-1.0, -1.0], [1.0, -1.0]]] * tasks))


def markdown(rows: list[dict[str, Any]]) -> str:
    """The rows as tables."""

    def cell(row: dict[str, Any], name: str) -> str:
        found = row[name]
        return f"{found['ratio']:.2f} ({found['low']:.2f} to {found['high']:.2f})"

    lines = []
    for row in rows:
        shown = [
            row["name"],
            str(row.get("features") or row["tasks"]),
            f"{row['weights']:,}",
            *(cell(row, name) for name in ("step", "balanced", "answer") if name in row),
        ]
        lines.append("| " + " | ".join(shown) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", help="a fusion or a sharing; may be repeated", action="append")
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    chosen = asked.only if asked.only else list(QUICK) if asked.quick else [*FUSIONS, *SHARINGS]
    pairs = 3 if asked.quick else asked.pairs
    rows = []
    for row in fusions([n for n in chosen if n in FUSIONS], pairs):
        rows.append(row)
        print(markdown([row]), flush=True)
    counts = (4,) if asked.quick else (4, 8)
    for row in sharings([n for n in chosen if n in SHARINGS], pairs, counts):
        rows.append(row)
        print(markdown([row]), flush=True)
    print(json.dumps({"bench": "stages", "pairs": pairs, "rows": rows}))


if __name__ == "__main__":
    main()
