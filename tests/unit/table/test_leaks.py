import numpy as np
import pytest

from plait.table import Table, leaks


def found(name, cells, seed=0):
    """Whether a column is told where rows are parted at random."""
    order = np.random.default_rng(seed).permutation(len(cells))
    table = Table.read({name: cells})
    cut = len(cells) * 4 // 5
    parts = {"train": table.take(order[:cut]), "test": table.take(order[cut:])}
    return [leak.column for leak in leaks(parts)] == [name]


@pytest.mark.parametrize(
    "name",
    [
        "customer_id",
        "CustomerID",
        "customerId",
        "Customer ID",
        "Clothing ID",
        "userid",
        "patient_no",
    ],
)
@pytest.mark.parametrize("make", [int, "c{}".format])
def test_a_key_is_one_however_its_name_is_written(name, make):
    assert found(name, [make(n % 60) for n in range(300)])


@pytest.mark.parametrize("make", [int, "Actor_{}".format, lambda n: chr(65 + n)])
@pytest.mark.parametrize("name", ["actor", "Speaker", "subject_id"])
def test_what_rows_are_of_may_stand_for_many_rows(name, make):
    assert found(name, [make(n % 24) for n in range(1440)])


@pytest.mark.parametrize(
    ("name", "distinct"),
    [
        ("kind", 3),
        ("user_type", 3),
        ("client", 4),
        ("age", 60),
        ("user_age", 60),
        ("country_code", 24),
        ("class_name", 24),
        ("rooms", 12),
    ],
)
@pytest.mark.parametrize("make", [int, chr])
def test_kinds_and_amounts_are_no_keys(name, distinct, make):
    assert not found(name, [make(65 + n % distinct) for n in range(1440)])


def test_leaks_are_keys_that_parts_share_and_nothing_else():
    draw = np.random.default_rng(0)

    def table(first):
        return Table.read(
            {
                "customer_id": [first + n // 2 for n in range(80)],
                "sample": [f"s{first + n // 3}" for n in range(80)],
                "age": draw.integers(20, 60, 80).tolist(),
                "colour": draw.choice(["red", "green"], 80).tolist(),
                "notes": ["some words here"] * 80,
            }
        )

    apart = {"train": table(0), "test": table(1000)}
    assert leaks(apart) == []
    found = {leak.column: leak for leak in leaks({"train": table(0), "test": table(20)})}
    assert set(found) == {"customer_id", "sample"}
    assert found["customer_id"].values == 20
    assert found["customer_id"].rows == 40
