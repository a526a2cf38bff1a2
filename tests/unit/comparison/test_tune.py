import json

import pytest

from plait.comparison import tune
from plait.comparison._tune import Tuning
from plait.config import load, searches
from plait.errors import ConfigError

OPEN = """
data: train.csv
features: {a: Number, b: Number}
tasks: {y: Binary, z: Binary}
fusion: {search: [Max, Concat, {Gated: {width: 8}}]}
training:
  epochs: 8
  batch_size: {search: [2, 64]}
  learning_rate: {search: [1e-4, 1e-2, log]}
"""


@pytest.fixture
def open_config(config):
    config.write_text(OPEN)
    return config


def test_what_a_config_leaves_open(open_config):
    fusion, size, rate = searches(open_config)
    assert fusion.choices == ("Max", "Concat", {"Gated": {"width": 8}})
    assert (size.key, size.low, size.high, size.whole, size.log) == (
        "training.batch_size",
        2,
        64,
        True,
        False,
    )
    assert (rate.low, rate.high, rate.whole, rate.log) == (1e-4, 1e-2, False, True)
    assert [one.key for one in searches(open_config, ["fusion=Mean"])] == [size.key, rate.key]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("[2]", r"plait.yaml:\d+:\d+: search takes"),
        ("5", "search takes"),
        ("[64, 2]", "low < high"),
        ("[0, 1, log]", "0 < low < high"),
        ("[a, b, log]", "two numbers"),
        ("[2, 64, lgo]", "there is 'log' or nothing. Received: 'lgo'. Did you mean 'log'"),
    ],
)
def test_a_search_that_is_none_is_refused_with_its_place(open_config, wrong, said):
    open_config.write_text(OPEN.replace("[2, 64]", wrong))
    with pytest.raises(ConfigError, match=said):
        searches(open_config)


@pytest.mark.parametrize(
    ("open_as", "wrong", "said"),
    [
        ("{Gated: {width: 8}}", "{Gated: {width: x}}", "width"),
        ("1e-2, log", "-2.5", "learning_rate"),
    ],
)
def test_choices_that_cannot_be_are_told_before_anything_runs(
    open_config, tmp_path, open_as, wrong, said
):
    open_config.write_text(OPEN.replace(open_as, wrong).replace("[1e-4, -2.5]", "[-2.5, 1e-4]"))
    with pytest.raises(ConfigError, match=said):
        tune(open_config, tmp_path, tmp_path / "t", trials=8, workers=2)
    assert not (tmp_path / "t").exists()


def test_what_is_left_open_is_for_tune_and_not_for_fit(open_config):
    said = r"'fusion' is left open by a search: `plait tune .*` looks for its value, and `--set`"
    with pytest.raises(ConfigError, match=said):
        load(open_config)


@pytest.mark.usefixtures("faked")
def test_the_best_run_is_the_config_that_wins_and_a_second_call_goes_on(open_config, tmp_path):
    found = tune(open_config, tmp_path, tmp_path / "t", trials=8, workers=2)
    assert len(found.tried) == 8
    assert found.tried[0].values["fusion"] == {"Gated": {"width": 8}}
    assert found.tried[0].gain == pytest.approx(0.8, abs=0.01)
    text = found.config.read_text()
    assert "Gated:" in text
    assert "search" not in text
    runs = {one.name for one in found.tried}
    again = tune(open_config, tmp_path, tmp_path / "t", trials=10, workers=2)
    assert len(again.tried) == 10
    assert runs < {one.name for one in again.tried}
    assert len({tuple(map(str, one.values.values())) for one in again.tried}) > 5


def test_a_run_that_was_under_way_when_tune_was_killed_goes_on_in_its_folder(open_config, tmp_path):
    open_ = searches(open_config)
    loaded = load(open_config, [one.setting(one.outermost[0]) for one in open_])

    def called():
        return Tuning(loaded, tmp_path, tmp_path / "t", open_, 3, None, (), 0)

    killed = called()
    left = [killed.next_job(), killed.next_job()]
    again = called()
    jobs = [again.next_job() for _ in range(4)]
    assert jobs[:2] == left
    assert jobs[2].name not in {job.name for job in left}
    assert jobs[3] is None


@pytest.mark.usefixtures("faked")
def test_runs_without_prospect_are_stopped(open_config, tmp_path):
    found = tune(open_config, tmp_path, tmp_path / "t", trials=10, workers=1)
    assert {one.how for one in found.tried} == {"finished", "stopped"}
    stopped = [one.values["fusion"] for one in found.tried if one.how == "stopped"]
    assert set(stopped) <= {"Max", "Concat"}


@pytest.mark.usefixtures("faked")
def test_another_search_in_the_folder_is_refused(open_config, tmp_path):
    tune(open_config, tmp_path, tmp_path / "t", trials=1)
    open_config.write_text(OPEN.replace("[2, 64]", "[2, 32]"))
    with pytest.raises(ConfigError, match="is of another search"):
        tune(open_config, tmp_path, tmp_path / "t", trials=2)


@pytest.mark.usefixtures("faked")
def test_another_config_or_table_in_the_folder_is_refused(open_config, tmp_path):
    tune(open_config, tmp_path, tmp_path / "t", trials=1)
    open_config.write_text(OPEN.replace("epochs: 8", "epochs: 9"))
    with pytest.raises(ConfigError, match="is of another config"):
        tune(open_config, tmp_path, tmp_path / "t", trials=2)
    open_config.write_text(OPEN)
    (tmp_path / "train.csv").write_text("a,b,y,z\n1,2,0,1\n")
    with pytest.raises(ConfigError, match="is of another data"):
        tune(open_config, tmp_path, tmp_path / "t", trials=2)


@pytest.mark.usefixtures("faked")
def test_a_seed_that_is_searched_is_the_seed_of_the_run(config, tmp_path):
    config.write_text(config.read_text() + "seed: {search: [3, 5]}\n")
    (one,) = tune(config, tmp_path, tmp_path / "t", trials=1).tried
    said = json.loads((tmp_path / "t" / "runs" / one.name / "command.json").read_text())
    assert f"seed={one.values['seed']}" in said
    assert one.values["seed"] in (3, 4, 5)


@pytest.mark.usefixtures("faked")
def test_when_the_time_is_over_runs_are_stopped_and_no_others_begin(open_config, tmp_path):
    slow = ["name=slowly"]
    found = tune(
        open_config, tmp_path, tmp_path / "t", trials=9, minutes=0.05, workers=2, settings=slow
    )
    assert [one.how for one in found.tried] == ["stopped", "stopped"]
    assert found.config is None


def test_two_numbers_may_be_choices(open_config):
    open_config.write_text(OPEN.replace("[2, 64]", "{choices: [2, 64]}"))
    assert searches(open_config)[1].choices == (2, 64)


def test_nothing_open_is_refused(config, tmp_path):
    with pytest.raises(ConfigError, match="leaves nothing open"):
        tune(config, tmp_path, tmp_path / "t", trials=1)
