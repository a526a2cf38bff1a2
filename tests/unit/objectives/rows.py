"""A small table, fitted parts, and training with one objective."""

import io

import keras
import numpy as np
from PIL import Image as Pillow

from plait import encoders
from plait.data import Batches
from plait.features import Category, Columns, Image, Number, Text
from plait.model import MultiTaskModel
from plait.objectives import fit_objectives
from plait.table import Table
from plait.tasks import Binary, Count, Multiclass, Ordinal, Quantiles, Regression, fit_tasks
from plait.training import train
from plait.training._signals_of import signals_of
from tests.programs import through
from tests.unit.inference import tiny
from tests.unit.training.test_train import THREE_STEPS

SHARES = {"no": 0.25, "yes": 0.75}
STARS = {"1": 0.5, "2": 0.25, "3": 0.25}
SPAN = {"0.1": 1.0, "0.5": 4.0, "0.9": 9.0}


def picture(grey):
    """8 x 12 pixels of a grey that falls from left to right, as the bytes of a file."""
    pixels = np.tile(np.linspace(grey, grey / 2, 12).astype("uint8"), (8, 1))
    file = io.BytesIO()
    Pillow.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def columns(rows=tiny.ROWS):
    """That of `tiny`, a class that implies the one of `sold`, and what teachers say, with gaps.

    And cells with parts: a text, a picture, and the columns of a record.
    """
    found = tiny.columns(rows)
    deals = {"yes": "good", "no": "bad", None: None}
    texts = {"toy": "a red ball to play", "tool": "an old saw of iron and oak", None: None}
    shades = {"toy": "red", "tool": None, None: "grey"}
    return {
        "note": [texts[kind] for kind in found["kind"]],
        "photo": [None if n % 6 == 3 else picture(120 + n) for n in range(rows)],
        "shade": [shades[kind] for kind in found["kind"]],
        "height": [None if n % 4 == 1 else float(n % 7) for n in range(rows)],
        "length": [None if n % 3 == 1 else 2.0 * (n % 7) for n in range(rows)],
        **found,
        "deal": [deals[sold] if n % 9 else "none" for n, sold in enumerate(found["sold"])],
        "stars": [None if n % 6 == 4 else 1 + n % 3 for n in range(rows)],
        "visits": [None if n % 6 == 2 else n % 5 for n in range(rows)],
        "taught": [None if n % 5 == 2 else SHARES for n in range(rows)],
        "stars_taught": [None if n % 5 == 2 else STARS for n in range(rows)],
        "visits_taught": [None if n % 5 == 2 else 0.5 + n % 4 for n in range(rows)],
        "span_taught": [None if n % 5 == 2 else SPAN for n in range(rows)],
    }


def tasks():
    return {"sold": Binary(), "deal": Multiclass(), "price": Regression()}


def more_tasks():
    """Those that only few objectives are of."""
    return {
        "stars": Ordinal(),
        "stairs": Ordinal(rule="cumulative", column="stars"),
        "visits": Count(),
        "span": Quantiles(column="price"),
        "reach": Regression(column="length"),
    }


def with_parts():
    """Features whose cells have parts."""
    record = {"shade": Category(), "height": Number(), "length": Number()}
    return {
        "note": Text(encoder=encoders.TextWords(4)),
        "photo": Image(encoder=encoders.ImageConv(4, channels=(4,))),
        "record": Columns(of=record, encoder=encoders.Tabular(4, hidden=8)),
    }


def declared(objective=None, table=None, **parts):
    """Fitted; `tiny`'s features and these tasks, and of the others those that the objective is of."""
    table = Table.read(columns()) if table is None else table
    of = () if objective is None else objective.of_features
    features = tiny.features() | {n: f for n, f in with_parts().items() if n in of}
    base = tiny.declaration(features=parts.get("features", features), tasks={}, table=table)
    asked = () if objective is None else objective.of_tasks
    known = tasks() | {n: t for n, t in more_tasks().items() if n in asked}
    known = fit_tasks(parts.get("tasks", known), base.features, table)
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


def trained(declaration, settings=THREE_STEPS, kind=Batches, balancing=None, table=None):
    batches = batches_of(declaration, settings, kind, table)
    return train(declaration, batches, None, settings, balancing, seed=5)


def beginning(declaration):
    """A model as it begins, with each output's loss."""
    model = MultiTaskModel(*declaration.connect(seed=1))
    learnt = {**declaration.tasks, **declaration.objectives}
    model.compile("sgd", loss={name: one.loss() for name, one in learnt.items()})
    return model


def loss_on(declaration, indices, size, table=None, model=None):
    """The objective's loss and weight over some rows, of a model as it begins."""
    model = model or beginning(declaration)
    table = Table.read(columns()) if table is None else table
    whole = batches_of(declaration, table=table)
    x = whole.looked.inputs(np.array(indices), size)
    pad = [(0, size - len(indices))]
    found = declaration.objectives["signal"].targets(table, declaration.tasks, None)
    y = np.pad(found.values[indices], pad + [(0, 0)] * (found.values.ndim - 1))
    weights = np.pad(found.labelled[indices].astype("float32"), pad)
    nothing = np.zeros(size, "float32")
    asked = declaration.tasks_in(table)
    labels = {name: task.targets(task.column_in(name, table)) for name, task in asked.items()}
    given = {
        name: (np.zeros((size, *known.values.shape[1:]), "int32"), nothing)
        for name, known in labels.items()
    }
    given["signal"] = (y, weights)
    place = model.objective.tasks.index("signal")

    def answer(x, given):
        losses = model.objective.losses(model(x, training=False), given)
        return losses.plain[place], losses.totals[place]

    found = through(model, answer, x, given, key="losses")
    return tuple(float(keras.ops.convert_to_numpy(value)) for value in found)


class Poisoned(Batches):
    """The same batches with something else in the place of what is absent, padded or unlabelled."""

    def batch(self, epoch, index):
        x, y, weights = super().batch(epoch, index)
        for name in [name.removesuffix("__present") for name in x if name.endswith("__present")]:
            here = x[f"{name}__present"].reshape(-1, *[1] * (x[name].ndim - 1))
            poison = np.nan if x[name].dtype == "float32" else 2
            x[name] = np.where(here, x[name], np.array(poison, x[name].dtype))
        for task, values in y.items():
            unlabelled = (weights[task] == 0).reshape(-1, *[1] * (values.ndim - 1))
            poison = np.nan if values.dtype == "float32" else 1
            y[task] = np.where(unlabelled, poison, values).astype(values.dtype)
        return x, y, weights
