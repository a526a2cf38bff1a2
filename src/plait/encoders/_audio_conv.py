"""A sound as the tokens of a small convolutional net on its log-mel spectrogram."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, get_args

import keras
import numpy as np
from keras import ops

from plait import _hash
from plait._convolution import Conv2D
from plait._dropout import Dropout
from plait._keyed import row_keys
from plait._ranges import MOST_SEED, demand_channels, demand_share, demand_whole
from plait.backend import uniform
from plait.encoders._encoder import Encoder
from plait.encoders._residual_block import built_block
from plait.encoders._spec_augment import augmented
from plait.encoders._spectrogram import mel_filters, windowed_fourier
from plait.errors import ConfigError

Centre = Literal["sound", "bands"]

_HOPS_PER_FRAME = 3
# The matrices of the spectrogram grow with the square of the one, and with the other.
_MOST_RATE = 192_000
_MOST_MELS = 1024
# In units of the power that white noise as loud as the sounds has in a bin.
_FLOOR = 1e-5
# The most that silence is enlarged by.
_QUIETEST_VARIANCE = 1e-2


@keras.saving.register_keras_serializable(package="plait")
class AudioConv(Encoder):
    """Log-mel, then strided convolutions over time and pitch; a token for each stretch of time.

    The spectrogram has frames of 30 ms, 10 ms apart, and is standardised for each row over its
    valid part; the mean and deviation that this takes away are given back to every token. Each
    stage halves time and pitch, the first one twice. The pitches of the last map are read by
    weights of their own, since a pitch, unlike a time, means the same wherever it stands.

    A row's tokens do not depend on how far it is padded, and a padded step is never read.

    Args:
        width: the size of each token.
        rate: samples a second; the feature's if None.
        mels: bands of the spectrogram.
        channels: of each stage.
        blocks: residual blocks in each stage.
        dropout: in the blocks and on the tokens.
        time_mask: in training two stretches of each sound's frames, each of up to this share of them,
            are as its mean.
        pitch_mask: likewise of the bands of the spectrogram.
        time_warp: in training a point of time moves by up to this share of the frames, and what lies
            before and behind it is stretched or squeezed; below .5.
        centre: what has mean 0: "sound", the spectrogram as a whole; "bands", each of its bands, so
            that less is left of whose voice it is and of the microphone.
        seed: of where masks and that point lie. In a run each row has its own in each epoch, whatever
            its batch.

    Call arguments:
        values: `(batch, samples)` float, of a root mean square near 1.
        lengths: `(batch,)` int32, valid samples; all of them if None.

    Returns:
        `"tokens"` `(batch, steps, width)` and `"mask"` `(batch, steps)`.

    Raises:
        ConfigError: an argument out of its range; built without a rate.

    References:
        D. S. Park et al., "SpecAugment: A Simple Data Augmentation Method for Automatic Speech
        Recognition" (2019), for the warp and the masks; there the most is a number of frames and bands,
        and a spline warps.
        B. S. Atal, "Effectiveness of linear prediction characteristics of the speech wave for automatic
        speaker identification and verification" (1974), for the mean of each band; there of cepstra.
    """

    modality: ClassVar[str | None] = "audio"
    fitted: ClassVar[str | None] = "rate"

    def __init__(
        self,
        width: int = 128,
        rate: int | None = None,
        mels: int = 64,
        channels: Sequence[int] = (32, 64, 96),
        blocks: int = 1,
        dropout: float = 0.1,
        time_mask: float = 0.0,
        pitch_mask: float = 0.0,
        centre: Centre = "sound",
        seed: int = 0,
        time_warp: float = 0.0,
        **kwargs: Any,
    ) -> None:
        # Samples keep float32 in mixed precision: their powers span more than bfloat16 adds up.
        super().__init__(width, **{"autocast": False, **kwargs})
        if rate is not None:
            demand_whole("AudioConv", most=_MOST_RATE, rate=rate)
        demand_whole("AudioConv", most=_MOST_MELS, mels=mels)
        demand_channels("AudioConv", channels)
        demand_whole("AudioConv", least=0, blocks=blocks)
        demand_share("AudioConv", dropout=dropout, time_mask=time_mask, pitch_mask=pitch_mask)
        if not 0 <= time_warp < 0.5:
            raise ConfigError(
                f"AudioConv: time_warp is in [0, 0.5). Received: {time_warp!r}.", ("time_warp",)
            )
        demand_whole("AudioConv", least=0, most=MOST_SEED, seed=seed)
        if centre not in get_args(Centre):
            raise ConfigError(
                f"AudioConv: centre is 'sound' or 'bands'. Received: {centre!r}.", ("centre",)
            )
        self.rate = rate
        self.mels = mels
        self.channels = tuple(channels)
        self.blocks = blocks
        self.dropout = dropout
        self.time_mask = time_mask
        self.pitch_mask = pitch_mask
        self.centre = centre
        self.seed = seed
        self.time_warp = time_warp
        # What draws nothing has no state to keep.
        draws = max(time_warp, time_mask, pitch_mask) > 0
        self._draws = keras.random.SeedGenerator(seed) if draws else None

    @property
    def least_weights(self) -> int:
        return len(self.channels) * (1 + self.blocks)

    def build(self, values_shape: Any, lengths_shape: Any = None) -> None:
        rate = self._demand_fitted("samples make a second", "Audio")
        self._hop = max(1, rate // 100)
        frame = _HOPS_PER_FRAME * self._hop
        points = 2 ** int(np.ceil(np.log2(2 * frame)))
        self._fourier = windowed_fourier(frame, points)
        self._filters = mel_filters(self.mels, points, rate)
        self.steps, self.stages = [], []
        pitches = self.mels
        shape: tuple[int | None, ...] = (None, None, pitches, 1)
        for stage, count in enumerate(self.channels):
            stride = 4 if stage == 0 else 2
            conv = Conv2D(
                count,
                stride + 1,
                strides=stride,
                padding="valid",
                kernel_initializer="he_normal",
                dtype=self.dtype_policy,
                name=f"step_{stage}",
            )
            pitches = -(-pitches // stride)
            conv.build((None, None, pitches * stride + 2 * _margin(stride + 1, stride), shape[-1]))
            shape = (None, None, pitches, count)
            self.steps.append(conv)
            self.stages.append(
                [
                    built_block(shape, self.dropout, self.dtype_policy, f"block_{stage}_{i}")
                    for i in range(self.blocks)
                ]
            )
        self.norm = keras.layers.LayerNormalization(epsilon=1e-5, dtype=self.dtype_policy)
        self.norm.build(shape)
        self.drop = Dropout(self.dropout, dtype=self.dtype_policy)
        self.project = keras.layers.Dense(self.width, dtype=self.dtype_policy, name="project")
        self.project.build((None, None, pitches * self.channels[-1]))
        self.loudness = keras.layers.Dense(self.width, dtype=self.dtype_policy, name="loudness")
        self.loudness.build((None, 1, 2))

    def call(
        self, values: Any, lengths: Any = None, training: bool | None = None
    ) -> dict[str, Any]:
        x, valid = self._log_mel(values, lengths)
        x, level = _standardised(x, valid, self.centre == "bands")
        if training:
            shares = self.time_warp, self.time_mask, self.pitch_mask
            x = augmented(x, valid, self._drawn, *shares)
        x = ops.cast(ops.expand_dims(x, -1), self.compute_dtype)
        for stage, (step, blocks) in enumerate(zip(self.steps, self.stages, strict=True)):
            stride = 4 if stage == 0 else 2
            x = step(_padded(x, step.kernel_size[0], stride))
            valid = -(-valid // stride)
            keep = ops.cast(_mask(valid, x.shape[1]), x.dtype)[:, :, None, None]
            x = x * keep
            for block in blocks:
                x = block(x, keep, training=training)
        x = ops.relu(self.norm(x))
        x = ops.reshape(x, (-1, x.shape[1], x.shape[2] * x.shape[3]))
        tokens = self.project(self.drop(x, training=training)) + self.loudness(level)
        return {"tokens": tokens, "mask": _mask(valid, tokens.shape[1])}

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rate": self.rate,
            "mels": self.mels,
            "channels": self.channels,
            "blocks": self.blocks,
            "dropout": self.dropout,
            "time_mask": self.time_mask,
            "pitch_mask": self.pitch_mask,
            "centre": self.centre,
            "seed": self.seed,
            "time_warp": self.time_warp,
        }

    def _drawn(self, rows: Any, what: int) -> Any:
        """`(batch, 2)` float32 in [0, 1): of each row's key, and in what is no run the next draws."""
        keys = row_keys()
        if keys is None:
            return uniform((*ops.shape(rows), 2), self._draws)
        # By the name as well: a run's encoders all have the same seed, if none was given.
        words = (self.seed, _hash.name_key(self.name), what)
        both = [_hash.uniform(keys[:, 0], keys[:, 1], *words, number) for number in range(2)]
        return ops.stack(both, axis=1)

    def _log_mel(self, values: Any, lengths: Any) -> tuple[Any, Any]:
        """`(batch, frames, mels)` float32, and how many frames of each row are valid."""
        samples, hop = values.shape[1], self._hop
        values = ops.cast(values, "float32")
        if lengths is None:
            lengths = ops.zeros_like(values[:, 0], dtype="int32") + samples
        lengths = ops.clip(ops.cast(lengths, "int32"), 1, samples)
        values = ops.where(_mask(lengths, samples), values, 0.0)
        frames = -(-samples // hop)
        padding = (frames + _HOPS_PER_FRAME - 1) * hop - samples
        hops = ops.reshape(ops.pad(values, ((0, 0), (0, padding))), (-1, frames + 2, hop))
        framed = ops.concatenate([hops[:, i : i + frames] for i in range(_HOPS_PER_FRAME)], -1)
        spectrum = ops.square(ops.matmul(framed, self._fourier))
        bins = self._filters.shape[0]
        power = ops.matmul(spectrum[..., :bins] + spectrum[..., bins:], self._filters)
        return ops.log(power + _FLOOR), -(-lengths // hop)


def _mask(valid: Any, steps: int) -> Any:
    """`(batch, steps)` bool, True for the first `valid` of each row."""
    return ops.arange(steps, dtype="int32")[None, :] < valid[:, None]


def _standardised(x: Any, valid: Any, bands: bool = False) -> tuple[Any, Any]:
    """Each row's valid frames at mean 0 and deviation 1, zeros elsewhere, and what was taken away.

    `x` is `(batch, frames, mels)`; mean and deviation come as `(batch, 1, 2)`. With `bands` each of the
    bands has mean 0, and the deviation is that of what is left.
    """
    keep = ops.cast(_mask(valid, x.shape[1]), x.dtype)[..., None]
    frames = ops.cast(valid, x.dtype)[:, None, None]
    means = ops.sum(x * keep, axis=1, keepdims=True) / frames
    mean = ops.mean(means, axis=2, keepdims=True)
    centred = (x - (means if bands else mean)) * keep
    variance = ops.sum(ops.square(centred), axis=(1, 2), keepdims=True) / (frames * x.shape[-1])
    deviation = ops.sqrt(variance + _QUIETEST_VARIANCE)
    return centred / deviation, ops.concatenate([mean, deviation], -1)


def _padded(x: Any, kernel: int, stride: int) -> Any:
    """Zeros around time and pitch, so that step i reads the same frames at any padded length."""
    before = _margin(kernel, stride)
    after = [before + (-size) % stride for size in (x.shape[1], x.shape[2])]
    return ops.pad(x, ((0, 0), (before, after[0]), (before, after[1]), (0, 0)))


def _margin(kernel: int, stride: int) -> int:
    return (kernel - stride + 1) // 2
