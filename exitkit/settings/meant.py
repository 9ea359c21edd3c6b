"""What is written in YAML taken as it is meant: one text where a list is wanted, and a number where a text is."""

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from exitkit.settings import fields


def meant(model: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values in the forms that the model's fields want, as far as that loses nothing."""
    known = fields.keys(model)
    return {key: _value(known[key], value) if key in known else value for key, value in values.items()}


def _value(field: FieldInfo, value: Any) -> Any:
    kind = fields.shape(field)
    if kind == "list":
        members = listed(value)
        return [_text(one) for one in members] if isinstance(members, list) and _holds_texts(field, 0) else members
    if kind == "mapping" and isinstance(value, Mapping) and _holds_texts(field, 1):
        return {str(key): _text(one, shown=True) for key, one in value.items()}
    return _text(value) if fields.members(field.annotation) in ((str,), (str, type(None))) else value


def listed(value: Any) -> Any:
    """A single value as a list of it, and an empty text as an empty one."""
    if isinstance(value, str | int | float):
        return [] if value == "" else [value]
    return value


def _holds_texts(field: FieldInfo, place: int) -> bool:
    inner = [get_args(one) for one in fields.members(field.annotation) if get_args(one)]
    return all(len(args) > place and fields.members(args[place]) == (str,) for args in inner)


def _text(value: Any, *, shown: bool = False) -> Any:
    """A number as text: one that is shown as people write it, and one that is looked up only where no digit is lost."""
    if isinstance(value, bool):
        return str(value).lower() if shown else value
    if isinstance(value, int) or (shown and isinstance(value, float)):
        return str(value)
    return "" if shown and value is None else value
