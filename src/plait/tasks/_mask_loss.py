"""The loss of a mask: cross-entropy of its pixels, and the overlap of its classes."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from plait.backend import set_mask
from plait.tasks._enlarge import enlarged


@keras.saving.register_keras_serializable(package="plait")
class MaskLoss(keras.losses.Loss):
    """(1 - d) · CE / entropy + d · (1 - Dice), of each row.

    CE is the mean over the row's pixels that have a class of -w_y log p_y, with p the softmax of the
    logits enlarged to the mask's size. Dice is the mean, over the classes c that the row's mask has, of
    2 · sum p_c y_c / (sum p_c + sum y_c), with y_c 1 in the pixels of class c and 0 elsewhere: a class
    of few pixels counts as much as one of many.

    Args:
        entropy: of the classes' shares of the training pixels, in nats; CE / entropy of the trivial
            answer is then 1.
        dice: d, in [0, 1].
        class_weights: w, one for each class, or None for 1.

    Call arguments:
        y_true: class numbers, `(batch, height, width)`; what is none of the classes counts nowhere.
        y_pred: logits, `(batch, rows, columns, classes)`, no larger than the mask.

    Returns:
        `(batch,)` float32 from `call`, with a mask that leaves out rows without any pixel of a class.

    References:
        F. Milletari, N. Navab, S.-A. Ahmadi, "V-Net: Fully Convolutional Neural Networks for Volumetric
        Medical Image Segmentation" (2016), for the Dice loss, there of one class and with squares in
        the denominator; M. Drozdzal et al., "The Importance of Skip Connections in Biomedical Image
        Segmentation" (2016), for the denominator without squares. Classes that a row does not have
        are left out here, where their Dice would be 0 whatever little the model gives them.
    """

    takes_rows = True
    """Masks are larger than the logits, and what of a row has a class is found here."""

    def __init__(
        self,
        entropy: float = 1.0,
        dice: float = 0.5,
        class_weights: Sequence[float] | None = None,
        name: str = "mask_loss",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.entropy = entropy
        self.dice = dice
        self.class_weights = None if class_weights is None else list(class_weights)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        _, height, width = y_true.shape
        classes = y_pred.shape[-1]
        logits = enlarged(ops.cast(y_pred, "float32"), height, width)
        y = ops.transpose(ops.cast(y_true, "int32"), (0, 2, 1))
        numbers = ops.reshape(ops.arange(classes, dtype="int32"), (1, -1, 1, 1))
        truth = ops.cast(ops.expand_dims(y, 1) == numbers, "float32")
        known = ops.sum(truth, axis=1, keepdims=True)
        log_shares = ops.log_softmax(logits, axis=1)
        pixels = ops.sum(truth, axis=(2, 3))
        count = ops.sum(pixels, axis=1)
        said = ops.sum(truth * log_shares, axis=(2, 3))
        if self.class_weights is not None:
            said = said * ops.convert_to_tensor(self.class_weights, "float32")
        surprise = -ops.sum(said, axis=1) / ops.maximum(count, 1.0)
        shares = ops.exp(log_shares) * known
        both = ops.sum(shares * truth, axis=(2, 3))
        there = pixels > 0
        sizes = ops.where(there, ops.sum(shares, axis=(2, 3)) + pixels, 1.0)
        overlaps = ops.where(there, 2 * both / sizes, 0.0)
        found = ops.sum(ops.cast(there, "float32"), axis=1)
        overlap = ops.sum(overlaps, axis=1) / ops.maximum(found, 1.0)
        losses = (1 - self.dice) * surprise / self.entropy + self.dice * (1 - overlap)
        losses = ops.where(count > 0, losses, 0.0)
        set_mask(losses, count > 0)
        return losses

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "entropy": self.entropy,
            "dice": self.dice,
            "class_weights": self.class_weights,
        }
