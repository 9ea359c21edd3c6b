"""Templates in plans: Jinja2 in a sandbox, with the workflow's facts under Argo's own names.

A plan's text is rendered once; what it inserts is never rendered again.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from exitkit.errors import ConfigError
from exitkit.text.units import human_size

if TYPE_CHECKING:
    from exitkit.plan.template.environment import Environment
    from exitkit.plan.template.reading import Dashed, Reading
    from exitkit.plan.template.values import Gaps

__all__ = ["LONGEST", "check", "dotted", "evaluate", "fill", "is_template", "names_in", "readings", "render", "texts"]

LONGEST = 1 << 16
"""Characters that a template itself may have; it takes a second to compile one of these."""


def is_template(text: str) -> bool:
    return "{{" in text or "{%" in text or "{#" in text


def texts(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every text in a value, at any depth, and by which keys it is reached."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from texts(one, (*path, key))
    elif isinstance(value, list | tuple):
        for index, one in enumerate(value):
            yield from texts(one, (*path, index))


def render(value: Any, facts: Mapping[str, Any], *, lenient: bool = False, addresses: Collection[str] = ()) -> Any:
    """The value with every text in it rendered, at any depth; keys stay as they are.

    What a template names and nobody gave is an error, or, if `lenient`, stands there as `(name?)`. So does what
    cannot be worked out of what was given, such as the half of a duration that is not known. Under the keys in
    `addresses` both are errors all the same, and so is a fact that is not known, which elsewhere is nothing.

    All of it together may cost what `meter.WORK` says. Raises ConfigError.
    """
    gaps: Gaps = "shown" if lenient else "told"
    if not _holds_template(value):
        return _each(value, facts, gaps)  # without loading anything
    from exitkit.plan.template import meter

    with meter.metered():
        if isinstance(value, Mapping) and addresses:
            return {
                key: _address(key, one, facts) if key in addresses else _each(one, facts, gaps)
                for key, one in value.items()
            }
        return _each(value, facts, gaps)


def fill(value: Any, facts: Mapping[str, Any]) -> Any:
    """As `render` does addresses, with each text that a template put something into as one that tells what."""
    from exitkit.plan.template import meter

    with meter.metered():
        return _each(value, facts, "filled")


def evaluate(expression: str, facts: Mapping[str, Any]) -> bool:
    """Whether the expression of an `if:` holds. Raises ConfigError."""
    from exitkit.plan.template import meter

    try:
        _check_braces(expression)
        with meter.metered():
            compiled = _environment().compile_expression(_short(_bare(expression)), undefined_to_none=False)
            return bool(compiled(**facts))
    except Exception as error:  # a filter may raise anything about a value that it was not made for
        raise ConfigError(f"{_first_line(error)} in {_bare(expression)[:300]!r}") from None


def check(text: str, *, expression: bool = False) -> frozenset[str]:
    """The names that a template or expression reads. Raises ConfigError where it is not well-formed."""
    if not expression and not is_template(text):
        return frozenset()
    from jinja2 import meta

    source = "{{ " + _bare(text) + " }}" if expression else text
    if expression:
        _check_braces(text)
    try:
        if expression:  # two expressions would make a template, but no condition
            _environment().compile_expression(_short(_bare(text)))
        return frozenset(meta.find_undeclared_variables(_environment().parse(_short(source))))
    except RecursionError:
        raise ConfigError("template: nested too deep") from None
    except Exception as error:  # whatever the engine trips over, such as a number of 5,000 digits
        raise ConfigError(f"template: {_told(_first_line(error), source)}") from None


def readings(text: str, *, expression: bool = False) -> "tuple[list[Reading], list[Dashed]]":
    """The paths that a template or expression reads, and the names in it that have a dash. Raises ConfigError."""
    from exitkit.plan.template import reading

    try:
        source = "{{ " + _bare(text) + " }}" if expression else text
        return reading.readings(_environment().parse(_short(source)))
    except RecursionError:
        raise ConfigError("template: nested too deep") from None
    except Exception as error:  # as above
        raise ConfigError(f"template: {_first_line(error)}") from None


def dotted(path: tuple[str | int, ...]) -> str:
    """The path as one writes it: `workflow.labels['my-team']`."""
    return "".join(
        f".{key}" if index and isinstance(key, str) and key.isidentifier() else f"[{key!r}]" if index else str(key)
        for index, key in enumerate(path)
    )


def names_in(value: Any) -> frozenset[str]:
    """The names that all templates in a value read. Raises ConfigError."""
    if isinstance(value, str):
        return check(value)
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return frozenset().union(*(names_in(one) for one in inner))


def _holds_template(value: Any) -> bool:
    if isinstance(value, str):
        return is_template(value)
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return any(_holds_template(one) for one in inner)


def _each(value: Any, facts: Mapping[str, Any], gaps: "Gaps") -> Any:
    if isinstance(value, str):
        if not is_template(value):
            return value
        text = _render(value, facts, gaps)
        if gaps != "filled":
            return text
        from exitkit.plan.template import filled

        return filled.from_marked(text)
    if isinstance(value, Mapping):
        return {key: _each(one, facts, gaps) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_each(one, facts, gaps) for one in value]
    return value


def _address(key: str, value: Any, facts: Mapping[str, Any]) -> Any:
    try:
        return _each(value, facts, "refused")
    except ConfigError as error:
        raise ConfigError(f"{key}: {error}") from None


def _render(text: str, facts: Mapping[str, Any], gaps: "Gaps") -> str:
    from exitkit.plan.template import meter

    size, parts = 0, []
    try:
        for part in _environment(gaps).from_string(_short(text)).generate(**facts):
            size += len(part)
            if size > meter.LIMIT:
                raise ValueError(f"makes more than {human_size(meter.LIMIT)}")  # noqa: TRY301 - told as all others are
            parts.append(part)
    except Exception as error:  # a filter may raise anything about a value that it was not made for
        if gaps != "shown":
            raise ConfigError(f"template: {_first_line(error)}") from None
        parts.append(f"({_first_line(error)}?)")
    return "".join(parts)


def _check_braces(expression: str) -> None:
    """Braces within an expression, or in a text in it, are no template there, and nothing would fill them in."""
    if "{{" in _bare(expression) or "{%" in expression:
        raise ConfigError(
            "template: an if: is an expression as it is; leave out the braces: workflow.status == 'Failed'"
        )


def _short(text: str) -> str:
    if len(text) > LONGEST:
        raise ConfigError(f"longer than {human_size(LONGEST)}")
    return text


def _bare(expression: str) -> str:
    """An `if:` may be written with or without the braces."""
    text = expression.strip()
    return text[2:-2].strip() if text.startswith("{{") and text.endswith("}}") else text


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


def _told(words: str, source: str) -> str:
    from exitkit.plan.template import wording

    return wording.words(words, source)


def _environment(gaps: "Gaps" = "told") -> "Environment":
    from exitkit.plan.template.environment import environment

    return environment(gaps)
