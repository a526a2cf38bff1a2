"""What is said of runs whose results are known."""

import pytest

import plait
from plait.comparison._answer import Answer
from plait.comparison._candidates import Candidate
from plait.comparison._compared import Alone, Compared
from plait.comparison._jobs import Ended
from plait.comparison._page import page
from plait.comparison._table import head, lines

TASKS = {"y": plait.Binary(), "z": plait.Binary()}


def finished(gain, z=0.5, pace=10.0, **more):
    return Ended(
        "finished",
        scores={"y": {"auc": gain}, "z": {"auc": z}},
        gains={"y": gain, "z": z},
        gain=gain,
        epochs=3,
        seconds=50.0,
        pace=pace,
        megabytes=1.5,
        **more,
    )


def way(name, gains, own=False, pace=10.0):
    runs = {seed: finished(gain, pace=pace) for seed, gain in enumerate(gains)}
    return Compared(Candidate({"fusion": name}, own), runs)


def alone(task, gains):
    runs = {seed: finished(gain, z=gain) for seed, gain in enumerate(gains)}
    return Compared(Alone(task), runs)


def answer(*compared, seeds=3):
    return Answer(compared, TASKS, range(seeds), "about")


OWN = way("Concat", [0.50, 0.60, 0.70], own=True)


def test_the_best_is_taken_where_the_pairs_show_it():
    found = answer(OWN, way("Gated", [0.60, 0.701, 0.80]))
    assert found.winner.way.name == "Gated"
    assert found.advice.startswith(
        "Take Gated: its mean gain is +0.1003 (+0.0989 to +0.1018) above"
    )


def test_a_higher_mean_alone_is_no_reason():
    found = answer(OWN, way("Gated", [0.80, 0.60, 0.75]))
    assert found.winner is OWN
    assert "no difference that this data can show" in found.advice


def test_the_best_of_those_that_the_pairs_show_is_taken():
    """One that came out higher by chance stands in the way of none that is shown to be better."""
    noisy, steady = way("Noisy", [0.50, 0.90, 1.00]), way("Steady", [0.60, 0.701, 0.80])
    slightly = way("Slightly", [0.55, 0.651, 0.75])
    found = answer(OWN, noisy, slightly, steady)
    assert not found.over_own(noisy).is_above_zero
    assert found.over_own(slightly).is_above_zero
    assert found.winner is steady
    assert found.advice.startswith("Take Steady: its mean gain is +0.1003 (")
    assert "Noisy came out higher, by +0.2000 (-" in found.advice
    assert "no difference" not in found.advice
    assert "Noisy" not in answer(OWN, steady).advice
    assert answer(OWN, noisy).winner is OWN


def test_more_candidates_ask_for_clearer_differences():
    near = [way(f"Other{n}", [0.1, 0.2, 0.1]) for n in range(20)]
    better = way("Gated", [0.552, 0.661, 0.748])
    assert answer(OWN, better).winner is better
    assert answer(OWN, better, *near).winner is OWN


def test_one_seed_says_that_it_cannot_tell():
    found = answer(way("Concat", [0.5], own=True), way("Gated", [0.9]), seeds=1)
    assert found.winner.way.own
    assert found.advice == (
        "One seed tells no difference from chance: Gated was the best of 2. Give --seeds 3 or more."
    )


def test_what_is_cheaper_and_not_shown_to_be_worse_is_told():
    found = answer(OWN, way("Mean", [0.49, 0.61, 0.69], pace=4.0))
    assert "Mean takes 0.40 of its time an epoch and is not shown to be worse." in found.advice
    worse = answer(OWN, way("Mean", [0.40, 0.501, 0.60], pace=4.0))
    assert "Mean takes" not in worse.advice


@pytest.mark.parametrize(
    ("gains", "word", "said"),
    [
        ([0.40, 0.501, 0.60], "helped", "The other tasks helped 'y' (+0.0997"),
        ([0.60, 0.701, 0.80], "hurt", "The other tasks hurt 'y' (-0.1003"),
        ([0.40, 0.60, 0.80], "no difference shown", "this data cannot show (+0.0000"),
        ([0.4], "no difference shown", "one seed cannot tell"),
    ],
)
def test_whether_the_tasks_helped_each_other(gains, word, said):
    found = answer(OWN, alone("y", gains))
    (verdict,) = found.verdicts
    assert (verdict.task, verdict.word) == ("y", word)
    assert said in found.advice


def test_a_task_alone_is_measured_by_what_it_shares_all_else_with():
    found = answer(OWN, way("Gated", [0.80, 0.901, 1.0]), alone("y", [0.51, 0.59, 0.70]))
    assert found.winner.way.name == "Gated"
    (verdict,) = found.verdicts
    assert verdict.word == "no difference shown"
    assert verdict.gained.mean == pytest.approx(0.0)


def failed(name, how="failed", own=False):
    return Compared(Candidate({"fusion": name}, own), {0: Ended(how, "out of luck.")})


def test_what_did_not_come_to_its_end_is_said():
    assert answer(OWN, failed("Gated")).advice == (
        "None but Concat, as the config has it, has come to its end: keep it."
    )
    found = answer(failed("Concat", own=True), way("Gated", [0.5, 0.6, 0.7]))
    assert found.winner.way.name == "Gated"
    assert found.advice == (
        "Concat, as the config has it, did not come to its end: Concat was failed. out of luck. Of "
        "the others Gated was the best."
    )
    nothing = answer(failed("Concat", own=True), failed("Gated"))
    assert "No candidate has come to its end" in nothing.advice
    refused = Compared(Alone("y"), {0: Ended("refused", "there is no task 'z'.")})
    found = answer(OWN, way("Gated", [0.4, 0.5, 0.6]), refused)
    assert "Whether the other tasks helped 'y' is not known: y alone was refused." in found.advice
    assert "nan" not in page(found, "t").replace("noneand", "")


def test_runs_without_an_end_are_told_and_count_nowhere():
    stopped = Compared(
        Candidate({"fusion": "Max"}), {0: Ended("stopped", gain=0.9, epochs=2, seconds=3.0)}
    )
    refused = Compared(Candidate({"fusion": "FiLM"}), {0: Ended("refused", "needs two features.")})
    found = answer(OWN, stopped, refused, way("Mean", [0.4, 0.5, 0.6]))
    assert "and the 1 of 3 others that came to their end there is no" in found.advice
    found = answer(OWN, stopped, refused)
    assert found.winner is OWN
    assert found.front == {"Concat"}
    notes = {line[0]: line[1] for line in lines(found)}
    assert notes == {
        "Concat": "as written, taken",
        "Max": "stopped after 2 epochs at 0.9000",
        "FiLM": "refused: needs two features.",
    }


def test_a_line_has_a_cell_for_each_head():
    found = answer(OWN, way("Gated", [0.60, 0.701, 0.80]), alone("y", [0.5, 0.6, 0.7]))
    written = [dict(zip(head(found), line, strict=True)) for line in lines(found)]
    assert [line["way"] for line in written] == ["Gated", "Concat", "y alone"]
    assert written[0]["mean gain"].startswith("0.7003 ± ")
    assert written[2]["mean gain"] == ""
    assert written[2]["y auc"].startswith("0.6000 ± ")


def test_the_page_holds_all_of_it_and_needs_nothing_beside():
    names = {"fusion": {"Gated": {"name": "<b>"}}}
    odd = Compared(Candidate(names), OWN.runs)
    text = page(answer(OWN, odd, alone("y", [0.4, 0.5, 0.6])), "A & B")
    assert "A &amp; B" in text
    assert "Gated(name &lt;b&gt;)" in text
    assert "<b>" not in text
    assert text.count("<svg") == 1
    assert "http" not in text.replace("http://www.w3.org", "").replace(
        "http://purl.org", ""
    ).replace("http://creativecommons.org", "").replace("https://matplotlib.org", "")
    assert text == page(answer(OWN, odd, alone("y", [0.4, 0.5, 0.6])), "A & B")


def test_the_page_shows_what_each_task_takes():
    def weighed(first):
        shares = {"expert 1": first, "expert 2": 1 - first}
        return [
            {"task": task, "gate": "experts", "part": part, "mean": mean, "deviation": 0.1}
            for task in "yz"
            for part, mean in shares.items()
        ]

    runs = {seed: finished(0.5, gates=weighed(0.25 + seed / 2)) for seed in (0, 1)}
    text = page(answer(OWN, Compared(Candidate({"sharing": "MMoE"}), runs)), "t")
    assert "<h3>MMoE: experts</h3>" in text
    assert "<tr><th>task</th><th>expert 1</th><th>expert 2</th></tr>" in text
    assert "<tr><td>z</td><td>0.250</td><td>0.750</td></tr>" in text
    assert "What each task takes" not in page(answer(OWN), "t")
    lines = [
        {"task": "y", "gate": "fusion", "part": "age", "mean": None},
        {"task": "y", "gate": "fusion", "part": "note", "mean": 0.5},
        {"task": "z", "gate": "fusion", "part": "note", "mean": 1.0},
        {"task": "z", "gate": "experts", "part": "expert 1", "mean": 1.0},
    ]
    text = page(answer(OWN, Compared(Candidate({}), {0: finished(0.5, gates=lines)})), "t")
    assert "<tr><td>y</td><td></td><td>0.500</td></tr>" in text
    assert "<tr><td>z</td><td></td><td>1.000</td></tr>" in text
    assert text.count("<h3>") == 2


def test_runs_that_time_has_ended_are_told():
    assert "last epoch" not in answer(OWN, way("Gated", [0.5, 0.6, 0.7])).advice
    short = finished(0.4, ended="The 0.2 minutes were over in epoch 1 of 8.")
    found = answer(OWN, Compared(Candidate({"fusion": "MBT"}), {0: short}))
    assert found.advice.endswith(
        "1 of 4 runs ended before their last epoch. Of one: The 0.2 minutes were over in epoch 1 of 8. "
        "What learns slowly, or compiles long, looks worse by that than it is. Where it was the time, "
        "allow more (--budget)."
    )
