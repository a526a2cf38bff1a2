"""Where the time of a fit goes, from the start of the process: seconds of each phase.

    python phases.py CONFIG OUT SEED

Prints one line of JSON: `phases`, and the CPU seconds of the process, `cpu`.
"""

import time

BEGAN = time.monotonic()

import json
import resource
import sys
from pathlib import Path

import keras

import plait.config


class Clock(keras.callbacks.Callback):
    """Tells when a phase of training ends."""

    def __init__(self):
        super().__init__()
        self.phases = {}
        self.last = BEGAN

    def end(self, phase):
        now = time.monotonic()
        self.phases[phase] = self.phases.get(phase, 0.0) + now - self.last
        self.last = now

    def on_train_begin(self, logs=None):
        self.end("prepare")

    def on_train_batch_end(self, batch, logs=None):
        if "first_step" not in self.phases:
            self.end("first_step")

    def on_epoch_end(self, epoch, logs=None):
        self.end("later_epochs" if epoch else "first_epoch")


def main(config, out, seed):
    clock = Clock()
    clock.end("import")
    loaded = plait.config.load(Path(config), [f"seed={seed}"])
    learner = plait.config.build_learner(loaded)
    learner.fit(loaded.data.tables(), run=out, root=loaded.root, verbose=False, callbacks=[clock])
    clock.end("save")
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"phases": clock.phases, "cpu": used.ru_utime + used.ru_stime}))


if __name__ == "__main__":
    main(*sys.argv[1:])
