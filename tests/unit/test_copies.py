import keras

from plait._copies import copy_of


def test_what_a_layer_has_frozen_within_stays_frozen_in_a_copy():
    layer = keras.Sequential([keras.layers.Dense(3, trainable=False), keras.layers.Dense(2)])
    copy = copy_of(layer, "copy")
    copy.build((None, 4))
    assert [inner.trainable for inner in copy.layers] == [False, True]
    assert [tuple(weight.shape) for weight in copy.trainable_variables] == [(3, 2), (2,)]
