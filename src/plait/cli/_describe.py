"""`plait describe`: the docstrings and signatures are the help of the config's grammar."""

import inspect
import re
from collections.abc import Mapping
from pathlib import Path

from plait._names import did_you_mean, parameters
from plait.cli._show_run import show_run
from plait.config import sections, summary
from plait.errors import ConfigError


def describe(what: str | None, class_name: str | None) -> None:
    """Prints the sections, a section, a class, or a run.

    Args:
        what: a section, a class, or the path of a run or model; None for all sections.
        class_name: a class of the section.

    Raises:
        ConfigError: neither a section nor a path; or the section has no such class.
    """
    known = sections()
    if what is None:
        print("\n".join(_section(name, *section) for name, section in known.items()))
        print("\n`plait describe SECTION CLASS` tells a class' arguments.")
    elif what in known and class_name is None:
        print(_section(what, *known[what]))
    elif what in known:
        _, classes = known[what]
        if class_name not in classes:
            raise ConfigError(
                f"{what} has no '{class_name}'.{did_you_mean(str(class_name), classes)}"
            )
        print(_class(classes[class_name]))
    elif class_name is None and Path(what).exists():
        show_run(Path(what))
    elif class_name is None and (named := _by_name(what)):
        print("\n\n".join(map(_class, named)))
    else:
        raise ConfigError(
            f"'{what}' is neither a section nor a run or model that is there."
            f"{did_you_mean(what, known)}"
        )


def _by_name(name: str) -> list[type]:
    """The classes of that name, whichever section they can stand in."""
    found = [classes[name] for _, classes in sections().values() if name in classes]
    return list(dict.fromkeys(found))


def _section(name: str, purpose: str, classes: Mapping[str, type]) -> str:
    width = max(map(len, classes))
    lines = [f"{name}: {purpose}"]
    lines += [f"  {n:<{width}}  {summary(c)}" for n, c in sorted(classes.items())]
    return "\n".join(lines)


def _class(cls: type) -> str:
    arguments = [
        f"    {name}{_annotation(parameter)}{_default(parameter)},"
        for name, parameter in parameters(cls).items()
    ]
    head = f"{cls.__name__}(\n" + "\n".join(arguments) + "\n)" if arguments else f"{cls.__name__}()"
    return f"{head}\n\n{inspect.getdoc(cls)}"


def _annotation(parameter: inspect.Parameter) -> str:
    """What an argument is; the layers of Keras do not say it."""
    if parameter.annotation is inspect.Parameter.empty:
        return ""
    if isinstance(parameter.annotation, str):
        return f": {parameter.annotation}"
    said = inspect.formatannotation(parameter.annotation)
    # Names as one writes them, without the modules that they come from.
    return f": {re.sub(r'[a-z_]+[.](?=[A-Za-z_.]*[A-Z])', '', said)}"


def _default(parameter: inspect.Parameter) -> str:
    return "" if parameter.default is inspect.Parameter.empty else f" = {parameter.default!r}"
