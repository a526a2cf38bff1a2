"""One run: a method, a learning rate and a seed on one problem."""

import gc
import os
import time
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from problem import Part, Problem

import plait


class Epoch(keras.utils.PyDataset):
    """The training rows once, in an order that the seed and the epoch decide; whole batches only."""

    def __init__(self, part: Part, batch_size: int, seed: int, epoch: int) -> None:
        super().__init__()
        self.part, self.batch_size = part, batch_size
        self.order = np.random.default_rng([seed, epoch]).permutation(len(part))

    def __len__(self) -> int:
        return len(self.part) // self.batch_size

    def __getitem__(self, number: int) -> tuple[dict, dict]:
        rows = self.order[number * self.batch_size : (number + 1) * self.batch_size]
        batch = self.part.take(rows)
        return batch.x, batch.y


def warm_up(problem: Problem) -> None:
    """One short run, so that what a process does once is in no method's time."""
    few = {name: part.take(np.arange(problem.batch_size)) for name, part in problem.parts.items()}
    run(replace(problem, parts=few, epochs=1), plait.Equal(), problem.rates[0], 0, test=False)


def run(
    problem: Problem, balancing: plait.Balancer, learning_rate: float, seed: int, test: bool
) -> dict[str, Any]:
    """Trains, keeps the epoch with the best mean gain on validation, and tells how it went.

    A balancer that asks for auxiliary tasks gets all but the first as such; one that asks for metrics,
    the problem's.

    Args:
        problem: data and model.
        balancing: a balancer that no model has yet.
        learning_rate: Adam's, at the start of a cosine that ends at 1 % of it.
        seed: of the initial weights, the order of the rows and dropout.
        test: whether to read the test part, once, with the weights that were kept.
    """
    keras.backend.clear_session()
    gc.collect()
    keras.utils.set_random_seed(seed)
    load = os.getloadavg()[0]
    model = plait.MultiTaskModel(*problem.build())
    train = problem.parts["train"]
    steps = len(train) // problem.batch_size
    rate = keras.optimizers.schedules.CosineDecay(
        learning_rate, decay_steps=steps * problem.epochs, alpha=0.01
    )
    needs = balancing.needs
    model.compile(
        keras.optimizers.Adam(rate, global_clipnorm=1.0),
        loss=problem.losses,
        metrics=problem.metrics if "metrics" in needs else None,
        balancing=balancing,
        auxiliary=list(problem.scores)[1:] if "auxiliary" in needs else (),
    )

    def scored(part: str) -> tuple[dict[str, float], float]:
        rows = problem.parts[part]
        scores = problem.score(
            model.predict(rows.x, batch_size=problem.batch_size, verbose=0), rows.y
        )
        return scores, float(np.mean(list(problem.gains(scores).values())))

    seconds, busy, gains, kept, best = [], [], [], None, -np.inf
    for epoch in range(problem.epochs):
        rows = Epoch(train, problem.batch_size, seed, epoch)
        started, busy_before = time.perf_counter(), time.process_time()
        # Some methods go by the number of the epoch.
        model.fit(rows, initial_epoch=epoch, epochs=epoch + 1, shuffle=False, verbose=0)
        seconds.append(time.perf_counter() - started)
        busy.append(time.process_time() - busy_before)
        gains.append(scored("validation")[1])
        # A gain that is not a number is never better; with no other, the first epoch stays.
        if kept is None or gains[-1] > best:
            kept, best = model.get_weights(), np.nan_to_num(gains[-1], nan=-np.inf)
    model.set_weights(kept)
    scores, gain = scored("test" if test else "validation")
    # The first epoch holds the compilation.
    epoch_s, epoch_cpu_s = (float(np.median(times[1:] or times)) for times in (seconds, busy))
    return {
        "scores": scores,
        "gain": gain,
        "validation_gains": gains,
        "seconds": sum(seconds),
        "cpu_seconds": sum(busy),
        "step_ms": 1e3 * epoch_s / steps,
        "step_cpu_ms": 1e3 * epoch_cpu_s / steps,
        "compile_s": seconds[0] - epoch_s,
        "load_before": load,
    }
