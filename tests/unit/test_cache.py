from pathlib import Path

import pytest

from plait._cache import cache_folder


@pytest.mark.parametrize(
    ("platform", "named", "expected"),
    [
        ("linux", {}, "home/.cache/plait"),
        ("linux", {"XDG_CACHE_HOME": "xdg"}, "xdg/plait"),
        ("darwin", {"XDG_CACHE_HOME": "xdg"}, "home/Library/Caches/plait"),
        ("win32", {}, "home/AppData/Local/plait"),
        ("win32", {"LOCALAPPDATA": "local"}, "local/plait"),
        ("linux", {"XDG_CACHE_HOME": "xdg", "PLAIT_CACHE": "mine"}, "mine"),
        ("win32", {"LOCALAPPDATA": "local", "PLAIT_CACHE": "mine"}, "mine"),
    ],
    ids=str,
)
def test_what_can_be_made_again_lies_in_the_users_cache(
    platform, named, expected, tmp_path, monkeypatch
):
    for name in ("PLAIT_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, folder in named.items():
        monkeypatch.setenv(name, str(tmp_path / folder))
    monkeypatch.setattr("plait._cache.sys.platform", platform)
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    assert cache_folder("decoded") == tmp_path / expected / "decoded"
    assert cache_folder("decoded").is_dir()
