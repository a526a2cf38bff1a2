"""What an epoch tells of the tasks' gradients, and of a loss that is no number."""

import keras
import numpy as np
import pytest

import plait
from plait.errors import DivergedError
from plait.model._watch import Watch

from .graphs import GRAPHS, data_for
from .test_step import Fixed


def linear(tasks="ab", rows=8):
    """Two answers of one linear layer: the gradients at it are known."""
    draw = np.random.default_rng(0)
    x = keras.Input((3,), name="x")
    z = keras.layers.Dense(2, use_bias=False, kernel_initializer="ones", name="z")(x)
    heads = {
        t: keras.layers.Dense(1, use_bias=False, kernel_initializer="ones", name=t)(z)
        for t in tasks
    }
    data = draw.normal(size=(rows, 3)).astype("float32")
    labels = {t: draw.normal(size=(rows, 1)).astype("float32") for t in tasks}
    return x, heads, data, labels


def test_cosines_and_shares_by_hand():
    x, heads, data, labels = linear()
    model = plait.MultiTaskModel(x, heads)
    model.compile(keras.optimizers.SGD(0.0), loss="mse", balancing=Fixed([2.0, 1.0]))
    logs = model.fit(data, labels, batch_size=8, epochs=1, verbose=0).history
    # The answers are 2 (x1 + x2 + x3); the gradient at z is 2 (answer - label) / 8 on both of its
    # numbers, so only the residuals count.
    answers = 2 * data.sum(axis=1, keepdims=True)
    a, b = (2 * (answers - labels[t]).ravel() / 8 for t in "ab")
    d = 2 * a + b
    assert logs["cosine_a_b"] == [pytest.approx(a @ b / np.sqrt(a @ a * (b @ b)), rel=1e-5)]
    assert logs["a_share"] == [pytest.approx(2 * a @ d / (d @ d), rel=1e-4)]
    assert logs["b_share"] == [pytest.approx(b @ d / (d @ d), rel=1e-4)]


def of_moco(rows, losses):
    tracked = rows / 2  # beta 1/2, gamma 1/10
    shares = 0.5 - 0.1 * (tracked @ tracked.T) @ np.full(2, 0.5)
    return (np.clip(shares + (1 - shares.sum()) / 2, 0, 1))[:, None] * tracked


def of_db_mtl(rows, losses):
    means = rows / losses[:, None]
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    return means * lengths.max() / lengths


@pytest.mark.parametrize(
    ("balancing", "parts"),
    [
        (plait.MoCo(), of_moco),
        (plait.DBMTL(), of_db_mtl),
        (plait.ExcessMTL(), lambda rows, losses: rows / 2),
        (plait.TrimmedMean(), lambda rows, losses: rows / 2),
        (plait.GradDrop(leak=1.0, level="parameters"), lambda rows, losses: rows),
    ],
    ids=["MoCo", "DBMTL", "ExcessMTL", "TrimmedMean", "GradDrop"],
)
def test_shares_are_of_what_an_aggregator_moves_along(balancing, parts):
    x, heads, data, labels = linear()
    model = plait.MultiTaskModel(x, heads)
    model.compile(keras.optimizers.SGD(0.0), loss="mse", balancing=balancing)
    logs = model.fit(data, labels, batch_size=8, epochs=1, verbose=0).history
    errors = np.array([(2 * data.sum(axis=1) - labels[t].ravel()) for t in "ab"])
    rows = np.repeat(2 * errors @ data / 8, 2, axis=1)  # both of the layer's units alike
    moved = parts(rows, (errors**2).mean(axis=1))
    d = moved.sum(axis=0)
    found = [logs[f"{t}_share"][0] for t in "ab"]
    np.testing.assert_allclose(found, moved @ d / (d @ d), rtol=1e-3)
    assert sum(found) == pytest.approx(1, abs=1e-5)


class Untold(plait.Aggregator):
    def update(self, evidence, context):
        sums = [keras.ops.sum(rows, axis=0) for rows in evidence.gradients]
        return plait.Update(sums, keras.ops.cast(context.active, "float32"))


def test_shares_that_an_aggregator_does_not_tell_are_no_numbers():
    x, heads, data, labels = linear()
    model = plait.MultiTaskModel(x, heads)
    model.compile("sgd", loss="mse", balancing=Untold())
    logs = model.fit(data, labels, epochs=1, verbose=0).history
    assert np.isnan([logs["a_share"], logs["b_share"]]).all()
    assert np.isfinite(logs["cosine_a_b"]).all()


@pytest.mark.parametrize(
    "make", [plait.Equal, plait.FAMO, plait.UPGrad, plait.GradDrop, plait.MoDo, plait.SDMGrad]
)
def test_every_balanced_run_tells_them(make):
    inputs, outputs, _ = GRAPHS["plain_trunk"]()
    x, y = data_for(inputs, outputs)
    model = plait.MultiTaskModel(inputs, outputs)
    model.compile("adam", loss="mse", balancing=make())
    logs = model.fit(x, y, batch_size=5, epochs=2, verbose=0).history
    told = {"a_weight", "b_weight", "a_share", "b_share", "cosine_a_b", "conflict_rate"}
    assert told <= set(logs)
    assert all(len(logs[name]) == 2 and np.isfinite(logs[name]).all() for name in told)
    assert all(-1.0001 <= c <= 1.0001 for c in logs["cosine_a_b"])


@pytest.mark.parametrize(
    "balancing", [plait.Equal, plait.FAMO, plait.GradDrop, plait.MoDo, plait.SDMGrad]
)
def test_each_epoch_looks_at_its_first_batch_and_every_sixteenth(balancing):
    x = keras.Input((1,))
    shared = keras.layers.Dense(1, kernel_initializer="ones")(x)
    heads = {n: keras.layers.Dense(1, kernel_initializer="ones", name=n)(shared) for n in "ab"}
    model = plait.MultiTaskModel(x, heads)
    model.compile(keras.optimizers.SGD(0.0), loss="mse", balancing=balancing())
    target = np.full((20, 1), 9.0, "float32")
    opposed = np.where(np.isin(np.arange(20)[:, None], [0, 16]), -target, target)
    history = model.fit(
        np.ones((20, 1), "float32"),
        {"a": target, "b": opposed},
        batch_size=1,
        epochs=2,
        shuffle=False,
        verbose=0,
    ).history
    assert history["conflict_rate"] == [1.0, 1.0]
    assert history["cosine_a_b"] == pytest.approx([-1.0, -1.0])


def test_pairs_stay_out_of_the_progress_bar(capsys):
    x, heads, data, labels = linear()
    model = plait.MultiTaskModel(x, heads)
    model.compile("sgd", loss="mse", balancing=plait.PCGrad())
    seen = []
    csv = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(set(logs)))
    model.fit(data, labels, epochs=1, verbose=2, callbacks=[csv])
    assert "cosine_a_b" in seen[0]
    printed = capsys.readouterr().out
    assert "a_loss" in printed
    assert "cosine" not in printed


def test_losses_without_a_shared_trunk_are_weighed_and_not_compared():
    heads = {}
    inputs = [keras.Input((3,), name=t) for t in "xy"]
    for name, x in zip("ab", inputs, strict=True):
        heads[name] = keras.layers.Dense(1, name=name)(x)
    model = plait.MultiTaskModel(inputs, heads)
    model.compile("sgd", loss="mse", balancing=plait.Uncertainty())
    one = np.ones((4, 3), "float32")
    logs = model.fit([one, one], dict.fromkeys("ab", one[:, :1]), verbose=0).history
    assert "a_weight" in logs
    assert "cosine_a_b" not in logs


@pytest.mark.parametrize("make", [lambda: None, plait.Uncertainty, plait.UPGrad, plait.MoDo])
def test_a_loss_that_is_no_number_ends_the_run_and_is_named(make, tmp_path):
    x, heads, data, labels = linear(rows=16)
    model = plait.MultiTaskModel(x, heads)
    model.compile(keras.optimizers.SGD(1e-3), loss="mse", balancing=make())
    checkpoint = keras.callbacks.ModelCheckpoint(
        tmp_path / "at-{epoch}.weights.h5", save_weights_only=True
    )
    # From the second epoch on the first step throws the weights far away: the next one meets inf.
    wild = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate if epoch < 1 else 1e30)
    with pytest.raises(DivergedError, match=r"Task 'a': the loss is not finite at step 5") as error:
        model.fit(data, labels, batch_size=4, epochs=5, verbose=0, callbacks=[wild, checkpoint])
    assert str(tmp_path / "at-1.weights.h5") in str(error.value)
    assert [p.name for p in tmp_path.iterdir()] == ["at-1.weights.h5"]


class WildAtTheEnd(keras.optimizers.schedules.LearningRateSchedule):
    """Throws the weights away in step 7, the last of the second epoch, whose losses are all finite."""

    def __call__(self, step):
        return keras.ops.where(keras.ops.equal(step, 7), np.inf, 1e-3)


@pytest.mark.parametrize("make", [lambda: None, plait.UPGrad])
def test_weights_that_the_last_step_of_an_epoch_spoilt_are_no_good_ones(make, tmp_path):
    x, heads, data, labels = linear(rows=16)
    model = plait.MultiTaskModel(x, heads)
    model.compile(keras.optimizers.SGD(WildAtTheEnd()), loss="mse", balancing=make())
    checkpoint = keras.callbacks.ModelCheckpoint(
        tmp_path / "at-{epoch}.weights.h5", save_weights_only=True
    )
    with pytest.raises(
        DivergedError, match=r"weights are not finite at the end of epoch 2"
    ) as error:
        model.fit(data, labels, batch_size=4, epochs=5, verbose=0, callbacks=[checkpoint])
    assert str(tmp_path / "at-1.weights.h5") in str(error.value)
    assert [p.name for p in tmp_path.iterdir()] == ["at-1.weights.h5"]


def test_a_run_that_diverges_at_once_says_that_there_is_nothing_to_go_back_to():
    x, heads, data, labels = linear()
    model = plait.MultiTaskModel(x, heads)
    model.compile("sgd", loss="mse", balancing=plait.MGDA())
    with pytest.raises(DivergedError, match=r"Task 'a'.*step 0.*No epoch had ended before"):
        model.fit(data, {**labels, "a": 1e30 * labels["a"]}, verbose=0)


def test_a_bad_loss_stops_the_run_without_a_touch_of_its_state():
    """Keras calls this from a thread of its own while the next step runs."""

    class Running:
        stop_training = False

        def jax_state_sync(self):
            raise AssertionError("the state is the running step's")

    watch, model = Watch([]), Running()
    watch.set_model(model)
    watch.on_train_batch_end(0, {"loss": float("nan")})
    assert model.stop_training


@pytest.mark.parametrize("make", [lambda: None, plait.Uncertainty, plait.UPGrad, plait.GradDrop])
def test_the_first_bad_loss_is_named_with_its_batch_and_its_rows(make):
    x, heads, data, labels = linear(rows=16)
    labels["b"][[5, 7, 9]] = 1e30
    model = plait.MultiTaskModel(x, heads)
    model.compile(keras.optimizers.SGD(1e-3), loss="mse", balancing=make())
    with pytest.raises(
        DivergedError, match=r"Task 'b'.*step 1.*batch 2 of epoch 1, in rows 2, 4 of"
    ):
        model.fit(data, labels, batch_size=4, shuffle=False, verbose=0)


def test_of_many_bad_rows_some_are_named_and_the_others_counted():
    x, heads, data, labels = linear(rows=16)
    labels["a"][3:] = 1e30
    model = plait.MultiTaskModel(x, heads)
    model.compile("sgd", loss="mse")
    with pytest.raises(
        DivergedError, match="rows 4, 5, 6, 7, 8, 9, 10, 11 and 5 more of the batch"
    ):
        model.fit(data, labels, batch_size=16, shuffle=False, verbose=0)


def test_a_sum_of_sound_losses_that_is_no_number_is_of_no_row():
    x, heads, data, labels = linear(rows=4)
    labels["a"][:] = 1.7e19
    model = plait.MultiTaskModel(x, heads)
    model.compile("sgd", loss="mse")
    with pytest.raises(DivergedError) as error:
        model.fit(data, labels, shuffle=False, verbose=0)
    assert (error.value.bad.batch, error.value.bad.places, error.value.bad.count) == (0, (), 0)
