import gc
import subprocess
import sys

import pytest

from plait.cli._uncollected import uncollected


def test_what_a_command_imports_is_not_looked_through_again():
    script = (
        "import gc, sys; sys.argv[0] = 'plait'; from plait.cli import main\n"
        "assert gc.get_freeze_count() == 0 and main(['describe', 'PCGrad']) == 0\n"
        "assert gc.isenabled() and gc.get_freeze_count() > 100_000, gc.get_freeze_count()"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


def test_imports_that_fail_leave_the_collector_on(monkeypatch):
    monkeypatch.delitem(sys.modules, "keras")
    during = []

    def fail():
        during.append(gc.isenabled())
        raise ImportError

    with pytest.raises(ImportError), uncollected():
        fail()
    assert during == [False]
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_where_keras_is_loaded_nothing_is_changed(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", sys)
    with uncollected():
        assert gc.isenabled()
    assert gc.get_freeze_count() == 0
