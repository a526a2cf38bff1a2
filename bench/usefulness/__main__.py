"""Does balancing help? Eight methods beside equal weights that were tuned with the same effort.

    python bench/usefulness --data DIR            # about 3 hours on two cores; goes on where it stopped
    python bench/usefulness --data DIR --quick    # few rows, one or two methods, under a minute
    python bench/usefulness --data DIR --only REGEX
                                    # of the runs `data/part/method/rate/seed`, those that match
    python bench/usefulness --report              # the tables of the runs so far
    python bench/usefulness --report --out bench/usefulness/results.jsonl
                                    # those of docs/usefulness.md

The protocol, fixed before the first run:

- Methods: Equal, Uncertainty, FAMO, PCGrad, CAGrad, NashMTL, UPGrad, FairGrad, each as its constructor
  makes it. Of two tasks UPGrad is half of PCGrad, and FairGrad as it comes is NashMTL for any number:
  how far these pairs come out apart is the noise of the measurement.
- Data: Multi-MNIST made of MNIST's digits (20,000 / 5,000 / 10,000 pictures, LeNet, 5 epochs),
  census_income_kdd (199,523 / 49,881 / 49,881 rows, embeddings and an MLP, 5 epochs) and
  fashion_products (9,000 / 1,500 / 1,500 rows, a small CNN with a bag of words, 12 epochs). Models
  share all but their heads; losses are Keras' own, on no common scale.
- Budget: the same rows, batches, epochs and Adam (gradients cut to norm 1, a cosine to 1 % of the
  rate) for every method.
- Tuning: three learning rates a method, one run each on a seed of its own; the best mean gain on
  validation wins. Equal gets the same three trials, and no method gets more. The three, about a factor
  of 3 apart, were placed around Equal's best on that seed's validation.
- Test: five other seeds with the rate that won. A seed decides the initial weights, the order of the
  rows and dropout for all methods alike, so that they are compared seed by seed. The epoch is the best
  on validation, and the test part is read once a run.
- Scores: accuracy, area under ROC or mean absolute error. The gain of a task is its score between the
  answer that knows only the training labels' distribution, 0, and no error, 1; a method's is the mean
  over tasks.
- Differences to Equal: the mean of the five, with Student's 95 % interval. One in twenty such intervals
  leaves out 0 by chance alone.
- Time: of training alone, compilation included, by the clock and by the processor, which other jobs
  disturb less; and the ratio of a step, without compilation, to Equal's with the same seed. The methods
  of one seed run one after another, so that what else the machine does falls on all.
- Short form: every other public balancer of tasks, on census_income_kdd with Equal's rate and two of
  the five seeds; nothing is tuned. What some ask for is in `ARGUMENTS` and in `training.run`.

A result that is not a number is a result. The last line is JSON.
"""

import argparse
import inspect
import json
import os
import re
import tempfile
from dataclasses import replace
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"

import census_income_kdd
import fashion_products
import multi_mnist
import numpy as np
from problem import Problem
from report import BASELINE, markdown, rows
from results import KEY, Results
from training import run, warm_up

import plait

PROBLEMS = {
    "census_income_kdd": census_income_kdd.problem,
    "fashion_products": fashion_products.problem,
    "multi_mnist": multi_mnist.problem,
}
METHODS = ("Equal", "Uncertainty", "FAMO", "PCGrad", "CAGrad", "NashMTL", "UPGrad", "FairGrad")
TUNING_SEED = 0
SEEDS = (1, 2, 3, 4, 5)
SHORT_DATA, SHORT_SEEDS = "census_income_kdd", (1, 2)
# The income comes first; it is MGDA's weights that are averaged.
ARGUMENTS = {"PCD": lambda: ("y_income",), "CRMOGM": lambda: (plait.MGDA(),)}


class Measurement:
    """Makes the runs that are not yet among the results."""

    def __init__(self, results: Results, only: str = "") -> None:
        self.results = results
        self.only = re.compile(only)
        self.warm = False

    def trial(self, problem: Problem, **key) -> None:
        """One run, unless it is there or not wanted.

        Raises:
            Exception: whatever the run raised, but for the short form, where it is noted: a method
                may ask for what this problem does not have.
        """
        if key in self.results or not self.wants(**key):
            return
        if not self.warm:
            warm_up(problem)
            self.warm = True
        try:
            balancing = made(key["method"])
            test = key["part"] != "tuning"
            found = run(problem, balancing, key["learning_rate"], key["seed"], test)
        except Exception as error:
            if key["part"] != "short":
                raise
            found = {"failed": f"{type(error).__name__}: {str(error).splitlines()[0]}"}
        self.results.add({**key, **found})
        told = found.get("failed") or f"{found['gain']:.4f} in {found['seconds']:.1f} s"
        print(*key.values(), told, flush=True)

    def wants(self, **key) -> bool:
        """Whether a run is among those that are wanted now."""
        return bool(self.only.search("/".join(str(key[name]) for name in KEY)))

    def chosen(self, data: str, problem: Problem, method: str) -> float | None:
        """The learning rate with the best mean gain on validation; None before all are tried."""
        trials = self.results.where(data=data, part="tuning", method=method)
        if len(trials) < len(problem.rates):
            return None
        gains = [np.nan_to_num(t["gain"], nan=-np.inf) for t in trials]
        return trials[int(np.argmax(gains))]["learning_rate"]

    def compare(self, data: str, problem: Problem, methods, seeds) -> None:
        """Tunes each method, then runs all of them seed by seed."""
        for rate in problem.rates:
            for method in methods:
                self.trial(
                    problem,
                    data=data,
                    part="tuning",
                    method=method,
                    learning_rate=rate,
                    seed=TUNING_SEED,
                )
        for seed in seeds:
            for method in methods:
                if rate := self.chosen(data, problem, method):
                    self.trial(
                        problem,
                        data=data,
                        part="test",
                        method=method,
                        learning_rate=rate,
                        seed=seed,
                    )

    def in_short(self, data: str, problem: Problem, methods) -> None:
        """Other methods with the learning rate of Equal, which runs again beside them."""
        rate = self.chosen(data, problem, BASELINE)
        for seed in SHORT_SEEDS if rate else ():
            for method in (BASELINE, *methods):
                self.trial(
                    problem, data=data, part="short", method=method, learning_rate=rate, seed=seed
                )


def made(method: str) -> plait.Balancer:
    return getattr(plait, method)(*ARGUMENTS.get(method, tuple)())


def others() -> list[str]:
    """The public balancers of tasks that are not among the eight."""
    found = []
    for name in plait.__all__:
        what = getattr(plait, name)
        if name in METHODS or not inspect.isclass(what) or not issubclass(what, plait.Balancer):
            continue
        if not inspect.isabstract(what) and not issubclass(what, plait.FeatureBalancer):
            found.append(name)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="the folder that holds the three data sets")
    parser.add_argument("--out", type=Path, default=Path("runs") / "usefulness.jsonl")
    parser.add_argument("--only", default="", help="a regular expression for a run's name")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--report", action="store_true")
    args = parser.parse_args()
    if args.data is None and not args.report:
        parser.error("--data is needed to run anything")
    with tempfile.TemporaryDirectory() as scratch:
        # A quick run says nothing, and is kept nowhere.
        results = Results(Path(scratch) / "quick.jsonl" if args.quick else args.out)
        if not args.report:
            measure(results, args.data, args.only, args.quick)
    print(markdown(results, tuple(PROBLEMS)))
    if not args.report:
        found = [
            r for data in PROBLEMS for part in ("test", "short") for r in rows(results, data, part)
        ]
        print(json.dumps({"bench": "usefulness", "rows": found}))


def measure(results: Results, data: Path, only: str, quick: bool) -> None:
    measurement = Measurement(results, only)
    for name, make in PROBLEMS.items():
        problem = make(data, 1024 if quick else None)
        if quick:
            problem = replace(problem, epochs=1, rates=problem.rates[:1])
            methods = (BASELINE, "UPGrad") if name == "fashion_products" else (BASELINE,)
            measurement.compare(name, problem, methods, SEEDS[:1])
        else:
            measurement.compare(name, problem, METHODS, SEEDS)
    if not quick:
        measurement.in_short(SHORT_DATA, PROBLEMS[SHORT_DATA](data, None), others())


if __name__ == "__main__":
    main()
