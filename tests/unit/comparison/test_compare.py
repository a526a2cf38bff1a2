"""Runs that stand for those of `plait fit`: which begin, which are stopped, and how they go on."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from plait._held_folder import HeldFolder
from plait.comparison import Question, ask
from plait.comparison._answer import Answer
from plait.comparison._budget import Pace, minutes_a_run
from plait.comparison._candidates import candidates
from plait.comparison._compare import Comparing
from plait.comparison._compared import Alone
from plait.comparison._work import work
from plait.config import load
from plait.errors import ConfigError, StoppedError


def question(config, fusion, **more):
    more = {"seeds": 2, "workers": 2, **more}
    return Question(config, config.parent, {"fusion": fusion}, **more)


def hows(answer):
    return {one.way.name: [run.how for run in one.runs.values()] for one in answer.compared}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "compared"


@pytest.fixture
def interruptible():
    """As at a terminal; a shell has what runs in its background ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("faked")
class TestComparing:
    def test_all_seeds_of_what_has_prospect_and_one_of_what_has_none(self, config, folder):
        answer = ask(question(config, "Gated, Max, FiLM, Product", workers=1), folder)
        assert hows(answer) == {
            "Concat": ["finished", "finished"],
            "Gated": ["finished", "finished"],
            "Max": ["stopped"],
            "FiLM": ["refused"],
            "Product": ["failed"],
        }
        runs = {one.way.name: one.runs for one in answer.compared}
        assert runs["FiLM"][0].said == "FiLM needs two features."
        assert "out of luck" in runs["Product"][0].said
        assert answer.winner.way.name == "Gated"
        # A quarter of the eight epochs is the first that is looked at.
        assert runs["Max"][0].epochs < 8

    def test_without_pruning_all_run_to_their_end(self, config, folder):
        answer = ask(question(config, "Gated, Max", workers=1, prune=False), folder)
        assert set(map(tuple, hows(answer).values())) == {("finished", "finished")}

    @pytest.mark.parametrize(("epochs", "goes_on"), [(2, True), (3, False)])
    def test_what_has_its_last_epoch_behind_it_is_not_stopped(
        self, config, folder, epochs, goes_on
    ):
        loaded = load(config, [], config.parent)
        ways = candidates(loaded, {"fusion": "Max"})
        plan = Comparing(loaded, config.parent, folder, ways, [0], epochs=epochs)
        own, other = plan.next_job(), plan.next_job()
        for epoch in (1, 2):
            assert plan.epoch(own, {"epoch": epoch, "mean_gain": 0.1 * epoch})
        assert plan.epoch(other, {"epoch": 1, "mean_gain": 0.2})
        assert plan.epoch(other, {"epoch": 2, "mean_gain": 0.1}) is goes_on

    @pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="asks the kernel")
    @pytest.mark.parametrize("workers", [1, 2, 3])
    def test_the_cores_are_parted_among_the_runs_at_once(
        self, workers, config, folder, monkeypatch
    ):
        mine = sorted(os.sched_getaffinity(0))[:2]
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(mine))
        ask(question(config, "Gated", seeds=1, workers=workers), folder)
        found = [json.loads(path.read_text()) for path in folder.rglob("cores.json")]
        assert len(found) == 2
        if workers == 2 and len(mine) == 2:
            assert sorted(found) == [mine[:1], mine[1:]]
        else:
            # One after the other on all; or more than there are cores, none without any.
            assert all(set(cores) <= set(mine) and cores for cores in found)
        if workers == 1:
            assert found == [mine, mine]

    def test_what_is_written_is_never_stopped(self, config, folder):
        config.write_text(config.read_text() + "fusion: Max\n")
        answer = ask(question(config, "Gated, Concat", workers=1), folder)
        assert hows(answer)["Max"] == ["finished", "finished"]

    def test_each_task_alone_without_the_others_balancer_and_sharing(self, config, folder):
        config.write_text(config.read_text() + "balancing: UPGrad\nsharing: MMoE\n")
        answer = ask(Question(config, config.parent, {}, alone=True, seeds=1), folder)
        assert [one.way.name for one in answer.compared] == ["as written", "y alone", "z alone"]
        said = json.loads((folder / "runs" / "alone-y-seed0" / "command.json").read_text())
        assert "z" in said
        alike = 'sharing={"HardSharing": {"blocks": 1}}'
        assert {"balancing=null", alike} <= set(said)

    def test_what_has_ended_is_not_run_again(self, config, folder):
        ask(question(config, "Gated, Max", workers=1), folder)
        before = {p: p.stat().st_mtime_ns for p in (folder / "runs").rglob("*") if p.is_file()}
        answer = ask(question(config, "Gated, Max", workers=1), folder)
        after = {p: p.stat().st_mtime_ns for p in (folder / "runs").rglob("*") if p.is_file()}
        assert before == after
        assert hows(answer)["Max"] == ["stopped"]

    def test_a_further_candidate_is_measured_by_the_earlier_ones(self, config, folder):
        ask(question(config, "Gated", workers=1), folder)
        answer = ask(question(config, "Gated, Max", workers=1), folder)
        assert hows(answer)["Max"] == ["stopped"]

    def test_another_config_is_refused(self, config, folder):
        ask(question(config, "Gated", seeds=1), folder)
        config.write_text(config.read_text() + "width: 64\n")
        with pytest.raises(ConfigError, match="is of another config"):
            ask(question(config, "Gated", seeds=1), folder)

    def test_other_data_are_refused(self, config, folder, tmp_path):
        ask(question(config, "Gated", seeds=1), folder)
        table = tmp_path / "train.csv"
        table.write_text(table.read_text() + "3,4,1,1\n")
        with pytest.raises(ConfigError, match="is of another data"):
            ask(question(config, "Gated", seeds=1), folder)
        other = tmp_path / "other"
        other.mkdir()
        (other / "train.csv").write_text("a,b,y,z\n1,2,0,1\n")
        with pytest.raises(ConfigError, match="is of another place, data"):
            ask(Question(config, other, {"fusion": "Gated"}, seeds=1), folder)

    def test_what_was_refused_is_tried_again(self, config, folder):
        ask(question(config, "FiLM", seeds=1), folder)
        run = folder / "runs" / "FiLM-seed0"
        assert not (run / "again").exists()
        # Refused before there was a checkpoint: it begins anew.
        (run / "command.json").write_text(json.dumps(["fusion=Mean", "JSONLines"]))
        assert hows(ask(question(config, "FiLM", seeds=1), folder))["FiLM"] == ["finished"]

    def test_what_was_stopped_goes_on_without_pruning(self, config, folder):
        ask(question(config, "Gated, Max", workers=1), folder)
        answer = ask(question(config, "Gated, Max", workers=1, prune=False), folder)
        assert hows(answer)["Max"] == ["finished", "finished"]

    def test_a_trunk_for_one_task_is_as_deep_as_that_of_all(self, config, folder):
        config.write_text(config.read_text() + "sharing: {HardSharing: {blocks: 6}}\n")
        ask(Question(config, config.parent, {}, alone=True, seeds=1), folder)
        said = json.loads((folder / "runs" / "alone-y-seed0" / "command.json").read_text())
        assert not [s for s in said if s.startswith("sharing")]

    @pytest.mark.parametrize(
        ("sharing", "alone"),
        [
            ("{MMoE: {experts: 3}}", {"HardSharing": {"blocks": 1}}),
            ("{PLE: {levels: 3}}", {"HardSharing": {"blocks": 3}}),
            (
                "{PLE: {levels: 2, expert: {Dense: {units: 7}}}}",
                {"SoftSharing": {"stages": [{"Dense": {"units": 7}}, {"Dense": {"units": 7}}]}},
            ),
            (
                "{CGC: {expert: [{Dense: {units: 7}}, LayerNormalization]}}",
                {"SoftSharing": {"stages": [{"Dense": {"units": 7}}, "LayerNormalization"]}},
            ),
            ("{Adapters: {blocks: 3, width: 9}}", {"HardSharing": {"blocks": 3, "width": 9}}),
            ("{LoRA: {stages: 5}}", {"HardSharing": {"blocks": 5}}),
            ("{MTAN: {stages: 2}}", {"HardSharing": {"blocks": 4}}),
            (
                "{TaskRouting: {stages: [{Dense: {units: 7}}, LayerNormalization]}}",
                {"SoftSharing": {"stages": [{"Dense": {"units": 7}}, "LayerNormalization"]}},
            ),
        ],
    )
    def test_a_trunk_for_one_task_is_that_of_the_sharing(self, sharing, alone, config, folder):
        config.write_text(config.read_text() + f"sharing: {sharing}\n")
        loaded = load(config, [], config.parent)
        ways = [*candidates(loaded, {}), Alone("y")]
        plan = Comparing(loaded, config.parent, folder, ways, [0])
        plan.next_job()
        said = plan.next_job().arguments
        (written,) = [one for one in said if one.startswith("sharing=")]
        ((name, arguments),) = json.loads(written.removeprefix("sharing=")).items()
        ((wanted_name, wanted),) = alone.items()
        assert name == wanted_name
        assert wanted
        assert {n: v for n, v in arguments.items() if n in wanted} == wanted
        load(config, [written], config.parent)

    def test_a_budget_never_lengthens_a_run(self, config, folder):
        config.write_text(config.read_text().replace("epochs: 8", "epochs: 8, max_minutes: 0.5"))
        ask(question(config, "Gated", seeds=1, minutes=60.0), folder)
        said = json.loads((folder / "runs" / "Gated-seed0" / "command.json").read_text())
        assert "training.max_minutes=0.500" in said

    def test_a_seed_for_which_no_time_is_left_is_left_out_for_all_alike(self, config, folder):
        def compare(until):
            loaded = load(config, [], config.parent)
            ways = candidates(loaded, {"fusion": "Gated, Max"})
            plan = Comparing(loaded, config.parent, folder, ways, [0, 1, 2], until=until)
            work(plan, folder, 1, "")
            return plan

        plan = compare(time.monotonic())
        assert plan.seeds == [0]
        assert {seed for one in plan.compared for seed in one.runs} == {0}
        assert Answer(plan.compared, {}, plan.seeds).whole == plan.compared[:2]
        # With time for them the others follow.
        plan = compare(None)
        assert plan.seeds == [0, 1, 2]
        assert [len(one.finished) for one in plan.compared] == [3, 3, 0]

    def test_a_quick_look_takes_as_long_as_its_runs_need(self, config, folder, capsys):
        many = ", ".join(f"{{MBT: {{bottleneck: {n}}}}}" for n in range(1, 21))
        assert len(ask(question(config, "Gated", seeds=1, quick=True), folder).compared) == 2
        with pytest.raises(ConfigError, match="leave 7 seconds"):
            ask(question(config, many, seeds=1, minutes=4.0), folder.with_name("long"))
        found = ask(question(config, many, seeds=1, quick=True), folder.with_name("quick"))
        assert len(found.compared) == 21
        assert "at most 0.5 minutes" in found.about

    def test_passwords_stay_where_they_were(self, config, folder):
        sql = '{SQL: {uri: "postgresql://me:hidden@host/db", query: select 1}}'
        config.write_text(config.read_text().replace("data: train.csv", f"data: {sql}"))
        ask(question(config, "Gated", seeds=1), folder)
        written = [p for p in folder.glob("*.*") if "hidden" in p.read_text()]
        assert not written

    def test_nothing_beside_the_config_is_refused(self, config, folder):
        with pytest.raises(ConfigError, match="nothing beside the config"):
            ask(question(config, "Concat"), folder)

    def test_the_answer_is_in_the_folder(self, config, folder):
        answer = ask(question(config, "Gated", seeds=3), folder)
        assert answer.advice in json.loads((folder / "answer.json").read_text())["advice"]
        assert "fusion: Gated" in (folder / "winner.yaml").read_text()
        assert "trackers" not in (folder / "winner.yaml").read_text()
        assert "Gated" in (folder / "index.html").read_text()

    @pytest.mark.usefixtures("interruptible")
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
    def test_a_signal_stops_the_runs_and_the_same_call_goes_on(self, number, config, folder):
        asked = question(config, "Gated", seeds=1, settings=("name=slowly",))
        runs = [folder / "runs" / f"{name}-seed0" for name in ("Concat", "Gated")]

        def interrupt():
            while not all((run / "epochs.jsonl").is_file() for run in runs):
                time.sleep(0.05)
            os.kill(os.getpid(), number)

        threading.Thread(target=interrupt, daemon=True).start()
        with pytest.raises(StoppedError, match="The same command goes on with it") as stopped:
            ask(asked, folder)
        assert stopped.value.signal == number
        done = [len((run / "epochs.jsonl").read_text().splitlines()) for run in runs]
        assert all(0 < count < 8 for count in done)
        for run in runs:
            # The rest in no time.
            (run / "command.json").write_text(json.dumps(["fusion=Gated"]))
        # Whoever was killed may have left a run that is still writing.
        released = []
        held = HeldFolder(runs[1])
        threading.Timer(1.0, lambda: (released.append(time.time()), held.release())).start()
        assert hows(ask(asked, folder)) == {"Concat": ["finished"], "Gated": ["finished"]}
        assert (runs[1] / "metrics.json").stat().st_mtime >= released[0]


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel")
def test_runs_stop_when_whoever_compares_is_killed(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from plait.comparison import _jobs\n"
        "_jobs._FIT = 'import time, os, sys; print(os.getpid(), flush=True); time.sleep(600)'\n"
        f"child = _jobs.Child(_jobs.Job('a', ('c',)), Path({str(tmp_path)!r}), [0])\n"
        "time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    log, until = tmp_path / "a.log", time.monotonic() + 60
    while not (log.is_file() and log.read_text().strip()) and time.monotonic() < until:
        time.sleep(0.05)
    child = int(log.read_text())
    parent.kill()
    parent.wait()
    while _is_alive(child) and time.monotonic() < until:
        time.sleep(0.05)
    assert not _is_alive(child)


def _is_alive(process):
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_the_pace_of_runs_that_have_ended_tells_when_more_would(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    pace = Pace(1000.0, 2)
    assert pace.minutes_beyond(10**6) == 0
    for name, seconds in (("a", 60.0), ("b", 120.0)):
        pace.begins(name)
        now[0] += seconds
        pace.ends(name)
    assert pace.minutes_beyond(16) == 0
    assert pace.minutes_beyond(18) == pytest.approx((280 + 18 * 90 / 2 - 1000) / 60)
    assert Pace(None, 1).minutes_beyond(10**6) == 0


def test_a_budget_is_parted_among_the_runs_that_follow_each_other():
    assert minutes_a_run(30, 12, 2) == pytest.approx(30 / 6 - 0.25)
    with pytest.raises(
        ConfigError, match=r"12 runs, 2 at once, in .* leave 0 seconds .* Allow 3 minutes"
    ):
        minutes_a_run(1, 12, 2)
