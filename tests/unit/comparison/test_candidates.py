import pytest

from plait.comparison._candidates import candidates
from plait.config import load
from plait.errors import ConfigError


def found(config, **asked):
    return candidates(load(config), asked)


def test_each_with_each_and_what_is_written_first(config):
    ways = found(config, fusion="Gated, Concat", sharing="Hard,MMoE")
    assert [way.name for way in ways] == [
        "Concat + HardSharing",
        "Gated + HardSharing",
        "Gated + MMoE",
        "Concat + MMoE",
    ]
    assert [way.own for way in ways] == [True, False, False, False]
    assert ways[0].settings == []
    assert ways[2].settings == ['fusion="Gated"', 'sharing="MMoE"']


def test_what_is_written_is_there_though_it_is_not_asked_for(config):
    config.write_text(config.read_text() + "fusion: {Concat: {width: 64}}\n")
    assert [way.name for way in found(config, fusion="Gated,Concat")] == [
        "Concat(width 64)",
        "Gated",
        "Concat",
    ]


def test_arguments_and_their_defaults(config):
    ways = found(config, sharing="{MMoE: {experts: 4}}, {MMoE: {experts: 8}}, MMoE")
    # Four experts are the default: one candidate.
    assert [way.name for way in ways] == ["HardSharing", "MMoE", "MMoE(experts 8)"]
    assert ways[2].settings == ['sharing={"MMoE": {"experts": 8}}']
    assert ways[2].folder.startswith("MMoE-experts-8-")


def test_candidates_that_are_spelt_alike_have_folders_of_their_own(config):
    one, other = (
        f"{{TaskGroups: {{groups: {groups}}}}}" for groups in ("[[y], [z, w]]", "[[y, z], [w]]")
    )
    ways = found(config, sharing=f"{one}, {other}")
    assert len({way.folder for way in ways}) == 3
    assert ways[1].folder == found(config, sharing=one)[1].folder


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"fusion": "Gatd"}, r"--fusion: there is no 'Gatd'. Did you mean 'Gated'"),
        ({"fusion": "Fusion"}, r"there is no 'Fusion'"),
        ({"sharing": "{MMoE: {expert_count: 3}}"}, r"no argument 'expert_count'"),
        ({"sharing": "{MMoE: {experts: 1}}"}, r"experts is a whole number, 2 or more"),
        ({"fusion": ""}, r"takes classes with commas between"),
        ({"fusion": "{Gated"}, r"takes classes with commas between"),
        ({"fusion": "[Gated, Mean]"}, r"expects ClassName or"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_anything_runs(config, asked, said):
    with pytest.raises(ConfigError, match=said):
        found(config, **asked)


def test_all_that_is_wrong_is_told_at_once(config):
    with pytest.raises(ConfigError) as refused:
        found(config, fusion="Gatd, Mean, Concatt", sharing="Hrad")
    for said in (
        "--fusion: there is no 'Gatd'. Did you mean 'Gated'?",
        "--fusion: there is no 'Concatt'. Did you mean 'Concat'?",
        "--sharing: there is no 'Hrad'.",
    ):
        assert said in str(refused.value)
