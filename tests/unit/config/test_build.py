from dataclasses import dataclass
from pathlib import Path

import pytest

from plait import balancing
from plait._names import from_plain, to_plain
from plait.balancing import Balancer, PCGrad, Uncertainty
from plait.config._build import Builder
from plait.config._source import parse_source
from plait.errors import ConfigError


@dataclass(frozen=True)
class Host:
    """Arguments of each kind that a constructor of plait's may have."""

    balancing: Balancer | None = None
    several: dict[str, Balancer] | None = None
    epochs: int = 1
    rate: float | None = None
    parts: tuple[str, ...] = ()
    mean: float | tuple[float, ...] = 0.0


def build(text, folder=Path()):
    source = parse_source(text, "c.yaml")
    return Builder(source, folder).arguments(Host, source.document, ())


def test_a_class_by_its_name_alone():
    assert isinstance(build("balancing: Uncertainty")["balancing"], Uncertainty)


def test_a_class_with_arguments():
    balancer = build("balancing: {PCGrad: {seed: 3, level: parameters}}")["balancing"]
    assert isinstance(balancer, PCGrad)
    assert (balancer.seed, balancer.level) == (3, "parameters")


def test_a_class_with_empty_arguments():
    assert isinstance(build("balancing:\n  PCGrad:\n")["balancing"], PCGrad)


@pytest.mark.parametrize(
    "inner", ["MGDA", "{MGDA: {level: parameters}}", "{CRMOGM: {weighting: MGDA}}"]
)
def test_a_class_within_a_class(inner):
    built = build(f"balancing: {{CRMOGM: {{weighting: {inner}, alpha: 0.5}}}}")["balancing"]
    assert built.alpha == 0.5
    plain = to_plain(built)
    assert plain == parse_source(f"{{CRMOGM: {{weighting: {inner}, alpha: 0.5}}}}", "").document
    assert from_plain(plain, balancing).get_config() == built.get_config()


def test_null_where_null_may_stand():
    assert build("balancing: null")["balancing"] is None


def test_objects_by_name():
    several = build("several: {a: PCGrad, b: {FAMO: {decay: 1}}}")["several"]
    assert [type(b).__name__ for b in several.values()] == ["PCGrad", "FAMO"]
    assert several["b"].decay == 1.0


def test_lists_become_tuples_and_whole_numbers_become_floats():
    built = build("parts: [a, b]\nrate: 1\nmean: [1, 2.5]")
    assert built == {"parts": ("a", "b"), "rate": 1.0, "mean": (1.0, 2.5)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch: 3", "c.yaml:1:1: Host has no argument 'epoch'. Did you mean 'epochs'?"),
        ("epochs: '3'", "c.yaml:1:9: Host's 'epochs' expects a whole number. Received: '3'."),
        ("epochs: 2.5", "c.yaml:1:9: Host's 'epochs' expects a whole number. Received: 2.5."),
        ("epochs: true", "c.yaml:1:9: Host's 'epochs' expects a whole number. Received: True."),
        ("rate: a", "c.yaml:1:7: Host's 'rate' expects a number or null. Received: 'a'."),
        ("parts: a", "c.yaml:1:8: Host's 'parts' expects a list of text. Received: 'a'."),
        ("balancing: PCGrd", "c.yaml:1:12: balancing has no 'PCGrd'. Did you mean 'PCGrad'?"),
        ("balancing: Balancer", "c.yaml:1:12: balancing has no 'Balancer'."),
        ("balancing: StepContext", "c.yaml:1:12: balancing has no 'StepContext'"),
        (
            "balancing:\n  CRMOGM:\n    weighting: MGD",
            "c.yaml:3:16: balancing has no 'MGD'. Did you mean 'MGDA'?",
        ),
        ("balancing: CRMOGM", "c.yaml:1:1: CRMOGM needs the argument 'weighting'"),
        ("balancing: 3", "c.yaml:1:12: expected ClassName or {ClassName: {argument: value}}"),
        ("balancing: {PCGrad: 3}", "c.yaml:1:21: expected PCGrad: {argument: value}"),
        (
            "balancing:\n  PCGrad:\n    sed: 3",
            "c.yaml:3:5: PCGrad has no argument 'sed'. Did you mean 'seed'?",
        ),
        (
            "balancing: {PCGrad: {level: paramters}}",
            "c.yaml:1:29: PCGrad's 'level' expects 'representation' or 'parameters'. "
            "Received: 'paramters'. Did you mean 'parameters'?",
        ),
        ("several: PCGrad", "c.yaml:1:10: expected a mapping from names to classes"),
        ("several: {a: PCGrd}", "c.yaml:1:14: balancing has no 'PCGrd'"),
    ],
)
def test_what_cannot_be_built_is_pointed_at(text, message):
    with pytest.raises(ConfigError) as refusal:
        build(text)
    assert str(refusal.value).startswith(message)


OWN = """\
from plait.balancing import PCGrad


class Mine(PCGrad):
    def __init__(self, seed: int = 5) -> None:
        if seed < 0:
            raise ValueError("seed must not be negative.")
        super().__init__(seed)
"""


@pytest.fixture
def own_module(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.path", list(__import__("sys").path))
    (tmp_path / "own_balancers.py").write_text(OWN)
    (tmp_path / "torn_balancers.py").write_text("def torn(:\n")
    return tmp_path


def test_a_dotted_path_names_a_class_of_the_users_own(own_module):
    balancer = build("balancing: {own_balancers.Mine: {seed: 7}}", own_module)["balancing"]
    assert type(balancer).__name__ == "Mine"
    assert balancer.seed == 7


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("own_balancers.Mind", "own_balancers has no 'Mind'. Did you mean 'Mine'?"),
        ("nowhere_at_all.Mine", "cannot import 'nowhere_at_all'"),
        ("os.system", "'os.system' is no Balancer"),
        ("os.sytem", "os has no 'sytem'."),
        (".Mean", "'.Mean' names no class. A class of your own is package.module.ClassName."),
        ("..Mean", "'..Mean' names no class."),
        ("os.", "'os.' names no class."),
        (
            "torn_balancers.Mine",
            "'torn_balancers' cannot be imported for 'torn_balancers.Mine': Sy",
        ),
        ("{own_balancers.Mine: {seed: -1}}", "own_balancers.Mine: seed must not be negative."),
    ],
)
def test_a_class_of_the_users_own_that_will_not_do(name, message, own_module):
    with pytest.raises(ConfigError) as refusal:
        build(f"balancing: {name}", own_module)
    assert message.replace("own_balancers.Mine:", "Mine:") in str(refusal.value)
    assert str(refusal.value).startswith("c.yaml:1:1")
