"""From coarse logits to a mask of the picture's own size, and how well masks overlap."""

from collections.abc import Sequence

import numpy as np

from plait.features import Placement
from plait.tasks._enlarge import bilinear, middles

_AT_ONCE = 1 << 21
"""Logits of a picture that are enlarged together."""


def answered(logits: np.ndarray, frame: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
    """The likeliest class of each pixel of a picture.

    Args:
        logits: `(rows, columns, classes)`, over a whole frame.
        frame: its height and width.
        size: of the picture, which lies in the frame as `Placement` says.

    Returns:
        `size` whole numbers, uint8.
    """
    rows, columns, classes = logits.shape
    placed = Placement.of(size, frame)
    down = bilinear((placed.top + middles(size[0]) * placed.height) / frame[0], rows)
    across = bilinear((placed.left + middles(size[1]) * placed.width) / frame[1], columns)
    # Two plain products of matrices; of a large picture, the second in bands of some megabytes.
    wide = np.ascontiguousarray(logits.swapaxes(1, 2), "float32").reshape(-1, columns) @ across.T
    wide = wide.reshape(rows, -1)
    found = np.zeros(size, "uint8")
    step = max(1, _AT_ONCE // wide.shape[1])
    for start in range(0, size[0], step):
        band = slice(start, start + step)
        maps = (down[band] @ wide).reshape(-1, classes, size[1])
        # NumPy's argmax over an axis that is not the last is slow.
        best = maps[:, 0].copy()
        for number in range(1, classes):
            found[band][maps[:, number] > best] = number
            np.maximum(best, maps[:, number], out=best)
    return found


class Overlaps:
    """Counts pixels by their class and by the class that was answered; no mask is held.

    Args:
        classes: their names.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = tuple(classes)
        self.pixels = np.zeros((len(classes), len(classes)))
        """`(classes, classes)` weights: those of the truth down, of the answers across."""

    def add(self, truth: np.ndarray, answers: np.ndarray, weight: float) -> None:
        """Takes one mask.

        Args:
            truth: numbers of classes; others, such as `IGNORED`, count nowhere.
            answers: numbers of classes, of the same shape.
            weight: of each pixel.
        """
        count = len(self.classes)
        known = truth < count
        pairs = truth[known].astype("int64") * count + answers[known]
        self.pixels += weight * np.bincount(pairs, minlength=count * count).reshape(count, count)

    def scores(self) -> dict[str, float]:
        """Means over all pixels that were counted; empty without any.

        `pixel_accuracy`; `iou_<class>`, both / either, for each class that is in the masks or in the
        answers; `mean_iou`, their mean.
        """
        both = np.diag(self.pixels)
        either = self.pixels.sum(0) + self.pixels.sum(1) - both
        if not either.any():
            return {}
        overlaps = {
            f"iou_{name}": float(b / e)
            for name, b, e in zip(self.classes, both, either, strict=True)
            if e > 0
        }
        return {
            "mean_iou": float(np.mean(list(overlaps.values()))),
            "pixel_accuracy": float(both.sum() / self.pixels.sum()),
            **overlaps,
        }
