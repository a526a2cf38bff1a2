import json
import os
import subprocess
import sys

import numpy as np
import pytest
from tests.journeys.on_two_devices import CASES

from plait.errors import ConfigError
from plait.training import Training


@pytest.fixture(scope="module")
def both():
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=2"
    done = subprocess.run(
        [sys.executable, "-m", "tests.journeys.on_two_devices"],
        env={**os.environ, "XLA_FLAGS": flags, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("case", CASES)
def test_two_devices_come_to_what_one_comes_to(case, both):
    one, two = both[case]
    assert (one["devices"], two["devices"]) == ([1], [2])
    assert (two["large"] > 0) == ("large" in CASES[case])
    np.testing.assert_allclose(two["losses"], one["losses"], rtol=2e-5)
    np.testing.assert_allclose(two["gains"], one["gains"], atol=1e-3)
    for path, values in one["weights"].items():
        np.testing.assert_allclose(two["weights"][path], values, atol=2e-5, err_msg=path)
    assert one["losses"][0] != one["losses"][-1]


def test_each_device_has_as_many_rows(monkeypatch):
    monkeypatch.setattr("plait.training._devices.device_count", lambda: 3)
    assert Training(devices="all").settled(500).batch_size == 18
    assert Training(devices=2, batch_size=10).settled(500).batch_size == 10
    with pytest.raises(ConfigError, match=r"batch_size=16 cannot .* by 3 devices. Write 15 or 18"):
        Training(devices="all", batch_size=16).settled(500)
    with pytest.raises(ConfigError, match=r"by 3 devices. Write 3\."):
        Training(devices="all", batch_size=2).settled(500)
    with pytest.raises(ConfigError, match="devices=4, and this machine has 3"):
        Training(devices=4).settled(500)
    monkeypatch.setattr("plait.training._devices.device_count", lambda: None)
    with pytest.raises(ConfigError, match="on JAX alone"):
        Training(devices="all").settled(500)
    assert Training(devices=1).settled(500).devices == 1


@pytest.mark.parametrize("wrong", [0, 1.5, "two"])
def test_devices_are_counted(wrong):
    with pytest.raises(ConfigError, match="devices"):
        Training(devices=wrong)
