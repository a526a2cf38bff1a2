"""The ways to read that `data.py` compares: each gives batches of the same work."""

import io
import os
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

CORES = os.cpu_count() or 1
SMALL, LONGEST = 96, 32
BATCH = {"photos": 32, "large photos": 32, "clips": 32, "census": 256, "tokens": 256}

Batches = Iterable[tuple[np.ndarray, ...]]
"""Values, and how many of what is counted lie in each row where that is not one."""
Pass = Callable[[], Batches]

_WORDS = re.compile(r"\w+|[^\w\s]")


class Loader:
    """One way to read; a method a job prepares it and gives a pass that can be repeated.

    Args:
        folder: where the files are, and `census.parquet` and `tokens.parquet`.
        sizes: how many files each job has.
    """

    def __init__(self, folder: Path, sizes: dict[str, int]) -> None:
        self.folder = folder
        self.sizes = sizes

    def prepared(self, job: str) -> Pass | None:
        """The pass of a job, or None for one that this loader has not."""
        prepare = getattr(self, job.replace(" ", "_"), None)
        return prepare() if prepare else None

    def paths(self, job: str) -> list[str]:
        return [str(self.folder / job / f"{n:05}") for n in range(self.sizes[job])]


class Bare(Loader):
    """What must be done at the least, and no batches of it.

    Files are in memory already, and are decoded in as many threads as there are cores, to nowhere.
    Tables are read and turned into arrays whole.
    """

    def photos(self) -> Pass:
        import simplejpeg

        return self._decoding("photos", simplejpeg.decode_jpeg)

    def large_photos(self) -> Pass:
        import simplejpeg

        small = partial(simplejpeg.decode_jpeg, min_height=SMALL, min_width=SMALL)
        return self._decoding("large photos", small)

    def clips(self) -> Pass:
        import soundfile

        return self._decoding(
            "clips", lambda file: soundfile.read(io.BytesIO(file), dtype="float32")
        )

    def census(self) -> Pass:
        path = self.folder / "census.parquet"
        known = census_known(pq.read_table(path))
        return lambda: [census_arrays(pq.read_table(path), *known)[:1]]

    def tokens(self) -> Pass:
        path = self.folder / "tokens.parquet"
        ids = ids_of(path)

        def whole() -> Batches:
            found = [numbered(text, ids) for text in pq.read_table(path)["text"].to_pylist()]
            yield np.stack([row for row, _ in found]), np.array([length for _, length in found])

        return whole

    def _decoding(self, job: str, decode: Callable[[bytes], Any]) -> Pass:
        files = [Path(path).read_bytes() for path in self.paths(job)]
        pool = ThreadPoolExecutor(CORES)

        def part(start: int) -> int:
            part = files[start::CORES]
            for file in part:
                decode(file)
            return len(part)

        return lambda: ((np.zeros(1), np.array(n)) for n in pool.map(part, range(CORES)))


class Plait(Loader):
    """The batches that `fit` reads, of media that are too many to be kept in memory.

    Those of files are made once and a pass is an epoch of them, as with the other loaders; a table is
    read anew in each pass.
    """

    cache_bytes: int | None = 0
    one_for_all = ("photos", "large photos", "clips")

    def prepared(self, job: str) -> Pass | None:
        from plait.data import _feature_rows

        if self.cache_bytes is not None:
            _feature_rows.CACHE_BYTES = self.cache_bytes
        return super().prepared(job)

    def photos(self) -> Pass:
        import plait

        return self._batches(self._of_files("photos"), {"x": plait.Image(size=224)})

    def large_photos(self) -> Pass:
        import plait

        return self._batches(self._of_files("large photos"), {"x": plait.Image(size=SMALL)})

    def clips(self) -> Pass:
        import plait

        return self._batches(self._of_files("clips"), {"x": plait.Audio()})

    def tokens(self) -> Pass:
        import plait

        text = plait.Text(encoder=plait.TextRNN())
        return self._batches(self.folder / "tokens.parquet", {"text": text})

    def census(self) -> Pass:
        import plait

        path = self.folder / "census.parquet"
        kinds = pq.read_schema(path)
        features = {
            name: plait.Number() if is_number(kinds.field(name).type) else plait.Category()
            for name in kinds.names
        }
        return self._batches(path, features)

    def _of_files(self, job: str) -> Path:
        path = self.folder / job / "files.parquet"
        # Another loader may be reading it.
        part = path.with_suffix(f".{os.getpid()}")
        pq.write_table(pa.table({"x": [Path(file).name for file in self.paths(job)]}), part)
        part.replace(path)
        return path

    def _batches(self, path: Path, features: dict[str, Any]) -> Pass:
        from plait.data import Batches as PlaitBatches
        from plait.data._read_ahead import ReadAhead
        from plait.features import fit_features
        from plait.table import Table

        job = path.parent.name if path.name == "files.parquet" else path.stem
        fitted = fit_features(features, Table.read(path))
        first = next(iter(features))

        def made() -> PlaitBatches:
            return PlaitBatches(Table.read(path), fitted, {}, batch_size=BATCH[job], workers=0)

        once = made() if job in self.one_for_all else None
        epochs = count()

        def read() -> Batches:
            batches = made() if once is None else once
            # What `Batches` does in a fit, but that nothing is begun of the next epoch.
            reader = ReadAhead(partial(batches.batch, next(epochs)), CORES, 8)
            for index in range(len(batches)):
                x, *_ = reader.get(index, range(index + 1, len(batches)))
                rows = min(BATCH[job], batches.rows - index * BATCH[job])
                yield x[first], x[f"{first}__length"] if job == "tokens" else np.array(rows)

        return read


class PlaitKeeping(Plait):
    """The first epoch of media that are kept in memory, so that later ones need not decode."""

    cache_bytes = None
    one_for_all = ()

    def prepared(self, job: str) -> Pass | None:
        return None if job in ("census", "tokens") else super().prepared(job)


class Peer(Loader):
    """A loader of single items, told how to read one."""

    def files(self, job: str, each: Callable[[str], np.ndarray]) -> Pass:
        raise NotImplementedError

    def arrays(self, job: str, read: Callable[[], tuple[np.ndarray, ...]]) -> Pass:
        raise NotImplementedError

    def cells(self, job: str, read: Callable[[], list[str]], each: Callable[[str], Any]) -> Pass:
        raise NotImplementedError

    def photos(self) -> Pass:
        return self.files("photos", photo)

    def large_photos(self) -> Pass:
        return self.files("large photos", large_photo)

    def clips(self) -> Pass:
        return self.files("clips", clip)

    def census(self) -> Pass:
        path = self.folder / "census.parquet"
        known = census_known(pq.read_table(path))
        return self.arrays("census", lambda: census_arrays(pq.read_table(path), *known))

    def tokens(self) -> Pass:
        path = self.folder / "tokens.parquet"
        ids = ids_of(path)

        def texts() -> list[str]:
            return pq.read_table(path)["text"].to_pylist()

        return self.cells("tokens", texts, lambda text: numbered(text, ids))


class Torch(Peer):
    """`torch.utils.data.DataLoader`, whose workers stay from one pass to the next where they can."""

    workers = 0

    def files(self, job: str, each: Callable[[str], np.ndarray]) -> Pass:
        return self._kept(job, self.paths(job), each)

    def cells(self, job: str, read: Callable[[], list[str]], each: Callable[[str], Any]) -> Pass:
        def batches() -> Batches:
            return self._kept(job, read(), each)()

        return batches

    def arrays(self, job: str, read: Callable[[], tuple[np.ndarray, ...]]) -> Pass:
        import torch
        from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

        def batches() -> Batches:
            rows = TensorDataset(*map(torch.from_numpy, read()))
            # Whole batches are indexed at once.
            sampler = BatchSampler(RandomSampler(rows), BATCH[job], drop_last=False)
            loader = DataLoader(rows, batch_size=None, sampler=sampler, num_workers=self.workers)
            return ((codes.numpy(),) for codes, _ in loader)

        return batches

    def _kept(self, job: str, cells: list[str], each: Callable[[str], Any]) -> Pass:
        from torch.utils.data import DataLoader

        loader = DataLoader(
            _Mapped(cells, each),
            batch_size=BATCH[job],
            shuffle=True,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
        )
        return lambda: (
            tuple(part.numpy() for part in batch) if isinstance(batch, list) else (batch.numpy(),)
            for batch in loader
        )


class TorchInProcesses(Torch):
    workers = 2


class _Mapped:
    """A torch data set: what a function gives for each cell."""

    def __init__(self, cells: list[str], each: Callable[[str], Any]) -> None:
        self._cells = cells
        self._each = each

    def __len__(self) -> int:
        return len(self._cells)

    def __getitem__(self, index: int) -> Any:
        return self._each(self._cells[index])


class Grain(Peer):
    """Grain in threads, as JAX wants it."""

    def files(self, job: str, each: Callable[[str], np.ndarray]) -> Pass:
        return lambda: self._read(job, self.paths(job), each)

    def cells(self, job: str, read: Callable[[], list[str]], each: Callable[[str], Any]) -> Pass:
        return lambda: self._read(job, read(), each)

    def arrays(self, job: str, read: Callable[[], tuple[np.ndarray, ...]]) -> Pass:
        def batches() -> Batches:
            codes, numbers = read()
            order = np.random.default_rng().permutation(len(codes))
            starts = range(0, len(codes), BATCH[job])

            def batch(start: int) -> tuple[np.ndarray, ...]:
                rows = order[start : start + BATCH[job]]
                return codes[rows], numbers[rows]

            return ((codes,) for codes, _ in self._threads(self._grain(starts).map(batch)))

        return batches

    def _read(self, job: str, cells: list[str], each: Callable[[str], Any]) -> Batches:
        items = self._grain(cells).shuffle(seed=0).map(each)
        for batch in self._threads(items.batch(BATCH[job])):
            yield batch if isinstance(batch, tuple) else (batch,)

    def _grain(self, source: Any) -> Any:
        import grain

        return grain.MapDataset.source(source)

    def _threads(self, items: Any) -> Any:
        import grain

        return items.to_iter_dataset(grain.ReadOptions(num_threads=CORES, prefetch_buffer_size=8))


class TfData(Loader):
    """`tf.data`, which decodes and cuts texts in TensorFlow's own operations."""

    def photos(self) -> Pass:
        import tensorflow as tf

        return self._files("photos", lambda data: tf.io.decode_jpeg(data, channels=3))

    def large_photos(self) -> Pass:
        import tensorflow as tf

        def each(data: Any) -> Any:
            pixels = tf.io.decode_jpeg(data, channels=3, ratio=8)
            small = tf.image.resize(pixels, (SMALL, SMALL), antialias=True)
            return tf.cast(tf.round(small), tf.uint8)

        return self._files("large photos", each)

    def clips(self) -> Pass:
        import tensorflow as tf

        return self._files("clips", lambda data: tf.audio.decode_wav(data)[0][:, 0])

    def census(self) -> Pass:
        import tensorflow as tf

        path = self.folder / "census.parquet"
        known = census_known(pq.read_table(path))

        def batches() -> Batches:
            arrays = census_arrays(pq.read_table(path), *known)
            order = tf.data.Dataset.range(len(arrays[0])).shuffle(len(arrays[0]))
            # Whole batches are indexed at once.
            at = order.batch(BATCH["census"])
            read = at.map(lambda rows: tuple(tf.gather(a, rows) for a in arrays)).prefetch(8)
            return ((codes,) for codes, _ in read.as_numpy_iterator())

        return batches

    def tokens(self) -> Pass:
        import tensorflow as tf

        path = self.folder / "tokens.parquet"
        words = tf.constant(words_of(pq.read_table(path)["text"]))
        ids = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(words, tf.range(1, len(words) + 1)), 0
        )

        def each(texts: Any) -> Any:
            spaced = tf.strings.regex_replace(tf.strings.lower(texts), r"([^\w\s])", r" \1 ")
            found = ids.lookup(tf.strings.split(spaced))[:, :LONGEST]
            return found.to_tensor(shape=(None, LONGEST)), found.row_lengths()

        def batches() -> Batches:
            texts = tf.data.Dataset.from_tensor_slices(pq.read_table(path)["text"].to_pylist())
            # A whole batch at once, which is faster than text by text.
            read = texts.shuffle(len(texts)).batch(BATCH["tokens"]).map(each, tf.data.AUTOTUNE)
            return read.prefetch(8).as_numpy_iterator()

        return batches

    def _files(self, job: str, each: Callable[[Any], Any]) -> Pass:
        import tensorflow as tf

        paths = tf.data.Dataset.from_tensor_slices(self.paths(job)).shuffle(self.sizes[job])
        read = paths.map(lambda path: each(tf.io.read_file(path)), tf.data.AUTOTUNE)
        read = read.batch(BATCH[job]).prefetch(8)
        return lambda: ((values,) for values in read.as_numpy_iterator())


LOADERS: dict[str, type[Loader]] = {
    "bare": Bare,
    "plait": Plait,
    "plait, keeping": PlaitKeeping,
    "torch, 0 workers": Torch,
    "torch, 2 workers": TorchInProcesses,
    "tf.data": TfData,
    "grain": Grain,
}


def photo(path: str) -> np.ndarray:
    import simplejpeg

    return simplejpeg.decode_jpeg(Path(path).read_bytes())


def large_photo(path: str) -> np.ndarray:
    import simplejpeg
    from PIL import Image

    data = Path(path).read_bytes()
    pixels = simplejpeg.decode_jpeg(data, min_height=SMALL, min_width=SMALL)
    small = Image.fromarray(pixels).resize((SMALL, SMALL), Image.Resampling.BILINEAR)
    return np.array(small)


def clip(path: str) -> np.ndarray:
    import soundfile

    return soundfile.read(path, dtype="float32")[0]


def words_of(texts: Any) -> list[str]:
    return sorted({word for text in texts.to_pylist() for word in _WORDS.findall(text.lower())})


def ids_of(path: Path) -> dict[str, int]:
    return {word: i for i, word in enumerate(words_of(pq.read_table(path)["text"]), 1)}


def numbered(text: str, ids: dict[str, int]) -> tuple[np.ndarray, int]:
    found = [ids.get(word, 0) for word in _WORDS.findall(text.lower())][:LONGEST]
    out = np.zeros(LONGEST, "int32")
    out[: len(found)] = found
    return out, len(found)


def is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)


def census_known(table: pa.Table) -> tuple[dict[str, Any], dict[str, Any]]:
    """Mean and deviation of each column of numbers; the values of each other column."""
    numbers = {n: table[n] for n in table.column_names if is_number(table[n].type)}
    others = {n: table[n] for n in table.column_names if n not in numbers}
    return (
        {n: (pc.mean(c).as_py(), pc.stddev(c).as_py() or 1.0) for n, c in numbers.items()},
        {n: pc.unique(c.cast(pa.string())).drop_null() for n, c in others.items()},
    )


def census_arrays(
    table: pa.Table, numbers: dict[str, Any], categories: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    scaled = [(table[n].to_numpy() - mean) / std for n, (mean, std) in numbers.items()]
    codes = [
        pc.fill_null(pc.index_in(table[n].cast(pa.string()), value_set=values), -1).to_numpy() + 1
        for n, values in categories.items()
    ]
    return np.stack(codes, 1).astype("int32"), np.stack(scaled, 1).astype("float32")
