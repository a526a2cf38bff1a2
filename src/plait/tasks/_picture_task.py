"""The contract of a task about places in a picture: its pixels, or the things in it."""

from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np

from plait._drawing import draw_picture
from plait.features import Image
from plait.tasks._dense_task import DenseTask, Parts

Size = tuple[int, int]
"""(height, width) in pixels."""


@dataclass(frozen=True, kw_only=True)
class PictureTask(DenseTask):
    """A task whose head reads a picture's feature maps, and whose labels are of the picture as it was.

    Args:
        of: the name of an `Image` feature.
        column, features, after, weight, auxiliary, fade, missing: see `Task`.
    """

    parts: ClassVar[Parts] = "maps"
    modalities: ClassVar[tuple[str, ...]] = ("image",)

    @property
    def picture(self) -> Image:
        """The fitted feature."""
        return cast(Image, self.feature)

    @property
    def frame(self) -> Size:
        """In which the model reads each picture."""
        height, width = self.picture.spec.shape[:2]
        return height, width

    def shown(self, figure: Any, panels: int) -> list[Any]:
        """Draws the first row's picture; see `draw`.

        Args:
            figure: an empty `matplotlib.figure.SubFigure`.
            panels: how many times, side by side.

        Returns:
            The axes, of the picture's own pixels.
        """
        first = np.arange(1)
        (size,) = self.sizes(first) or [None]
        if self.cells is None or size is None:
            return draw_picture(figure, panels, None)
        (picture,) = self.picture.pictures(self.cells.take(first))
        return draw_picture(figure, panels, picture, size)

    def sizes(self, rows: np.ndarray) -> list[Size | None] | None:
        """The pictures' own sizes; each header is read once.

        Args:
            rows: `(asked,)` indices.

        Returns:
            None for a row without a picture; None alone where no rows are known.
        """
        if self.cells is None:
            return None
        known: dict[int, Size | None] = self.kept.setdefault("sizes", {})
        new = np.array([row for row in np.unique(rows).tolist() if row not in known], "int64")
        if len(new):
            found = self.picture.sizes(self.cells.take(new))
            known.update(zip(new.tolist(), found, strict=True))
        return [known[row] for row in rows.tolist()]
