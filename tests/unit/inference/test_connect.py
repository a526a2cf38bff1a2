import keras
import numpy as np
import pytest

from plait.encoders import NumberEmbedding
from plait.errors import ConfigError
from plait.features import Number, Text
from plait.inference import Predictor, check_names, connect
from plait.inference._weights import weights_of
from plait.table import Table
from plait.tasks import Binary, Count, Quantiles, Regression, Tagging
from tests.unit.inference import tiny


def batch(**changed):
    """Four rows as the model takes them, the second without an age, the third without a kind."""
    x = {
        "age": np.array([1, 0, 3, 4], "float32"),
        "age__present": np.array([True, False, True, True]),
        "size": np.array([4, 3, 2, 1], "float32"),
        "size__present": np.ones(4, bool),
        "kind": np.array([1, 2, 0, 1], "int32"),
        "kind__present": np.array([True, True, False, True]),
    }
    return {**x, **changed}


def answers(model, x):
    return {task: np.asarray(logits) for task, logits in model.predict_on_batch(x).items()}


def test_inputs_and_outputs_have_the_declared_names():
    inputs, outputs = tiny.declaration().connect()
    assert list(inputs) == [f"{f}{m}" for f in ("age", "size", "kind") for m in ("", "__present")]
    assert all(tensor.name == name for name, tensor in inputs.items())
    assert list(outputs) == ["sold", "price"]
    model = keras.Model(inputs, outputs)
    assert all(model.get_layer(task).output.shape == (None, 1) for task in outputs)


def test_a_declaration_and_a_seed_decide_names_and_weights():
    one, two, other = (tiny.values(Predictor.build(tiny.declaration(), s).model) for s in (1, 1, 2))
    assert one.keys() == two.keys() == other.keys()
    for path, weight in one.items():
        np.testing.assert_array_equal(weight, two[path])
    assert any((weight != other[path]).any() for path, weight in one.items())


def test_a_placeholder_changes_not_a_bit_of_an_answer():
    model = Predictor.build(tiny.declaration()).model
    plain = answers(model, batch())
    for placeholder in (np.nan, np.inf, -1e30):
        changed = answers(model, batch(age=np.array([1, placeholder, 3, 4], "float32")))
        for task, logits in plain.items():
            assert logits.tobytes() == changed[task].tobytes()


def test_an_excluded_column_changes_not_a_bit_of_a_tasks_answer():
    model = Predictor.build(tiny.declaration()).model
    plain = answers(model, batch())
    changed = answers(model, batch(age=np.array([9, 9, -9, np.nan], "float32")))
    gone = answers(model, batch(age__present=np.zeros(4, bool)))
    for other in (changed, gone):
        assert plain["price"].tobytes() == other["price"].tobytes()
        assert plain["sold"].tobytes() != other["sold"].tobytes()


def test_an_excluded_feature_is_seen_as_an_absent_one():
    model = Predictor.build(tiny.declaration()).model
    apart = Predictor.build(tiny.declaration(tasks={"sold": Binary(), "price": Regression()})).model
    for name, weight in weights_of(apart).items():
        weight.assign(weights_of(model)[name].numpy())
    absent = batch(age__present=np.zeros(4, bool))
    np.testing.assert_allclose(
        answers(model, batch())["price"], answers(apart, absent)["price"], rtol=1e-6
    )


def test_declared_layers_are_copied_so_two_models_share_nothing():
    declared = tiny.declaration()
    one, two = (keras.Model(*declared.connect()) for _ in range(2))
    assert not {id(w) for w in one.weights} & {id(w) for w in two.weights}
    assert not declared.fusion.built
    assert not declared.sharing.built


def test_tied_features_share_one_encoder():
    tied = {"age": Number(tied="n"), "size": Number(tied="n")}
    apart = {"age": Number(), "size": Number()}
    tasks = {"sold": Binary()}
    names = [
        [layer.name for layer in keras.Model(*d.connect()).layers if "encoder" in layer.name]
        for d in (tiny.declaration(features=f, tasks=tasks) for f in (tied, apart))
    ]
    assert names[0] == ["n__encoder"]
    assert sorted(names[1]) == ["age__encoder", "size__encoder"]


def test_any_name_without_a_slash_will_do():
    table = Table.read(tiny.columns())
    numbers = {
        name: Number(column="age").fit(table.column("age"))
        for name in ("age (in years)", "age.years", "年齢", "fusion", "age_(in_years)")
    }
    tasks = {
        name: Binary(column="sold").fit(table.column("sold"))
        for name in ("sold?", "was.sold", "売れた", "sharing", "a b")
    }
    declared = tiny.declaration()
    inputs, outputs = connect(numbers, tasks, declared.fusion, declared.sharing, 4)
    model = keras.Model(inputs, outputs)
    x = {name: np.ones(2, tensor.dtype) for name, tensor in inputs.items()}
    assert answers(model, x).keys() == tasks.keys()


@pytest.mark.parametrize(
    ("features", "tasks", "match"),
    [
        ({}, {"t": Binary()}, "at least one feature"),
        ({"a": Number()}, {}, "at least one task"),
        ({"a/b": Number()}, {"t": Binary()}, "column="),
        ({"a": Number()}, {"": Binary()}, "column="),
        ({"a": Number(column="c")}, {"t": Binary(column="c")}, "column 'c' is both"),
        ({"a": Number()}, {"a": Binary()}, "column 'a' is both"),
        ({"a": Number()}, {"a": Binary(column="c")}, "'a' is the name of both"),
        ({"age": Number()}, {"t": Binary(features=("aeg",))}, "Did you mean 'age'"),
        ({"age": Number()}, {"t": Binary(features=())}, "features is empty"),
        ({"a": Number(), "a__present": Number()}, {"t": Binary()}, "another feature's mask"),
        (
            {"a": Number(), "words": Text()},
            {"t": Tagging(of="words", features=("a",))},
            "'t' is of the feature 'words', which is not among those that it reads: a",
        ),
    ],
)
def test_what_cannot_be_connected(features, tasks, match):
    with pytest.raises(ConfigError, match=match):
        check_names(features, tasks)


@pytest.mark.parametrize("key", ["t", "t.probability", "t.probabilities"])
def test_a_key_never_takes_the_place_of_an_answer(key):
    with pytest.raises(ConfigError, match=f"The key '{key}' is the column of an answer"):
        check_names({"a": Number()}, {"t": Binary()}, key)


@pytest.mark.parametrize(
    ("task", "part"), [(Binary(), "probability"), (Quantiles(), "low"), (Count(), "median")]
)
def test_two_tasks_never_answer_in_one_column(task, part):
    tasks = {"t": task, f"t.{part}": Regression()}
    with pytest.raises(ConfigError, match=f"'t' and 't.{part}' would both answer"):
        check_names({"a": Number()}, tasks)
    check_names({"a": Number()}, {"t": Regression(), f"t.{part}": Regression()})


@keras.saving.register_keras_serializable(package="tests")
class Brings(NumberEmbedding):
    """An encoder that assigns, or makes a variable of an array, while it is built."""

    def __init__(self, width=4, how="assigns", **kwargs):
        super().__init__(width, **kwargs)
        self.how = how

    def build(self, values_shape, lengths_shape=None):
        super().build(values_shape, lengths_shape)
        if self.how == "assigns":
            self.twin = self.add_weight(shape=(2, 3), initializer="glorot_uniform")
            self.first = self.add_weight(shape=(2, 3), initializer="zeros")
            self.first.assign(self.twin)
        else:
            self.first = keras.Variable(np.ones((2, 3), "float32"))

    def get_config(self):
        return {**super().get_config(), "how": self.how}


def bringing(how):
    features = {**tiny.features(), "age": Number(encoder=Brings(4, how=how))}
    return Predictor.build(tiny.declaration(features=features))


def test_weights_that_a_layer_brings_are_what_it_begins_with(tmp_path):
    predictor = bringing("assigns")
    encoder = predictor.model.get_layer("age__encoder")
    first, twin = (keras.ops.convert_to_numpy(w) for w in (encoder.first, encoder.twin))
    assert first.any()
    np.testing.assert_array_equal(first, twin)
    # What was learnt is not what it began with.
    encoder.first.assign(np.full((2, 3), 7.0))
    predictor.save(tmp_path / "m.plait")
    again = Predictor.load(tmp_path / "m.plait", custom_objects={"Brings": Brings})
    again = again.model.get_layer("age__encoder")
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(again.first), np.full((2, 3), 7.0))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(again.twin), twin)


def test_a_layer_may_make_a_variable_of_an_array():
    encoder = bringing("of an array").model.get_layer("age__encoder")
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(encoder.first), np.ones((2, 3)))
