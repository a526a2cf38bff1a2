"""From a feature's arrays to tokens: the modality leads each file's name."""

from plait.encoders._audio_conv import AudioConv
from plait.encoders._category_bag import CategoryBag
from plait.encoders._category_embedding import CategoryEmbedding
from plait.encoders._convnext import ConvNeXt
from plait.encoders._encoder import Encoder
from plait.encoders._image_conv import ImageConv
from plait.encoders._image_patches import ImagePatches
from plait.encoders._number_embedding import NumberEmbedding
from plait.encoders._resnet import ResNet
from plait.encoders._series_conv import SeriesConv
from plait.encoders._series_transformer import SeriesTransformer
from plait.encoders._tabular import Tabular
from plait.encoders._text_bag import TextBag
from plait.encoders._text_rnn import TextRNN
from plait.encoders._text_transformer import TextTransformer
from plait.encoders._text_words import TextWords
from plait.encoders._vector_embedding import VectorEmbedding

__all__ = [
    "AudioConv",
    "CategoryBag",
    "CategoryEmbedding",
    "ConvNeXt",
    "Encoder",
    "ImageConv",
    "ImagePatches",
    "NumberEmbedding",
    "ResNet",
    "SeriesConv",
    "SeriesTransformer",
    "Tabular",
    "TextBag",
    "TextRNN",
    "TextTransformer",
    "TextWords",
    "VectorEmbedding",
]
