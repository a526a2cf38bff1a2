"""What `plait fit` leaves of itself in a run from the start, and what brings it back."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from plait.config import Config, dump
from plait.errors import ConfigError
from plait.table import document_without_passwords, without_passwords

_CONFIG = "plait.yaml"
_COMMAND = "command.json"


@dataclass(frozen=True)
class Began:
    """How a run began.

    Attributes:
        config: its config, as it ran.
        data_dir: what the config's paths are relative to.
        code_dir: where the user's own classes are looked for.
        folds: as they were asked for; None where it is a run of none.
    """

    config: Path
    data_dir: Path
    code_dir: Path
    folds: str | None = None

    @classmethod
    def read(cls, folder: Path, data_dir: Path | None = None) -> "Began":
        """From the folder of a run.

        Args:
            folder: of the run.
            data_dir: where its data are now, else where they were.

        Raises:
            ConfigError: no run of `plait fit`.
        """
        try:
            said = json.loads((folder / _COMMAND).read_text(encoding="utf-8"))
            was, code = Path(said["data_dir"]), Path(said["config_dir"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            why = f"holds no run that `plait fit` began: its {_COMMAND} cannot be read."
            if not folder.exists():
                why = "is not there."
            raise ConfigError(f"'{folder}' {why}") from error
        return cls(folder / _CONFIG, data_dir or was, code, said.get("folds"))

    @property
    def spec(self) -> int | str | None:
        """How many folds, or a column of them; None where it is a run of none."""
        folds = self.folds
        return int(folds) if folds and folds.removeprefix("-").isdecimal() else folds

    def files(self, config: Config) -> dict[str, str]:
        """The files from which it is read again.

        Args:
            config: read from `config`, with what was changed.
        """
        head = (
            f"{config.path.name} as it ran, with what the command changed.\n"
            f"Its paths are relative to {self.data_dir.resolve()}."
        )
        command = {
            "argv": [without_passwords(word) for word in sys.argv],
            "data_dir": str(self.data_dir.resolve()),
            "config_dir": str(self.code_dir.resolve()),
            "folds": self.folds,
        }
        return {
            _CONFIG: dump(document_without_passwords(config.document), head=head),
            _COMMAND: json.dumps(command, ensure_ascii=False, indent=1) + "\n",
        }
