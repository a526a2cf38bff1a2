"""Plain data as YAML that a person likes to read and edit."""

import io
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from plait.config._source import KeyPath

Comments = Mapping[KeyPath, str]

_NO_COMMENTS: Comments = {}


def dump(document: Mapping[str, Any], comments: Comments = _NO_COMMENTS, head: str = "") -> str:
    """YAML text.

    Args:
        document: dicts, lists and scalars, such as `Config.document`.
        comments: a remark for the end of the line of a key, by the key's path.
        head: lines of comment at the top.
    """
    tree = _commented(document, (), comments)
    if head:
        tree.yaml_set_start_comment(head)
    writer = YAML(typ="rt")
    writer.indent(mapping=2, sequence=4, offset=2)
    writer.width = 100
    text = io.StringIO()
    writer.dump(tree, text)
    return text.getvalue()


def _commented(value: Any, path: KeyPath, comments: Comments) -> Any:
    if isinstance(value, Mapping):
        tree = CommentedMap()
        column = 2 + max((_written_width(k, v, len(path)) for k, v in value.items()), default=0)
        for key, item in value.items():
            here = (*path, key)
            tree[key] = _commented(item, here, comments)
            if here in comments:
                tree.yaml_add_eol_comment(comments[here], key, column=column)
        return tree
    if isinstance(value, list):
        return [_commented(item, (*path, i), comments) for i, item in enumerate(value)]
    return value


def _written_width(key: str, value: Any, depth: int) -> int:
    """How far a line of a mapping reaches, so that the remarks beside it can stand in a column."""
    shown = "" if isinstance(value, Mapping | list) else f" {value}"
    return 2 * depth + len(f"{key}:{shown}")
