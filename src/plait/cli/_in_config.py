"""Messages for who writes a config: what they tell to declare, as YAML has it."""

import ast
import json
import re

import plait

_CALL = re.compile(r"\b([A-Z]\w*)\((\w+=[^()]*)\)")


def in_config(message: str) -> str:
    """The message with `Number(missing=["?"])` as `Number: {missing: ["?"]}`.

    Calls of what is no class of plait's, and others than of plain values by name, stay as they are.
    """
    return _CALL.sub(_rewritten, message)


def _rewritten(found: re.Match[str]) -> str:
    name, arguments = found.groups()
    if name not in plait.__all__:
        return found[0]
    try:
        call = ast.parse(f"_({arguments})", mode="eval").body
        assert isinstance(call, ast.Call)
        pairs = [(one.arg, ast.literal_eval(one.value)) for one in call.keywords]
        told = ", ".join(f"{key}: {_value(value)}" for key, value in pairs)
    except (SyntaxError, ValueError, TypeError):
        return found[0]
    return f"{name}: {{{told}}}"


def _value(value: object) -> str:
    return "..." if value is ... else json.dumps(value, ensure_ascii=False)
