"""Names that features, tasks and the key can have beside each other."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import plait.encoders
from plait._names import demand, did_you_mean, published
from plait.encoders import Encoder
from plait.errors import ConfigError
from plait.features import Feature
from plait.fusion import Fusion
from plait.inference._relations import check_after, sharing_tasks
from plait.objectives import Objective
from plait.sharing import HardSharing, Sharing
from plait.tasks import Task

_EXAMPLE = {"feature": "Number()", "task": "Regression()"}


def check_names(
    features: Mapping[str, Feature],
    tasks: Mapping[str, Task],
    key: str | None = None,
    objectives: Mapping[str, Objective] | None = None,
) -> None:
    """Refuses names that cannot be connected, or that cannot stand beside each other in an answer.

    Args:
        features: by name.
        tasks: by name.
        key: the column that predictions carry through.
        objectives: by name.

    Raises:
        ConfigError: see `connect`; a task that comes after one that is not there, or after itself; a
            key, or a task, of the name of another task's answers.
    """
    given: tuple[tuple[str, Mapping[str, Any], type], ...]
    given = (("feature", features, Feature), ("task", tasks, Task))
    for kind, named, contract in given:
        if not isinstance(named, Mapping):
            raise ConfigError(
                f"{kind}s: expected a dict of a {contract.__name__} for each name, such as "
                f'{{"price": {_EXAMPLE[kind]}}}. Received: {named!r}.',
                (f"{kind}s",),
            )
        if not named:
            raise ConfigError(f"A model needs at least one {kind}. Received: none.", (f"{kind}s",))
        for name, value in named.items():
            demand(f"{kind} '{name}'", value, contract)
            if not name or "/" in name:
                raise ConfigError(
                    f"The {kind} name {name!r} cannot name a Keras layer: empty, or with a '/'. "
                    "Choose another name and give the column's own by column=.",
                    (f"{kind}s", name),
                )
    if all(task.auxiliary for task in tasks.values()):
        raise ConfigError(
            "Every task is auxiliary, and there is none that they could serve. Leave `auxiliary` out "
            "of at least one.",
            ("tasks",),
        )
    for name, feature in features.items():
        if feature.encoder is not None:
            demand(f"feature '{name}', encoder", feature.encoder, Encoder)
            _check_modality(name, feature, feature.encoder)
    reserved = {f"{feature}__{mask}" for feature in features for mask in ("present", "length")}
    for name in features:
        if name in reserved:
            raise ConfigError(
                f"The feature name '{name}' is taken by another feature's mask. Give it another "
                "name, and its column by column=.",
                ("features", name),
            )
    read = {column: name for name, f in features.items() for column in f.reads(name)}
    for name, task in tasks.items():
        for column in task.columns(name):
            if column in read:
                raise ConfigError(
                    f"The column '{column}' is both the feature '{read[column]}' and the target of "
                    f"the task '{name}': the model would be given the answer. Remove one of the two.",
                    ("tasks", name),
                )
        if name in features:
            raise ConfigError(
                f"'{name}' is the name of both a feature and a task. Give one of them another name, "
                "and its column by column=.",
                ("tasks", name),
            )
        if task.features is not None and not task.features:
            raise ConfigError(
                f"Task '{name}': features is empty; it needs at least one feature.",
                ("tasks", name, type(task).__name__, "features"),
            )
        for read_one in task.features or ():
            if read_one not in features:
                raise ConfigError(
                    f"Task '{name}' reads the feature '{read_one}', which is not declared."
                    f"{did_you_mean(read_one, features)}",
                    ("tasks", name, type(task).__name__, "features"),
                )
        for of in task.of_features:
            if task.features is not None and of in features and of not in task.features:
                raise ConfigError(
                    f"Task '{name}' is of the feature '{of}', which is not among those that it "
                    f"reads: {', '.join(task.features)}. Add it to features, or leave features out.",
                    ("tasks", name, type(task).__name__, "features"),
                )
        try:
            task.check_features(features)
        except ConfigError as error:
            at = ("tasks", name, type(task).__name__, *error.at)
            raise ConfigError(f"Task '{name}': {error}", at) from error
    check_after(tasks)
    check_objectives(objectives or {}, features, tasks)
    check_answers(tasks, key)


def check_layers(
    fusion: Fusion | None,
    sharing: Sharing | None,
    features: Mapping[str, Feature],
    tasks: Mapping[str, Task],
) -> None:
    """Refuses a fusion or a sharing whose arguments name a feature or a task that is not there, and a
    fusion that would not be what it says before that sharing; None is the default of each.

    Raises:
        ConfigError: names it.
    """
    if fusion is not None:
        with _placed("fusion", fusion):
            fusion.check(features)
            fusion.check_before(sharing or HardSharing())
    if sharing is not None:
        with _placed("sharing", sharing):
            sharing.for_tasks(sharing_tasks(tasks))


@contextmanager
def _placed(section: str, of: Fusion | Sharing) -> Iterator[None]:
    """Tells where in a config the argument stands that an error is about."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(str(error), (section, type(of).__name__, *error.at)) from error


def check_objectives(
    objectives: Mapping[str, Objective],
    features: Mapping[str, Feature],
    tasks: Mapping[str, Task],
) -> None:
    """Refuses objectives of what is not there, or of a name that is taken.

    Raises:
        ConfigError: names it.
    """
    for name, objective in objectives.items():
        demand(f"objective '{name}'", objective, Objective)
        for kind, taken in (("feature", features), ("task", tasks)):
            if name in taken:
                raise ConfigError(
                    f"'{name}' is the name of both a {kind} and an objective. Give one another.",
                    ("objectives", name),
                )
        if not name or "/" in name:
            raise ConfigError(
                f"The objective name {name!r} cannot name a Keras layer: empty, or with a '/'.",
                ("objectives", name),
            )
        wanted: tuple[tuple[str, tuple[str, ...], Mapping[str, Any]], ...]
        wanted = (
            ("task", objective.of_tasks, tasks),
            ("feature", objective.of_features, features),
        )
        for kind, named, there in wanted:
            for one in named:
                if one not in there:
                    raise ConfigError(
                        f"Objective '{name}' is of the {kind} '{one}', which is not declared."
                        f"{did_you_mean(one, there)}",
                        ("objectives", name),
                    )


def _check_modality(name: str, feature: Feature, encoder: Encoder) -> None:
    if encoder.modality in (None, feature.modality):
        return
    fitting = [
        known
        for known, cls in published(plait.encoders).items()
        if getattr(cls, "modality", None) == feature.modality
    ]
    kind = type(feature).__name__
    raise ConfigError(
        f"Feature '{name}': {type(encoder).__name__} reads what a column of the modality "
        f"'{encoder.modality}' becomes, and {kind} is of '{feature.modality}'. For {kind} there "
        f"is: {', '.join(fitting)}.",
        ("features", name, kind, "encoder"),
    )


def check_answers(tasks: Mapping[str, Task], key: str | None = None) -> None:
    """Refuses columns of one name among the key and the answers.

    Raises:
        ConfigError: one would take the other's place.
    """
    owner: dict[str, str] = {}
    for task, declared in tasks.items():
        for column in answer_columns(task, declared):
            if column in owner:
                raise ConfigError(
                    f"The tasks '{owner[column]}' and '{task}' would both answer in the column "
                    f"'{column}'. Give one of them another name, and its column by column=.",
                    ("tasks", task),
                )
            owner[column] = task
    if key in owner:
        raise ConfigError(
            f"The key '{key}' is the column of an answer to the task '{owner[key]}'. Carry another "
            "column through, or give the task another name, and its column by column=.",
            ("key",),
        )


def answer_columns(name: str, task: Task) -> tuple[str, ...]:
    """The columns that the answers to a task may take."""
    return (name, *(f"{name}.{part}" for part in task.answer_parts))
