"""What the fields of a model are called, and how each is written as text."""

import types
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

Shape = Literal["flag", "list", "mapping", "text", "structure"]


def keys(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields by what they are called in a plan, in variables and as flags: `from` of a field `from_`."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def secrets_of(model: type[BaseModel]) -> tuple[str, ...]:
    """The fields that are secrets, and so have a `_file` beside them."""
    return tuple(name for name, field in model.model_fields.items() if SecretStr in members(field.annotation))


def shape(field: FieldInfo) -> Shape:
    """How the field is written as text."""
    kinds = [one for one in members(field.annotation) if one is not type(None)]
    if kinds == [bool]:
        return "flag"
    origins = {get_origin(one) or one for one in kinds}
    if origins <= {list, tuple, set, frozenset} and all(_plain(arg) for one in kinds for arg in get_args(one)):
        return "list"
    if origins == {dict} and all(_plain(arg) for one in kinds for arg in get_args(one)):
        return "mapping"
    return "text" if all(_plain(one) for one in kinds) else "structure"


def members(annotation: Any) -> tuple[Any, ...]:
    """The alternatives of a union, or the one type; Annotated and its like are looked through."""
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return tuple(inner for one in get_args(annotation) for inner in members(one))
    if hasattr(annotation, "__metadata__"):
        return members(get_args(annotation)[0])
    return (annotation,)


def _plain(annotation: Any) -> bool:
    """Whether text says it: no container and no model."""
    for one in members(annotation):
        if one is Ellipsis or get_origin(one) is Literal:
            continue
        if get_origin(one) is not None or one is Any or (isinstance(one, type) and issubclass(one, BaseModel)):
            return False
    return True
