"""What an epoch's log says: means over all its rows and steps."""

import keras
import numpy as np
import pytest

from plait.model._asked import Weighed
from plait.model._balance_monitor import BalanceMonitor
from plait.model._means import Means
from plait.model._metrics import TaskMetrics


def array(*values):
    return keras.ops.convert_to_tensor(np.array(values, "float32"))


def test_means_weigh_each_number_by_itself():
    means = Means(3, name="m")
    means.update_state(array(1, 2, 3), array(1, 0, 2))
    means.update_state(array(4, 8, 6), array(1, 0, 1))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(means.result()), [2.5, 0.0, 4.0])
    means.reset_state()
    np.testing.assert_allclose(keras.ops.convert_to_numpy(means.result()), [0.0, 0.0, 0.0])


def test_a_loss_counts_by_the_rows_that_have_its_label():
    metrics = TaskMetrics(outputs=["a", "b"], tasks=["a", "b"])
    metrics.update_losses(array(1, 5), array(3, 0))
    metrics.update_losses(array(2, 7), array(1, 4))
    found = {name: float(value) for name, value in metrics.result().items()}
    assert found == pytest.approx({"a_loss": 1.25, "b_loss": 7.0})


def test_weights_and_conflicts_count_the_steps_in_which_a_task_was_there():
    monitor = BalanceMonitor(["a", "b", "c"], gramian=True)
    conflict = [[1.0, -1.0, 1.0], [-1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    said = Weighed(array(1, 2, 3), [], array(*conflict))
    monitor.update_state(said, array(1, 1, 1))  # one pair of three
    said = Weighed(array(3, 4, 0), [], array(*conflict))
    monitor.update_state(said, array(1, 1, 0))  # the one pair there is
    said = Weighed(array(2, 3, 0), [])
    monitor.update_state(said, array(1, 1, 0))  # a step in which no gradients were compared
    found = {name: float(value) for name, value in monitor.result().items()}
    assert found == pytest.approx(
        {"a_weight": 2.0, "b_weight": 3.0, "c_weight": 3.0, "conflict_rate": 0.5}
    )
