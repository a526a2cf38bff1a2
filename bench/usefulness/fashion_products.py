"""fashion_products: a small picture, a title, gender and colour tell five things, with gaps."""

import io
import re
from collections import Counter
from pathlib import Path

import keras
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from PIL import Image
from problem import Part, Problem

FILES = {"train": "train", "validation": "valid", "test": "test"}
CLASSES = ("season", "usage", "sub_category", "article_type")
CATEGORIES = ("gender", "base_colour")
HEIGHT, WIDTH = 40, 30  # half of the pictures' own
WORDS = 12  # of a title


def problem(data: Path, rows: int | None) -> Problem:
    tables = {
        name: pq.read_table(data / "fashion_products" / f"{file}.parquet").slice(0, rows)
        for name, file in FILES.items()
    }
    train = tables["train"]
    values = {n: pc.unique(train[n]).drop_null() for n in (*CLASSES, *CATEGORIES)}
    counts = Counter(word for title in train["title"].to_pylist() for word in _words(title))
    vocabulary = {w: n for n, w in enumerate((w for w in counts if counts[w] > 1), start=2)}
    years = train["year"].drop_null().to_numpy()
    mean, deviation = float(years.mean()), float(years.std())

    def codes(table: pa.Table, name: str) -> np.ndarray:
        """The place among the training values; -1 for what is absent, or in no training row."""
        found = pc.index_in(table[name], value_set=values[name])
        return pc.fill_null(found, -1).to_numpy().astype("int32")

    def part(table: pa.Table) -> Part:
        x = {
            "picture": np.stack([_picture(cell) for cell in table["image"].to_pylist()]),
            "title": np.stack([_numbered(t, vocabulary) for t in table["title"].to_pylist()]),
            **{name: codes(table, name) + 1 for name in CATEGORIES},
        }
        year = table["year"].cast(pa.float32()).to_numpy(zero_copy_only=False)
        y = {name: codes(table, name) for name in CLASSES}
        return Part(x, {**y, "year": ((year - mean) / deviation).astype("float32")})

    def build():
        picture = keras.Input((HEIGHT, WIDTH, 3), dtype="uint8", name="picture")
        title = keras.Input((WORDS,), dtype="int32", name="title")
        inputs = {"picture": picture, "title": title}
        z = keras.layers.Rescaling(1 / 127.5, offset=-1)(picture)
        for width in (16, 32, 64):
            z = keras.layers.Conv2D(width, 3, strides=2, padding="same", activation="relu")(z)
        read = [keras.layers.Dense(64, activation="relu")(keras.layers.Flatten()(z))]
        words = keras.layers.Embedding(len(vocabulary) + 2, 64, mask_zero=True)(title)
        read.append(keras.layers.GlobalAveragePooling1D()(words))
        for name in CATEGORIES:
            inputs[name] = keras.Input((), dtype="int32", name=name)
            read.append(keras.layers.Embedding(len(values[name]) + 1, 8)(inputs[name]))
        z = keras.layers.Dropout(0.3)(keras.layers.Concatenate()(read))
        z = keras.layers.Dense(128, activation="relu")(z)
        outputs = {name: keras.layers.Dense(len(values[name]))(z) for name in CLASSES}
        return inputs, {**outputs, "year": keras.layers.Dense(1)(z)}

    parts = {name: part(table) for name, table in tables.items()}
    kinds = {**dict.fromkeys(CLASSES, "accuracy"), "year": "mae"}
    return Problem(
        parts, build, kinds, batch_size=64, epochs=12, rates=(3e-3, 1e-2, 3e-2), unit=deviation
    )


def _words(title: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", title.lower())


def _numbered(title: str, vocabulary: dict[str, int]) -> np.ndarray:
    """The first words' numbers; 0 behind the last, 1 for an unknown one."""
    numbers = [vocabulary.get(word, 1) for word in _words(title)[:WORDS]] or [1]
    return np.array(numbers + [0] * (WORDS - len(numbers)), "int32")


def _picture(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB").resize((WIDTH, HEIGHT), Image.Resampling.BOX))
