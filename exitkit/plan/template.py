"""Templates in plans: Jinja2 in a sandbox, with the workflow's facts under Argo's own names.

A plan's text is rendered once; what it inserts is never rendered again.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from exitkit.errors import ConfigError
from exitkit.text.units import human_duration, human_size

if TYPE_CHECKING:
    from jinja2.sandbox import ImmutableSandboxedEnvironment

# A message, a path, a body: nothing that a plan makes is near this. It bounds a loop over many failures.
LIMIT = 1 << 20


def is_template(text: str) -> bool:
    return "{{" in text or "{%" in text or "{#" in text


def render(value: Any, facts: Mapping[str, Any], *, lenient: bool = False) -> Any:
    """The value with every text in it rendered, at any depth; keys stay as they are.

    What a template names and nobody gave is an error, or, if `lenient`, stands there as `(name?)`. So does what
    cannot be worked out of what was given, such as the half of a duration that is not known.

    Raises ConfigError.
    """
    if isinstance(value, str):
        return _render(value, facts, lenient=lenient) if is_template(value) else value
    if isinstance(value, Mapping):
        return {key: render(one, facts, lenient=lenient) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [render(one, facts, lenient=lenient) for one in value]
    return value


def evaluate(expression: str, facts: Mapping[str, Any]) -> bool:
    """Whether the expression of an `if:` holds. Raises ConfigError."""
    try:
        compiled = _environment().compile_expression(_bare(expression), undefined_to_none=False)
        return bool(compiled(**facts))
    except Exception as error:  # a filter may raise anything about a value that it was not made for
        raise ConfigError(f"{_first_line(error)} in {_bare(expression)!r}") from None


def check(text: str, *, expression: bool = False) -> frozenset[str]:
    """The names that a template or expression reads. Raises ConfigError where it is not well-formed."""
    if not expression and not is_template(text):
        return frozenset()
    from jinja2 import TemplateError, meta

    source = "{{ " + _bare(text) + " }}" if expression else text
    try:
        if expression:  # two expressions would make a template, but no condition
            _environment().compile_expression(_bare(text))
        return frozenset(meta.find_undeclared_variables(_environment().parse(source)))
    except TemplateError as error:
        raise ConfigError(f"template: {_first_line(error)}") from None
    except RecursionError:
        raise ConfigError("template: nested too deep") from None


def names_in(value: Any) -> frozenset[str]:
    """The names that all templates in a value read. Raises ConfigError."""
    if isinstance(value, str):
        return check(value)
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return frozenset().union(*(names_in(one) for one in inner))


def _render(text: str, facts: Mapping[str, Any], *, lenient: bool) -> str:
    size, parts = 0, []
    try:
        for part in _environment(lenient=lenient).from_string(text).generate(**facts):
            size += len(part)
            if size > LIMIT:
                raise ValueError(f"makes more than {human_size(LIMIT)}")  # noqa: TRY301 - told as all others are
            parts.append(part)
    except Exception as error:  # a filter may raise anything about a value that it was not made for
        if not lenient:
            raise ConfigError(f"template: {_first_line(error)}") from None
        parts.append(f"({_first_line(error)}?)")
    return "".join(parts)


def _bare(expression: str) -> str:
    """An `if:` may be written with or without the braces."""
    text = expression.strip()
    return text[2:-2].strip() if text.startswith("{{") and text.endswith("}}") else text


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


@cache
def _environment(*, lenient: bool = False) -> "ImmutableSandboxedEnvironment":
    from jinja2 import ChainableUndefined, StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Visible(ChainableUndefined):
        def __str__(self) -> str:
            return f"({self._undefined_name}?)"

    class Environment(ImmutableSandboxedEnvironment):
        def getattr(self, obj: Any, attribute: str) -> Any:
            """A label called `items` or `keys` is the label, not the dictionary's method."""
            if isinstance(obj, Mapping) and attribute in obj:
                return obj[attribute]
            return super().getattr(obj, attribute)

    environment = Environment(
        undefined=Visible if lenient else StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    environment.globals.clear()  # range, lipsum and the like only serve to use up time and memory
    environment.filters["duration"] = _of_number(human_duration)
    environment.filters["size"] = _of_number(human_size)
    return environment


def _of_number(human: Callable[[float], str]) -> Callable[[Any], str]:
    """The filter for what may not be known: `unknown`, or what an undefined name is to become."""
    from jinja2 import Undefined

    def filtered(value: Any) -> str:
        if isinstance(value, Undefined):
            return str(value)
        return human(value) if isinstance(value, int | float) else "unknown"

    return filtered
