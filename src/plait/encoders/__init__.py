"""From a feature's arrays to tokens: the modality leads each file's name."""

from plait.encoders._encoder import Encoder

__all__ = ["Encoder"]
