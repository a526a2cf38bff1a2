"""A class for each pixel of a picture."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import keras
import numpy as np
import pyarrow as pa
from keras import ops

from plait._drawing import draw_classes
from plait._moves import Moves
from plait._names import did_you_mean
from plait._ranges import demand_share
from plait.errors import ConfigError, DataError
from plait.heads import Head, UNetHead
from plait.table import Column
from plait.tasks._extents import mask_extents
from plait.tasks._kept_masks import KeptMasks
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
from plait.tasks._masks import FramedMasks, MaskCells, demand_size
from plait.tasks._picture_task import PictureTask
from plait.tasks._scores import checked, clipped_gain, entropy
from plait.tasks._task import Targets

SAMPLE = 256
"""How many masks of the training rows the classes and their shares are learnt from."""
# A class that no sampled mask has may come in another.
_LEAST_SHARE = 1e-6
# Below it the few pixels of a class would make steps jump.
_LEAST_WEIGHED = 1e-3


@dataclass(frozen=True, kw_only=True)
class Segmentation(PictureTask):
    """One of several classes for each pixel of a picture.

    A cell is a mask of its picture's size: a file that keeps every pixel (PNG, BMP, TIFF, PPM), as
    a path relative to the table's folder or as bytes, or a list of lists of whole numbers. A pixel's
    value, in a palette its index, stands for its class. Masks are read when a batch asks for them, and
    laid into the frame of the feature as their pictures are, each pixel the nearest one's.

    The head is a `UNetHead`: the picture's own maps make the mask, and the fused tokens, so all other
    features, condition it. The loss is `MaskLoss`. A row without its picture is not labelled.

    Args:
        of: the name of an `Image` feature.
        classes: `{name: value}`, or `{name: [red, green, blue]}` for masks in colour, or names of the
            values 0, 1, 2, ...; if None, the values of up to 256 training masks, named by the numbers.
        ignore: the value or colour of pixels that have no class: they count neither in the loss nor in
            a score.
        on_unseen: what a pixel of another value becomes: an error, or one without a class.
        dice: the share of the loss that is of the classes' overlap, in [0, 1]; the rest is
            cross-entropy.
        class_weights: "balanced" has a pixel count in the cross-entropy by the inverse of its class'
            share of the training pixels, or of a thousandth where that is less; None by 1.
        column, features, after, weight, auxiliary, fade, missing: see `Task`.

    `decode` gives `""`, a PNG as bytes, indexed, of the picture's own size, null where there is no
    picture; what stands for a class in it is what stood for it in the training masks.

    `scores` are taken at the masks' own sizes, whatever the frame cuts or leaves: mean_iou, over the
    classes that are in the masks or in the answers; pixel_accuracy; and iou_<class> of each of these.

    Raises:
        ConfigError: an argument that cannot be.

    Example:
        Segmentation(of="photo", classes=("ground", "tree", "sky"), ignore=255)
    """

    main_score: ClassVar[str] = "mean_iou"
    lies_in_picture: ClassVar[bool] = True
    on_error: ClassVar[None] = None
    """A mask that cannot be read is an error, as any other label is."""

    classes: Mapping[str, int | tuple[int, int, int]] | tuple[str, ...] | None = None
    ignore: int | tuple[int, int, int] | None = None
    on_unseen: Literal["raise", "missing"] = "raise"
    dice: float = 0.5
    class_weights: Literal["balanced"] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        demand_share("Segmentation", all_too=True, dice=self.dice)
        if self.on_unseen not in ("raise", "missing"):
            raise ConfigError(
                f"Segmentation: on_unseen is 'raise' or 'missing'. Received: {self.on_unseen!r}"
            )
        if self.class_weights not in (None, "balanced"):
            raise ConfigError(
                f"Segmentation: class_weights is 'balanced' or None. Received: {self.class_weights!r}"
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
        learnt: dict[str, Any] = {"shares": shares.tolist(), "entropy": entropy(shares)}
        if self.class_weights is not None:
            weights = 1 / np.maximum(shares, _LEAST_WEIGHED)
            weights /= (shares * weights).sum()
            learnt["class_weights"] = weights.tolist()
            # Of the likeliest answer that looks at nothing.
            learnt["entropy"] = entropy(shares * weights)
        return self.with_state({**known.state(), **learnt})

    def targets(self, column: Column) -> Targets:
        rows, _ = self._labelled(column)
        flags = np.zeros(len(column), bool)
        flags[rows] = True
        classes = self._known
        cells = MaskCells(self, column, classes.coloured)
        masks = FramedMasks(cells, flags, self.frame, classes.numbers, self.sizes)
        return Targets(masks, flags)

    def moved(self, targets: Any, moves: Moves) -> Any:
        return moves.of_maps(targets, IGNORED)

    def head(self) -> Head:
        shares = np.maximum(self.learnt["shares"], _LEAST_SHARE)
        counted = shares * (self.learnt.get("class_weights") or 1.0)
        return UNetHead(len(shares), prior=tuple(np.log(counted).tolist()))

    def loss(self) -> keras.losses.Loss:
        return MaskLoss(self.learnt["entropy"], self.dice, self.learnt.get("class_weights"))

    def trivial_logits(self) -> np.ndarray:
        shares = np.maximum(self.learnt["shares"], _LEAST_SHARE)
        return np.log(shares, dtype="float32").reshape(1, 1, 1, -1)

    def decode(self, logits: np.ndarray) -> dict[str, pa.Array]:
        classes, frame = self._known, self.frame
        sizes = self.sizes(np.arange(len(logits))) or [frame] * len(logits)
        pictures = (
            None if size is None else classes.png(answered(row, frame, size))
            for row, size in zip(logits, sizes, strict=True)
        )
        return {"": pa.array(pictures, pa.binary())}

    def scores(
        self, logits: np.ndarray, column: Column, weights: np.ndarray | None = None
    ) -> dict[str, float]:
        rows, weights = self._labelled(column, weights)
        classes, frame = self._known, self.frame
        found = Overlaps(classes.names)
        masks = self.once("masks", column, lambda: self._masks(column))
        for row, truth in masks.read(self._pictured(rows)):
            answers = answered(checked(logits[row]), frame, truth.shape)
            found.add(truth, answers, weights[row])
        return found.scores()

    def draw(self, figure: Any, logits: np.ndarray, column: Column | None) -> None:
        (size,) = self.sizes(np.arange(1)) or [None]
        rows, _ = self._labelled(column) if column is not None else ((), None)
        panels = self.shown(figure, 1 + len(rows))
        if size is None:
            return
        pixels = {"answer": answered(np.asarray(logits[0]), self.frame, size)}
        if column is not None:
            for _, truth in self._masks(column).read(self._pictured(np.asarray(rows))):
                pixels["label"] = truth
        draw_classes(figure, panels, pixels, self._known.names)

    def kind(self, label: str) -> int:
        known = list(self._known.names)
        if label not in known:
            raise ConfigError(f"Segmentation knows no class {label!r}.{did_you_mean(label, known)}")
        return known.index(label)

    def extents(self, logits: Any, label: str, slices: int) -> Any:
        shares = ops.softmax(ops.cast(logits, "float32"), axis=-1)
        return mask_extents(shares[..., self.kind(label)], slices)

    def _pictured(self, rows: np.ndarray) -> list[int]:
        """Those of some rows whose picture can be read, as far as that is known."""
        sizes = self.sizes(rows)
        if sizes is None:
            return rows.tolist()
        return [row for row, size in zip(rows.tolist(), sizes, strict=True) if size is not None]

    def _masks(self, column: Column) -> KeptMasks:
        """At their own sizes, which are those of their pictures."""
        classes = self._known

        def numbers(pixels: np.ndarray, row: int) -> np.ndarray:
            (size,) = self.sizes(np.array([row])) or [None]
            demand_size(pixels.shape[:2], size)
            return classes.numbers(pixels)

        return KeptMasks(MaskCells(self, column, classes.coloured), numbers)

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
        """The rows that have a label, a picture and a weight above 0, and all weights."""
        demand_plain_type(column)
        weights = np.ones(len(column)) if weights is None else np.asarray(weights, "float64")
        flags = ~column.is_missing(self.missing) & (weights > 0)
        if self.cells is not None:
            flags &= ~self.cells.is_missing(self.picture.missing)
        return np.flatnonzero(flags), weights

    def _counts(
        self, column: Column, rows: np.ndarray, weights: np.ndarray, known: MaskClasses | None
    ) -> Counter[int]:
        """The weight of each code in some of the masks, of `ignore` none."""
        order = np.random.Generator(np.random.Philox(0)).permutation(len(rows))
        some = np.sort(rows[order[:SAMPLE]])
        sizes = dict(zip(some.tolist(), self.sizes(some) or [None] * len(some), strict=True))

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


def _plain(classes: Classes) -> Any:
    if not isinstance(classes, Mapping):
        return tuple(classes)
    return {str(name): _value(value) for name, value in classes.items()}


def _value(value: Any) -> Value:
    return tuple(value) if isinstance(value, list) else value
