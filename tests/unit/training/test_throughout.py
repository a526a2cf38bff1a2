"""The user's callbacks over a run of several calls of `fit`."""

import keras
import pytest

from plait.training._throughout import Throughout


class Model:
    stop_training = False
    metrics = ()


def after_an_epoch(callback, loss, before=None):
    users = Throughout([callback])
    users.set_model(Model())
    users.on_train_begin()
    if before is not None:
        users.restore_state(*before)
    users.on_epoch_end(0, {"loss": loss})
    return users.state()


def test_what_keras_looks_for_stays_the_same_side_of_the_best():
    def stops():
        return keras.callbacks.EarlyStopping("loss", min_delta=0.2)

    begun = after_an_epoch(stops(), 1.0)
    again = stops()
    # By half of what counts.
    after_an_epoch(again, 0.9, begun)
    assert (again.best, again.wait) == (1.0, 1)
    after_an_epoch(again, 0.7, begun)
    assert (again.best, again.wait) == (0.7, 0)


class Own(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.min_delta = 1.0

    def on_epoch_end(self, epoch, logs=None):
        self.min_delta = 0.5 * self.min_delta


def test_an_argument_of_that_name_of_the_users_own_is_state():
    again = Own()
    after_an_epoch(again, 1.0, after_an_epoch(Own(), 1.0))
    assert again.min_delta == 0.25


class Safe(Own):
    async_safe = True

    def on_train_batch_end(self, batch, logs=None):
        pass


class Waits(Own):
    def on_batch_end(self, batch, logs=None):
        pass


@pytest.mark.parametrize(
    ("callback", "beside"),
    [
        (Own(), True),
        (Safe(), True),
        (Waits(), False),
        (keras.callbacks.LambdaCallback(on_epoch_end=print), True),
        (keras.callbacks.LambdaCallback(on_train_batch_begin=print), True),
        (keras.callbacks.LambdaCallback(on_train_batch_end=print), False),
    ],
)
def test_what_has_to_run_between_two_steps_does(callback, beside):
    assert Throughout([callback]).async_safe == beside
    alone = keras.callbacks.CallbackList([callback])
    assert alone._async_train in (beside, False), "torch runs all of them there"
