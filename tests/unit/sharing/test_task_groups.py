import keras
import numpy as np
import pytest

from plait.errors import ConfigError
from plait.sharing import HardSharing, TaskGroups

TOKENS = np.random.default_rng(0).normal(size=(3, 2, 6)).astype("float32")


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def test_a_group_is_a_trunk_of_its_own():
    layer = TaskGroups([["a", "c"], ["b"]], blocks=1)
    shared = layer(TOKENS)
    assert layer.part(shared, "a") is layer.part(shared, "c")
    for number, task in enumerate("ab"):
        trunk = HardSharing(blocks=1)
        trunk.build(TOKENS.shape)
        trunk.set_weights(layer.trunks[number].get_weights())
        np.testing.assert_array_equal(array(layer.part(shared, task)), array(trunk(TOKENS)))
    assert np.abs(array(layer.part(shared, "a")) - array(layer.part(shared, "b"))).max() > 0


def test_without_groups_each_task_is_by_itself():
    layer = TaskGroups(width=4).for_tasks(["a", "b"])
    assert layer.groups == (("a",), ("b",))
    assert layer.width == 4


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ([], "lists of tasks"),
        ("ab", "lists of tasks"),
        (["ab"], "is a list of texts"),
        ([["a"], []], "each group has a task"),
        ([["a", "b"], ["b"]], "each task is in one group"),
    ],
)
def test_groups_that_are_none_are_refused(groups, said):
    with pytest.raises(ConfigError, match=said):
        TaskGroups(groups)


def test_a_task_of_no_group_is_refused():
    with pytest.raises(ConfigError, match="TaskGroups: 'bb' is in none of the groups"):
        TaskGroups([["a"], ["b"]]).for_tasks(["a", "b", "bb"])


def test_a_task_that_is_not_there_is_told_by_the_one_that_may_be_meant():
    with pytest.raises(ConfigError, match=r"there is no task 'stas'. Did you mean 'stars'"):
        TaskGroups([["a"], ["stas"]]).for_tasks(["a", "stars"])
