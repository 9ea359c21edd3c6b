"""What the fields of a model are called, and how each is written as text."""

import contextlib
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from exitkit.errors import ConfigError


class Address:
    """Marks a field that says where something goes or is: `channel: Annotated[str, ADDRESS]`.

    A gap in it would lead elsewhere, so that it is an error also where a message may have gaps.
    """


ADDRESS = Address()


class _HeaderFields:
    """Marks a mapping of headers, of whose values only those that authenticate are secret."""


Headers = Annotated[dict[str, SecretStr], _HeaderFields()]
"""Headers of a request: their values are not shown, and those that authenticate are cut out wherever they stand."""


class _Words:
    """Marks a list of words, of which none has a comma in it; a path, which begins with a slash, may."""


WORDS = _Words()

Shape = Literal["flag", "list", "mapping", "text", "structure"]


def keys(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields by what they are called in a plan, in variables and as flags: `from` of a field `from_`."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def secrets_of(model: type[BaseModel]) -> tuple[str, ...]:
    """The fields that are secrets, and so have a `_file` beside them."""
    return tuple(name for name, field in model.model_fields.items() if SecretStr in members(field.annotation))


def addresses_of(model: type[BaseModel]) -> frozenset[str]:
    """The keys of the fields that are marked as addresses."""
    return frozenset(
        key for key, field in keys(model).items() if any(isinstance(one, Address) for one in field.metadata)
    )


def are_headers(field: FieldInfo) -> bool:
    return any(isinstance(one, _HeaderFields) for one in field.metadata)


def parts(field: FieldInfo, text: str) -> list[str]:
    """The members of a list as one text on a command line has them: `html,svg`, where none can have a comma in it."""
    if text.startswith("/") or not _is_of_words(field):
        return [text]
    return [part.strip() for part in text.split(",") if part.strip()] or [text]


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


def _is_of_words(field: FieldInfo) -> bool:
    if any(isinstance(one, _Words) for one in field.metadata):
        return True
    inner = [kind for one in members(field.annotation) for arg in get_args(one) for kind in members(arg)]
    return bool(inner) and all(get_origin(kind) is Literal or kind in (int, float, Ellipsis) for kind in inner)


def _plain(annotation: Any) -> bool:
    """Whether text says it: no container and no model."""
    for one in members(annotation):
        if one is Ellipsis or get_origin(one) is Literal:
            continue
        if get_origin(one) is not None or one is Any or (isinstance(one, type) and issubclass(one, BaseModel)):
            return False
    return True


@contextlib.contextmanager
def as_value_error() -> Iterator[None]:
    """A ConfigError inside becomes a ValueError, as pydantic wants it of a validator."""
    try:
        yield
    except ConfigError as error:
        raise ValueError(str(error)) from None
