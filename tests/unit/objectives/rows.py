"""A small table, fitted parts, and training with one objective."""

import numpy as np

from plait.data import Batches
from plait.objectives import fit_objectives
from plait.table import Table
from plait.tasks import Binary, Multiclass, Regression, fit_tasks
from plait.training import train
from plait.training._signals_of import signals_of
from tests.unit.inference import tiny
from tests.unit.training.test_train import THREE_STEPS

SHARES = {"no": 0.25, "yes": 0.75}


def columns(rows=tiny.ROWS):
    """That of `tiny`, a class that implies the one of `sold`, and what a teacher says, with gaps."""
    found = tiny.columns(rows)
    deals = {"yes": "good", "no": "bad", None: None}
    return {
        **found,
        "deal": [deals[sold] if n % 9 else "none" for n, sold in enumerate(found["sold"])],
        "taught": [None if n % 5 == 2 else SHARES for n in range(rows)],
    }


def tasks():
    return {"sold": Binary(), "deal": Multiclass(), "price": Regression()}


def declared(objective=None, table=None, **parts):
    """Fitted; `tiny`'s features, and these tasks."""
    table = Table.read(columns()) if table is None else table
    base = tiny.declaration(features=parts.get("features", tiny.features()), tasks={})
    known = fit_tasks(parts.get("tasks", tasks()), base.features, table)
    objectives = {} if objective is None else {"signal": objective}
    fitted = fit_objectives(objectives, table, base.features, known)
    return base.__class__(
        base.features, known, base.fusion, base.sharing, base.width, "id", objectives=fitted
    ).settled()


def batches_of(declaration, settings=THREE_STEPS, kind=Batches, table=None, **options):
    table = Table.read(columns()) if table is None else table
    return kind(
        table,
        declaration.features,
        declaration.tasks,
        batch_size=settings.batch_size,
        seed=5,
        workers=0,
        signals=signals_of(declaration, table),
        **options,
    )


def trained(declaration, settings=THREE_STEPS, kind=Batches, balancing=None):
    batches = batches_of(declaration, settings, kind)
    return train(declaration, batches, None, settings, balancing, seed=5)


class Poisoned(Batches):
    """The same batches with something else in the place of what is absent, padded or unlabelled."""

    def batch(self, epoch, index):
        x, y, weights = super().batch(epoch, index)
        for name in ("age", "size", "kind"):
            here = x[f"{name}__present"].reshape(-1, *[1] * (x[name].ndim - 1))
            poison = np.nan if x[name].dtype == "float32" else 2
            x[name] = np.where(here, x[name], np.array(poison, x[name].dtype))
        for task, values in y.items():
            unlabelled = (weights[task] == 0).reshape(-1, *[1] * (values.ndim - 1))
            poison = np.nan if values.dtype == "float32" else 1
            y[task] = np.where(unlabelled, poison, values).astype(values.dtype)
        return x, y, weights
