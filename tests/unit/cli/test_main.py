import subprocess
import sys
from pathlib import Path

import pytest

import plait
from plait.cli import _app, main
from plait.errors import DataError

VERBS = (
    "new",
    "check",
    "fit",
    "rerun",
    "compare",
    "tune",
    "evaluate",
    "predict",
    "draw",
    "describe",
    "demo",
)


def test_help_names_every_verb(capsys):
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"  {verb} " in out for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_help(verb, capsys):
    assert main([verb, "--help"]) == 0
    assert f"Usage: plait {verb}" in capsys.readouterr().out


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"{plait.__version__}\n"


def test_help_imports_nothing_heavy():
    script = Path(sys.executable).with_name("plait")
    command = [sys.executable, "-X", "importtime", script, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "plait.cli" in imported
    assert not imported & {"keras", "jax", "numpy", "pyarrow", "pydantic", "ruamel.yaml", "sklearn"}


@pytest.mark.parametrize(
    "words", [["fitt"], ["predict"], ["fit", "a", "--nope"], ["demo", "--seed", "x"]]
)
def test_wrong_usage_ends_with_2(words, capsys):
    assert main(words) == 2
    assert "Usage: plait" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("raised", "code", "message"),
    [
        (DataError("row 7 is broken."), 2, "plait: row 7 is broken.\n"),
        (
            OSError(28, "No space left on device", "a.csv"),
            2,
            "plait: No space left on device: 'a.csv'.\n",
        ),
        (PermissionError(13, "Permission denied"), 2, "plait: Permission denied.\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_what_a_verb_raises_becomes_one_message(raised, code, message, monkeypatch, capsys):
    def verb(*_, **__):
        raise raised

    monkeypatch.setitem(sys.modules, "plait.cli._describe", type("verb", (), {"describe": verb}))
    assert main(["describe"]) == code
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", message)


def test_a_fault_of_plaits_own_is_not_hidden(monkeypatch):
    def verb(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setitem(sys.modules, "plait.cli._describe", type("verb", (), {"describe": verb}))
    with pytest.raises(ZeroDivisionError):
        main(["describe"])


def test_the_grammar_has_these_verbs():
    assert [c.callback.__name__ for c in _app.app.registered_commands] == list(VERBS)
