"""Trains on one device and on two, and prints what came of it; XLA_FLAGS gives the CPU two.

python -m tests.journeys.on_two_devices
"""

import json
import math
from unittest import mock

from tests.unit.inference import tiny

from plait.balancing import MGDA, PCGrad
from plait.data import Batches
from plait.table import Table
from plait.training import Training, Validation, train

CASES = {
    # Weights of 250 MiB over all devices Keras makes in another way.
    "PCGrad, an average, large weights": {"balancing": PCGrad, "ema": 0.6, "large": 8},
    # Looks at the gradients in every second step: two compiled steps take turns.
    "MGDA in turns": {"balancing": lambda: MGDA(refresh_every=2)},
}


def trained(devices, balancing, ema=None, large=math.inf):
    """What one training came to; `large` is how many numbers make a weight a large one to Keras."""
    found_large = []

    def is_large(layout, shape):
        if math.prod(shape) < large:
            return False
        found_large.append(shape)
        return True

    with mock.patch("keras.src.backend.jax.core.should_shard_at_init", is_large):
        return {**_trained(devices, balancing, ema), "large": len(found_large)}


def _trained(devices, balancing, ema):
    declared, table = tiny.declaration(), Table.read(tiny.columns())
    settings = Training(
        epochs=3, batch_size=16, patience=3, devices=devices, ema=ema, modality_dropout=0.3
    ).settled(len(table))
    batches = Batches(
        table, declared.features, declared.tasks, batch_size=settings.batch_size, seed=5
    )
    validation = Validation(table, declared.rows(table, again=True))
    done = train(declared, batches, validation, settings, balancing, seed=5)
    found = tiny.values(done.model)
    variables = [*done.model.variables, *done.model.metrics_variables]
    return {
        "devices": sorted({len(v.value.sharding.device_set) for v in variables}),
        "losses": [[e.loss, e.logs["sold_loss"], e.logs["price_loss"]] for e in done.history],
        "gains": [epoch.mean_gain for epoch in done.history],
        "weights": {path: value.ravel().tolist() for path, value in found.items()},
    }


if __name__ == "__main__":
    both = {
        name: [
            trained(devices, **{**case, "balancing": case["balancing"]()})
            for devices in (None, "all")
        ]
        for name, case in CASES.items()
    }
    print(json.dumps(both))
