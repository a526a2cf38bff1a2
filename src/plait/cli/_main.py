"""The entry point: what a verb raises becomes one message and an exit code."""

import sys
import warnings
from collections.abc import Sequence

from plait.cli._app import app
from plait.cli._in_config import in_config
from plait.errors import PlaitError, StoppedError

REFUSED = 2
_SIGNALLED = 128


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command line.

    Args:
        argv: the words after `plait`; the process' own if None.

    Returns:
        0 where all went well; 2 for what the user can mend, told in one message on standard error;
        130 after Ctrl-C, 143 after SIGTERM.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("always", category=UserWarning, module=r"plait\.")
            warnings.showwarning = _warn
            app(args=argv, prog_name="plait")
    except StoppedError as error:
        code = _refuse(str(error))
        return code if error.signal is None else _SIGNALLED + error.signal
    except PlaitError as error:
        return _refuse(in_config(str(error)))
    except OSError as error:
        where = f": '{error.filename}'" if error.filename else ""
        return _refuse(f"{error.strerror or error}{where}.")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    return 0


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    print(f"plait: warning: {in_config(str(message))}", file=sys.stderr)


def _refuse(message: str) -> int:
    print(f"plait: {message}", file=sys.stderr)
    return REFUSED
