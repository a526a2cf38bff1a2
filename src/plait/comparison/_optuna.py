"""The package that proposes values and finds runs without prospect."""

from plait.errors import ConfigError

try:
    import optuna
except ImportError as error:
    raise ConfigError(
        f"Comparing and tuning need the package optuna: pip install 'plait[tune]'. ({error})"
    ) from error

optuna.logging.set_verbosity(optuna.logging.WARNING)

__all__ = ["optuna"]
