"""Plain data as YAML that a person likes to read and edit."""

import io
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from plait.config._source import KeyPath

_NO_COMMENTS: Mapping[KeyPath, str] = {}


def dump(
    document: Mapping[str, Any], comments: Mapping[KeyPath, str] = _NO_COMMENTS, head: str = ""
) -> str:
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


def _commented(value: Any, path: KeyPath, comments: Mapping[KeyPath, str]) -> Any:
    if isinstance(value, Mapping):
        tree = CommentedMap()
        for key, item in value.items():
            here = (*path, key)
            tree[key] = _commented(item, here, comments)
            if here in comments:
                tree.yaml_add_eol_comment(comments[here], key)
        return tree
    if isinstance(value, list):
        return [_commented(item, (*path, i), comments) for i, item in enumerate(value)]
    return value
