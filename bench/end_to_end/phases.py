"""Where the time of a fit goes, from the start of the process: seconds of each phase.

    python phases.py CONFIG OUT SEED [KEY=VALUE ...]

Prints one line of JSON: `phases`, the CPU seconds of the process, `cpu`, and when each epoch ended, by
the system's monotonic clock, `ends`.
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
        self.phases, self.ends = {}, []
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
        self.ends.append(self.last)


def main(config, out, seed, *overrides):
    clock = Clock()
    clock.end("import")
    loaded = plait.config.load(Path(config), [f"seed={seed}", *overrides])
    learner = plait.config.build_learner(loaded)
    learner.fit(loaded.data.tables(), run=out, root=loaded.root, verbose=False, callbacks=[clock])
    clock.end("save")
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime
    print(json.dumps({"phases": clock.phases, "cpu": cpu, "ends": clock.ends}))


if __name__ == "__main__":
    main(*sys.argv[1:])
