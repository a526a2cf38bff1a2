"""A class for each pixel of a picture."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self, cast

import keras
import numpy as np
import pyarrow as pa

from plait._ranges import demand_share
from plait.errors import ConfigError, DataError
from plait.features import Image
from plait.heads import Head, UNetHead
from plait.table import Column
from plait.tasks._dense_task import DenseTask, Parts
from plait.tasks._labels import demand_plain_type, no_label
from plait.tasks._mask_classes import (
    IGNORED,
    MOST_CLASSES,
    Classes,
    MaskClasses,
    Value,
    code_of,
    codes_of,
)
from plait.tasks._mask_loss import MaskLoss
from plait.tasks._mask_scores import Overlaps, answered
from plait.tasks._masks import FramedMasks, MaskCells, Size, demand_size
from plait.tasks._scores import checked, clipped_gain, entropy
from plait.tasks._task import Targets

SAMPLE = 256
"""How many masks of the training rows the classes and their shares are learnt from."""
# A class that no sampled mask has may come in another.
_LEAST_SHARE = 1e-6


@dataclass(frozen=True, kw_only=True)
class Segmentation(DenseTask):
    """One of several classes for each pixel of a picture.

    A cell is a mask of its picture's size: a file that keeps every pixel (PNG, BMP, TIFF, PPM), as
    a path relative to the table's folder or as bytes, or a list of lists of whole numbers. A pixel's
    value, in a palette its index, stands for its class. Masks are read when a batch asks for them, and
    laid into the frame of the feature as their pictures are, each pixel the nearest one's.

    The head is a `UNetHead`: the picture's own maps make the mask, and the fused tokens, so all other
    features, condition it. The loss is `MaskLoss`.

    Args:
        of: the name of an `Image` feature.
        classes: `{name: value}`, or `{name: [red, green, blue]}` for masks in colour, or names of the
            values 0, 1, 2, ...; if None, the values of up to 256 training masks, named by the numbers.
        ignore: the value or colour of pixels that have no class: they count neither in the loss nor in
            a score.
        on_unseen: what a pixel of another value becomes: an error, or one without a class.
        dice: the share of the loss that is of the classes' overlap, in [0, 1]; the rest is
            cross-entropy.
        column, features, weight, auxiliary, missing: see `Task`.

    `decode` gives `""`, a PNG as bytes, indexed, of the picture's own size; what stands for a class in
    it is what stood for it in the training masks.

    `scores` are taken at the masks' own sizes, whatever the frame cuts or leaves: mean_iou, over the
    classes that are in the masks or in the answers; pixel_accuracy; and iou_<class> of each of these.

    Raises:
        ConfigError: an argument that cannot be.

    Example:
        Segmentation(of="photo", classes=("ground", "tree", "sky"), ignore=255)
    """

    main_score: ClassVar[str] = "mean_iou"
    parts: ClassVar[Parts] = "maps"
    modalities: ClassVar[tuple[str, ...]] = ("image",)
    on_error: ClassVar[None] = None
    """A mask that cannot be read is an error, as any other label is."""

    classes: Mapping[str, int | tuple[int, int, int]] | tuple[str, ...] | None = None
    ignore: int | tuple[int, int, int] | None = None
    on_unseen: Literal["raise", "missing"] = "raise"
    dice: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        demand_share("Segmentation", all_too=True, dice=self.dice)
        if self.on_unseen not in ("raise", "missing"):
            raise ConfigError(
                f"Segmentation: on_unseen is 'raise' or 'missing'. Received: {self.on_unseen!r}"
            )
        if self.classes is not None:
            # As a file brings them back, so that what was saved equals what is loaded.
            object.__setattr__(self, "classes", _plain(self.classes))
        if isinstance(self.ignore, list):
            object.__setattr__(self, "ignore", tuple(self.ignore))
        self._declared()

    def fit(self, column: Column, weights: np.ndarray | None = None) -> Self:
        rows, weights = self._labelled(column, weights)
        if not len(rows):
            raise no_label(column)
        known = self._declared()
        counts = self._counts(column, rows, weights, known)
        known = known or self._met(column, counts)
        shares = np.array([counts[code] for code in known.codes], "float64")
        shares /= max(shares.sum(), 1)
        if (shares > 0).sum() < 2:
            raise DataError(
                f"Column '{column.name}' of {column.source}: the masks of the training rows have "
                f"pixels of {int((shares > 0).sum())} class. Segmentation needs two or more to tell "
                "apart. Name what stands for each in classes=, split so that they train, or leave the "
                "task out."
            )
        learnt = {"shares": shares.tolist(), "entropy": entropy(shares)}
        return self.with_state({**known.state(), **learnt})

    def targets(self, column: Column) -> Targets:
        rows, _ = self._labelled(column)
        flags = np.zeros(len(column), bool)
        flags[rows] = True
        classes = self._known
        cells = MaskCells(self, column, classes.coloured)
        masks = FramedMasks(cells, flags, self._frame, classes.numbers, self._sizes)
        return Targets(masks, flags)

    def head(self) -> Head:
        shares = np.maximum(self.learnt["shares"], _LEAST_SHARE)
        return UNetHead(len(shares), prior=tuple(np.log(shares).tolist()))

    def loss(self) -> keras.losses.Loss:
        return MaskLoss(self.learnt["entropy"], self.dice)

    def trivial_logits(self) -> np.ndarray:
        shares = np.maximum(self.learnt["shares"], _LEAST_SHARE)
        return np.log(shares, dtype="float32").reshape(1, 1, 1, -1)

    def decode(self, logits: np.ndarray) -> dict[str, pa.Array]:
        classes, frame = self._known, self._frame
        sizes = self._sizes(np.arange(len(logits)))
        pictures = (
            classes.png(answered(row, frame, size or frame))
            for row, size in zip(logits, sizes, strict=True)
        )
        return {"": pa.array(pictures, pa.binary())}

    def scores(
        self, logits: np.ndarray, column: Column, weights: np.ndarray | None = None
    ) -> dict[str, float]:
        rows, weights = self._labelled(column, weights)
        classes, frame = self._known, self._frame
        found = Overlaps(classes.names)
        cells = MaskCells(self, column, classes.coloured)
        for row, truth in cells.read(rows.tolist(), lambda pixels, _: classes.numbers(pixels)):
            answers = answered(checked(logits[row]), frame, truth.shape)
            found.add(truth, answers, weights[row])
        return found.scores()

    def gain(self, scores: Mapping[str, float]) -> float:
        shares = self.learnt["shares"]
        trivial = max(shares) / sum(share > 0 for share in shares)
        return clipped_gain(scores["mean_iou"], trivial)

    def _declared(self) -> MaskClasses | None:
        if self.classes is None:
            return None
        return MaskClasses.declared(self.classes, self.ignore, self.on_unseen == "missing")

    @property
    def _known(self) -> MaskClasses:
        ignore = None if self.ignore is None else code_of(self.ignore)
        return MaskClasses.from_state(
            self.learnt, ignore=ignore, others_ignored=self.on_unseen == "missing"
        )

    def _labelled(
        self, column: Column, weights: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The rows that have a label and a weight above 0, and all weights."""
        demand_plain_type(column)
        weights = np.ones(len(column)) if weights is None else np.asarray(weights, "float64")
        return np.flatnonzero(~column.is_missing(self.missing) & (weights > 0)), weights

    def _counts(
        self, column: Column, rows: np.ndarray, weights: np.ndarray, known: MaskClasses | None
    ) -> Counter[int]:
        """The weight of each code in some of the masks, of `ignore` none."""
        order = np.random.Generator(np.random.Philox(0)).permutation(len(rows))
        some = np.sort(rows[order[:SAMPLE]])
        sizes = dict(zip(some.tolist(), self._sizes(some), strict=True))

        def codes(pixels: np.ndarray, row: int) -> tuple[np.ndarray, np.ndarray]:
            demand_size(pixels.shape[:2], sizes[row])
            if known is None:
                return np.unique(codes_of(pixels), return_counts=True)
            numbers = known.numbers(pixels)
            found = np.bincount(numbers[numbers != IGNORED], minlength=len(known.codes))
            return np.array(known.codes), found

        counts: Counter[int] = Counter()
        cells = MaskCells(self, column, known is not None and known.coloured)
        for row, (met, pixels) in cells.read(some.tolist(), codes):
            for code, count in zip(met.tolist(), pixels.tolist(), strict=True):
                counts[code] += weights[row] * count
        if self.ignore is not None:
            counts.pop(code_of(self.ignore), None)
        return counts

    def _met(self, column: Column, counts: Mapping[int, float]) -> MaskClasses:
        if len(counts) > MOST_CLASSES:
            raise DataError(
                f"Column '{column.name}' of {column.source}: Segmentation expects masks, in which few "
                f"values stand for classes. Received {len(counts)} different values of pixels, as "
                "photographs have."
            )
        codes = tuple(sorted(counts))
        return MaskClasses(tuple(map(str, codes)), codes)

    @property
    def _picture(self) -> Image:
        return cast(Image, self.feature)

    @property
    def _frame(self) -> Size:
        height, width, _ = self._picture.spec.shape
        return height, width

    def _sizes(self, rows: np.ndarray) -> list[Size | None]:
        """The pictures' own sizes; None where there is no picture, or no column of them."""
        if self.cells is None:
            return [None] * len(rows)
        return self._picture.sizes(self.cells.take(rows))


def _plain(classes: Classes) -> Any:
    if not isinstance(classes, Mapping):
        return tuple(classes)
    return {str(name): _value(value) for name, value in classes.items()}


def _value(value: Any) -> Value:
    return tuple(value) if isinstance(value, list) else value
