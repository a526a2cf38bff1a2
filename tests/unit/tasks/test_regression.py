import numpy as np
import pyarrow as pa
import pytest

from plait.errors import ConfigError, DataError
from plait.table import Table
from plait.tasks import Regression
from tests.unit.tasks.columns import column_of


def test_scores_are_on_the_users_scale():
    task = Regression(transform="log").fit(column_of([0.0, 1.0, 9.0]))
    truth = column_of([0.0, 3.0, 9.0])
    answered = task.targets(column_of([1.0, 3.0, 4.0])).values[:, None]
    assert task.scores(answered, truth) == pytest.approx(
        {"mae": 2, "median_ae": 1, "rmse": np.sqrt(26 / 3), "r2": 1 - 26 / 42}, rel=1e-5
    )


def test_gain_starts_from_the_training_median():
    task = Regression().fit(column_of([0.0, 2.0, 10.0]))
    assert task.learnt["trivial_mae"] == pytest.approx(10 / 3)
    assert task.gain({"mae": 10 / 3}) == pytest.approx(0)
    assert task.gain({"mae": 5 / 3}) == pytest.approx(0.5)


def test_r2_is_left_out_where_nothing_varies():
    task = Regression().fit(column_of([0.0, 2.0]))
    assert set(task.scores(np.zeros((2, 1)), column_of([1.0, 1.0]))) == {"mae", "rmse", "median_ae"}


@pytest.mark.parametrize("text", ["n/a", "nan", "1,5", "0x10", " ", "1 2"])
def test_text_is_named_with_the_way_out(text):
    with pytest.raises(DataError) as error:
        Regression().fit(column_of(["1", None, text]))
    assert str(error.value) == (
        f"Column 'answer', row 3 of train.csv: Regression expects numbers. Received: {text!r}. "
        f'If it means missing, declare Regression(missing=["{text}"]).'
    )


@pytest.mark.parametrize("cells", [[1.0, -np.inf], ["1", "inf"], ["1", "1e999"]])
def test_infinite_values_are_named(cells):
    with pytest.raises(DataError, match=r"row 2 of train.csv.*finite numbers. Received: -?inf"):
        Regression().fit(column_of(cells))


def test_log_refuses_negative_labels_in_training_and_later():
    task = Regression(transform="log").fit(column_of([0.0, 2.0]))
    for read in (Regression(transform="log").fit, task.targets):
        with pytest.raises(DataError, match=r"row 2 of train.csv.*from 0 up. Received: -3.0"):
            read(column_of([1.0, -3.0]))
    assert task.scores(np.zeros((2, 1)), column_of([1.0, -3.0]))["mae"] > 0


def test_labels_without_a_finite_spread_are_refused():
    with pytest.raises(DataError, match="no finite spread"):
        Regression().fit(column_of([-1e200, 1e200]))


@pytest.mark.parametrize(
    ("cells", "kind"),
    [([1, 4], pa.decimal128(5, 2)), ([1, 4], pa.uint8()), ([1, 4], pa.float32())],
)
def test_numbers_of_any_type(cells, kind):
    assert Regression().fit(column_of(cells, kind)).learnt["scale"]["mean"] == 2.5


def test_dates_are_no_numbers():
    with pytest.raises(DataError, match=r"row 1 of train.csv.*numbers. Received the timestamp"):
        Regression().fit(column_of([0, 1], pa.timestamp("s")))


@pytest.mark.parametrize("wrong", [{"transform": "sqrt"}, {"error": "mape"}])
def test_refuses_what_cannot_be(wrong):
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))} is one of .* Received: "):
        Regression(**wrong)


def test_a_date_is_no_number_and_the_way_out_is_told():
    dates = Table.read({"day": pa.array([1, 2], pa.date32())}).column("day")
    with pytest.raises(DataError, match=r"date32.* '1970-01-02'\. To predict a time, write it as"):
        Regression().fit(dates)
