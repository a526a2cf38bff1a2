"""Mean average precision, by faster-coco-eval."""

from dataclasses import dataclass

import numpy as np

THRESHOLDS = np.linspace(0.5, 0.95, 10)


@dataclass(frozen=True)
class PlacedBoxes:
    """Boxes in pixels of some pictures.

    Attributes:
        corners: `(boxes, 4)`: x0, y0, x1, y1.
        kinds: `(boxes,)`, the number of each one's kind.
        rows: `(boxes,)`, the picture that each is in.
        scores: `(boxes,)`, how sure each is; None of what is true.
    """

    corners: np.ndarray
    kinds: np.ndarray
    rows: np.ndarray
    scores: np.ndarray | None = None

    def annotations(self) -> list[dict[str, object]]:
        """As COCO writes them."""
        sides = self.corners[:, 2:] - self.corners[:, :2]
        boxes = np.concatenate([self.corners[:, :2], sides], axis=1).tolist()
        sure = np.ones(len(boxes)) if self.scores is None else self.scores
        listed = zip(
            boxes,
            self.kinds.tolist(),
            self.rows.tolist(),
            sides.prod(axis=1).tolist(),
            sure.tolist(),
            strict=True,
        )
        return [
            {
                "id": n,
                "image_id": row,
                "category_id": kind,
                "bbox": box,
                "area": area,
                "iscrowd": 0,
                "score": score,
            }
            for n, (box, kind, row, area, score) in enumerate(listed, start=1)
        ]


def average_precisions(
    truth: PlacedBoxes, found: PlacedBoxes, rows: int, kinds: int, most: int
) -> np.ndarray:
    """COCO's average precision, `(thresholds, kinds)`; NaN for a kind that no picture has.

    The precision is taken at 101 recalls, as the best one at that recall or a higher one.

    Args:
        truth: what is there.
        found: what was answered.
        rows: how many pictures there are.
        kinds: how many kinds.
        most: how many of the answers to a picture count.

    References:
        T.-Y. Lin et al. Microsoft COCO: Common Objects in Context, 2014.
    """
    from faster_coco_eval import COCO, COCOeval_faster

    categories = [{"id": kind, "name": str(kind)} for kind in range(kinds)]
    images = [{"id": row} for row in range(rows)]
    known = COCO({"images": images, "categories": categories, "annotations": truth.annotations()})
    answers = found.annotations()
    if not answers:
        return np.where(np.bincount(truth.kinds, minlength=kinds) > 0, np.zeros((10, 1)), np.nan)
    evaluator = COCOeval_faster(known, known.loadRes(answers), "bbox")
    evaluator.params.maxDets = [most]
    evaluator.params.areaRng = [[0.0, 1e10]]
    evaluator.params.areaRngLbl = ["all"]
    evaluator.params.iouThrs = THRESHOLDS
    evaluator.evaluate()
    evaluator.accumulate()
    # By threshold, recall, kind, area and how many count; -1 without any of the kind.
    precision = np.asarray(evaluator.eval["precision"])[..., 0, 0]
    return np.where((precision < 0).all(axis=1), np.nan, precision.mean(axis=1))
