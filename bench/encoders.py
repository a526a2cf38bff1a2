"""What encoders cost in a training step, as a ratio to `ImageConv` and `TextRNN`.

    python bench/encoders.py            # 15 pairs each, some three minutes
    python bench/encoders.py --quick    # three of each

- Model: the encoder by its defaults (width 128), the mean of its tokens and a Dense of 10 classes;
  batches of 32 pictures of 64 x 64 x 3, or of 32 texts of 32 tokens of 5,000; Adam, as Keras compiles
  the step on JAX.
- Two runs in turn in one process, pair by pair: the median of the ratios and its 95 % bootstrap
  interval.

The last line is JSON.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"
sys.path.append(str(Path(__file__).parent / "balancing"))

import keras
import numpy as np
from nets import Compiled
from stages import beside

from plait import encoders
from plait.model import MultiTaskModel

BATCH, CLASSES, WORDS = 32, 10, 5_000
PICTURES = ("ImageConv", "ImagePatches", "ResNet", "ConvNeXt")
TEXTS = ("TextRNN", "TextTransformer")


def step_of(name: str) -> tuple[Any, int]:
    """Runs so many training steps; and the encoder's weights."""
    keras.utils.set_random_seed(0)
    draw = np.random.default_rng(0)
    if name in PICTURES:
        encoder = getattr(encoders, name)()
        inputs = keras.Input((64, 64, 3))
        x = draw.normal(size=(BATCH, 64, 64, 3)).astype("float32")
    else:
        encoder = getattr(encoders, name)(vocabulary=WORDS)
        inputs = keras.Input((32,), dtype="int32")
        x = draw.integers(2, WORDS, (BATCH, 32)).astype("int32")
    pooled = keras.ops.mean(encoder(inputs)["tokens"], axis=1)
    model = MultiTaskModel(inputs, {"t": keras.layers.Dense(CLASSES, name="t")(pooled)})
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss={"t": loss})
    weights = sum(int(np.prod(v.shape)) for v in encoder.trainable_variables)
    return Compiled(model, (x, {"t": draw.integers(0, CLASSES, BATCH)}, None)).run, weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    pairs = 3 if asked.quick else asked.pairs
    rows = []
    for first, *others in (PICTURES, TEXTS):
        base, weights = step_of(first)
        print(f"| {first} | {weights:,} | 1 |", flush=True)
        for name in others:
            run, weights = step_of(name)
            found = beside(base, run, pairs)
            rows.append({"name": name, "beside": first, "weights": weights, "step": found})
            shown = f"{found['ratio']:.2f} ({found['low']:.2f} to {found['high']:.2f})"
            print(f"| {name} | {weights:,} | {shown} |", flush=True)
    print(json.dumps({"bench": "encoders", "pairs": pairs, "rows": rows}))


if __name__ == "__main__":
    main()
