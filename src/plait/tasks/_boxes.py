"""The things in a picture: where each one is, and what."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self, get_args

import keras
import numpy as np
import pyarrow as pa
from keras import ops

from plait._drawing import draw_box
from plait._moves import Moves
from plait._names import did_you_mean
from plait._ranges import demand_share, demand_whole
from plait.errors import ConfigError, DataError
from plait.features import Feature
from plait.heads import BoxesHead, Head, StrongestBoxes
from plait.table import Column, Table
from plait.tasks._box_cells import ONE_KIND, BoxLists, box_lists
from plait.tasks._box_frame import BoxFrames, Units, guessed_units
from plait.tasks._box_loss import BoxLoss
from plait.tasks._box_scores import PlacedBoxes, average_precisions
from plait.tasks._extents import box_extents
from plait.tasks._labels import Labelled, class_indices, count_classes, labelled_rows, positions
from plait.tasks._picture_task import PictureTask, Size
from plait.tasks._scores import checked, clipped_gain
from plait.tasks._task import Targets

_FEWEST = 16
"""Places for boxes in a row of targets, where no training row has more."""
_NEAR = 0.05
"""How far a score lies above the least one where its box counts as sigmoid(1) of one."""
_NO_SCORE = 1e-30
"""Of what fills the places of boxes that are not there, it is less."""
_FIELDS = ("x0", "y0", "x1", "y1", "label", "score")


@dataclass(frozen=True, kw_only=True)
class Boxes(PictureTask):
    """Any number of boxes in a picture, each of a kind, by a detector without anchors (FCOS).

    A cell is a list of boxes, or JSON text of one: each `{"x0", "y0", "x1", "y1", "label"}` or
    `[x0, y0, x1, y1, label]`, from the corner at the upper left to the one at the lower right of the
    picture as it is seen. A null (or "") is a missing label; an empty list says that there is nothing.
    Without labels all boxes are of one kind, "object". A row without its picture is not labelled.

    A box is found at the positions of the picture's feature maps that lie in it. One that is smaller
    than the step of the finest map, a few pixels of `Image(size=...)`, may have none.

    Args:
        of: the picture.
        labels: a column with a list of labels, one a box, if the boxes do not have them.
        units: "pixels" of the picture's own size, or "fractions" of its width and height. If None:
            fractions if no coordinate of the training rows is above 1, but for rounding.
        on_unseen: what a box becomes whose label no training row has: an error, or one left out.
        most_boxes: how many boxes are found in a picture.
        most_overlap: the intersection over union above which the weaker of two boxes of a kind is taken
            for the same thing, and goes.
        least_score: of the boxes that `decode` gives, in [0, 1]. Scores are of all boxes.
        column, features, after, weight, auxiliary, fade, missing: see `Task`.

    `decode` gives `""`, the list of boxes, strongest first, each a record of x0, y0, x1, y1 in the
    units of the table, label and score; null where there is no picture.

    `scores` gives, at the pictures' own size, map (COCO's mean average precision: the mean over labels
    and over ten least overlaps from .5 to .95), map50 (at .5 alone) and ap50_<label>. A label that no
    row has is left out. Rows of a weight above 0 count alike: a precision is not of rows. Where no
    labelled row has a box there is no recall, and none of these.

    Raises:
        ConfigError: an argument that cannot be.

    Example:
        Boxes(of="photo", labels="box_labels")

    References:
        Z. Tian, C. Shen, H. Chen and T. He. FCOS: A Simple and Strong Anchor-Free Object Detector,
        2022.
    """

    main_score: ClassVar[str] = "map"
    finds_kinds: ClassVar[bool] = True
    lies_in_picture: ClassVar[bool] = True

    labels: str | None = None
    units: Units | None = None
    on_unseen: Literal["raise", "missing"] = "raise"
    most_boxes: int = 100
    most_overlap: float = 0.6
    least_score: float = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, value, allowed in (
            ("units", self.units, (None, *get_args(Units))),
            ("on_unseen", self.on_unseen, ("raise", "missing")),
        ):
            if value not in allowed:
                choices = ", ".join(map(repr, allowed))
                raise ConfigError(f"Boxes: {name} is one of {choices}. Received: {value!r}")
        demand_whole("Boxes", most_boxes=self.most_boxes)
        demand_share(
            "Boxes", all_too=True, most_overlap=self.most_overlap, least_score=self.least_score
        )

    def beside(self, features: Mapping[str, Feature], table: Table | None = None) -> Self:
        bound = super().beside(features, table)
        if table is not None and self.labels is not None and self.labels in table:
            object.__setattr__(bound, "_named", table.column(self.labels))
        return bound

    def fit(self, column: Column, weights: np.ndarray | None = None) -> Self:
        lists, sizes = self._read(column, weights)
        if not len(lists.parents):
            raise DataError(
                f"Column '{column.name}' of {column.source} has no box in any training row with a "
                "picture. Split so that rows with boxes train, or leave the task out."
            )
        units = self.units or guessed_units(lists)
        BoxFrames.of(sizes, self.frame, units).pixels(lists)
        classes, _ = count_classes(lists.labels, np.ones(len(lists.parents)))
        kinds = positions(lists.labels, pa.array(classes))
        counts = np.zeros((len(lists.labelled.rows), len(classes)))
        np.add.at(counts, (lists.parents, kinds), 1)
        return self.with_state(
            {
                "classes": classes,
                "units": units,
                "boxes": max(_FEWEST, int(np.bincount(lists.parents).max())),
                "frame": list(self.frame),
                "spreads": [*counts.std(axis=0).tolist(), float(counts.sum(axis=1).std())],
            }
        )

    def targets(self, column: Column) -> Targets:
        lists, frames, unseen = self._known(column)
        rows = lists.labelled.rows[lists.parents]
        values = np.zeros((len(column), self.learnt["boxes"], 5), "float32")
        place = _places(lists.parents)
        fits = place < values.shape[1]
        framed = frames.framed(frames.pixels(lists), lists.parents)
        kinds = self._kinds(lists)
        values[rows[fits], place[fits], :4] = framed[fits]
        values[rows[fits], place[fits], 4] = 1 + kinds[fits]
        return Targets(values, lists.labelled.flags, unseen)

    def moved(self, targets: Any, moves: Moves) -> Any:
        return moves.of_boxes(targets)

    def head(self) -> Head:
        return BoxesHead(len(self.learnt["classes"]), tuple(self.learnt["frame"]))

    def answer_layer(self) -> keras.layers.Layer:
        return StrongestBoxes(self.most_boxes, self.most_overlap)

    def loss(self) -> keras.losses.Loss:
        return BoxLoss()

    def trivial_logits(self) -> np.ndarray:
        return np.zeros((1, self.most_boxes, 6), "float32")

    def decode(self, logits: np.ndarray) -> dict[str, pa.Array]:
        frame = tuple(self.learnt["frame"])
        known = self.sizes(np.arange(len(logits))) or [frame] * len(logits)
        absent = np.array([size is None for size in known], bool)
        frames = BoxFrames.of([size or frame for size in known], frame, self.learnt["units"])
        seen = np.where(absent[:, None, None], np.zeros_like(logits), logits)
        found = self._found(seen, frames, max(self.least_score, _NO_SCORE))
        ends = np.searchsorted(found.rows, np.arange(len(logits) + 1)).astype("int32")
        labels = pa.array(self.learnt["classes"]).take(pa.array(found.kinds))
        corners = frames.in_units(found.corners, found.rows)
        fields = [*map(pa.array, corners.T), labels, pa.array(found.scores)]
        records = pa.StructArray.from_arrays(fields, _FIELDS)
        return {"": pa.ListArray.from_arrays(pa.array(ends), records, mask=pa.array(absent))}

    def scores(
        self, logits: np.ndarray, column: Column, weights: np.ndarray | None = None
    ) -> dict[str, float]:
        lists, frames, _ = self._known(column, weights)
        if not len(lists.parents):
            return {}
        classes, rows = self.learnt["classes"], lists.labelled.rows
        truth = PlacedBoxes(frames.pixels(lists), self._kinds(lists), lists.parents)
        found = self._found(checked(logits[rows]), frames, _NO_SCORE)
        precisions = average_precisions(truth, found, len(rows), len(classes), self.most_boxes)
        by_label = {
            f"ap50_{label}": float(precision)
            for label, precision in zip(classes, precisions[0], strict=True)
            if np.isfinite(precision)
        }
        return {
            "map": float(np.nanmean(precisions)),
            "map50": float(np.nanmean(precisions[0])),
            **by_label,
        }

    def draw(self, figure: Any, logits: np.ndarray, column: Column | None) -> None:
        (axes,) = self.shown(figure, 1)
        known = self.sizes(np.arange(1)) or [None]
        if known[0] is None:
            return
        classes, frame = self.learnt["classes"], tuple(self.learnt["frame"])
        if column is not None:
            lists, frames, _ = self._known(column)
            for corners, kind in zip(frames.pixels(lists), self._kinds(lists), strict=True):
                draw_box(axes, corners, str(classes[kind]), label=True)
        frames = BoxFrames.of([known[0]], frame, self.learnt["units"])
        found = self._found(np.asarray(logits), frames, max(self.least_score, _NO_SCORE))
        scores = np.zeros(0) if found.scores is None else found.scores
        for corners, kind, score in zip(found.corners, found.kinds, scores, strict=True):
            draw_box(axes, corners, f"{classes[kind]} {score:.2f}", label=False)

    def amount(self, logits: Any, label: str | None = None) -> Any:
        """How many boxes are found: those of a score above `least_score`, a little above or below
        counting in part.
        """
        found = self.answer_layer()(logits)
        there = ops.sigmoid((found[..., 5] - self.least_score) / _NEAR)
        there = ops.where(found[..., 5] > 0, there, 0.0)
        if label is not None:
            there = ops.where(ops.equal(found[..., 4], float(self.kind(label))), there, 0.0)
        return ops.sum(there, axis=1)

    def spread(self, label: str | None = None) -> float | None:
        std: float = self.learnt["spreads"][-1 if label is None else self.kind(label)]
        return std or 1.0

    def kind(self, label: str) -> int:
        known = [str(one) for one in self.learnt["classes"]]
        if label not in known:
            raise ConfigError(
                f"Boxes knows no label {label!r} of the training rows.{did_you_mean(label, known)}"
            )
        return known.index(label)

    def extents(self, logits: Any, label: str, slices: int) -> Any:
        return box_extents(logits, self.extent_kind(label), self.learnt["frame"], slices)

    def extent_kind(self, label: str) -> int:
        # Boxes without labels are around whatever is asked for.
        return 0 if self.learnt["classes"] == [ONE_KIND] else self.kind(label)

    def gain(self, scores: Mapping[str, float]) -> float:
        return clipped_gain(scores["map"], trivial=0.0)

    def _read(self, column: Column, weights: np.ndarray | None) -> tuple[BoxLists, list[Size]]:
        """The boxes of the rows with a label and a picture, and the pictures' sizes."""
        counts = None if weights is None or (weights > 0).all() else (weights > 0).tobytes()
        return self.once(("boxes", counts), column, lambda: self._parsed(column, weights))

    def _parsed(self, column: Column, weights: np.ndarray | None) -> tuple[BoxLists, list[Size]]:
        labelled = labelled_rows(column, self.missing, weights)
        sizes = self.sizes(labelled.rows) or [None] * len(labelled.rows)
        labelled = labelled.kept(np.array([size is not None for size in sizes], bool))
        lists = box_lists(labelled, self._names(labelled))
        return lists, [size for size in sizes if size is not None]

    def _names(self, labelled: Labelled) -> Column | None:
        if self.labels is None:
            return None
        named: Column | None = getattr(self, "_named", None)
        if named is None:
            raise DataError(
                f"{labelled.column.source} has no column '{self.labels}', which Boxes(labels=...) says "
                "holds the labels of the boxes."
            )
        return named.take(labelled.rows)

    def _known(
        self, column: Column, weights: np.ndarray | None = None
    ) -> tuple[BoxLists, BoxFrames, int]:
        """The boxes whose labels training saw, their pictures, and how many boxes were left out."""
        lists, sizes = self._read(column, weights)
        unseen = 0
        if self.on_unseen == "missing":
            seen = positions(lists.labels, pa.array(self.learnt["classes"])) >= 0
            unseen = int((~seen).sum())
            lists = lists.kept(seen)
        frame = self.learnt["frame"]
        return lists, BoxFrames.of(sizes, (frame[0], frame[1]), self.learnt["units"]), unseen

    def _kinds(self, lists: BoxLists) -> np.ndarray:
        """The number of each box's kind."""
        way_out = 'on_unseen="missing"'
        classes = self.learnt["classes"]
        return class_indices(lists.labelled, lists.labels, classes, "Boxes", lists.parents, way_out)

    def _found(self, logits: np.ndarray, frames: BoxFrames, least: float) -> PlacedBoxes:
        """The boxes with at least such a score, row by row, in pixels of their pictures."""
        rows, which = np.nonzero(logits[..., 5] >= least)
        found = logits[rows, which].astype("float64")
        corners = frames.unframed(found[:, :4], rows)
        # One that lies beside the picture has nothing left there.
        real = (corners[:, 2:] > corners[:, :2]).all(axis=1)
        kinds = found[:, 4].astype("int32")
        return PlacedBoxes(corners[real], kinds[real], rows[real], found[real, 5])


def _places(parents: np.ndarray) -> np.ndarray:
    """Which of its row's boxes each one is; rows stand one after the other."""
    first = np.searchsorted(parents, parents)
    return np.arange(len(parents)) - first
