"""Jinja2's sandbox, narrowed: nothing makes more than fits, and nothing is computed while a template is compiled."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from jinja2 import ChainableUndefined, StrictUndefined, Undefined, nodes, pass_context
from jinja2.filters import FILTERS
from jinja2.runtime import BlockReference, Context, LoopContext, Macro, TemplateReference
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedFormatter
from jinja2.tests import TESTS

from exitkit import settings
from exitkit.plan.template import filled, filters, formats, meter, methods, operators, rewrite
from exitkit.plan.template.values import Gaps, written
from exitkit.text.units import human_duration, human_size

_CALLABLE = (Macro, LoopContext, BlockReference)
_LONGEST_NAME = 100
_NUMBER = (int, float)


class Environment(ImmutableSandboxedEnvironment):
    """Templates of a plan, over facts."""

    intercepted_binops = frozenset(ImmutableSandboxedEnvironment.default_binop_table)

    def __init__(self, undefined: type[Undefined], finalize: Callable[[Any], Any]) -> None:
        super().__init__(
            undefined=undefined, keep_trailing_newline=True, autoescape=False, optimized=False, finalize=finalize
        )
        self.globals.clear()  # range, lipsum and the like only serve to use up time and memory
        self.method = type("Method", (_Method, undefined), {})
        self.filters |= {filters.ORIGINAL + name: filtered for name, filtered in FILTERS.items()}
        self.filters |= {name: filters.bounded(name) for name in FILTERS}
        self.filters |= filters.OWN
        self.filters |= {
            "duration": _of_number(human_duration),
            "size": _of_number(human_size),
            **operators.FILTERS,
        }
        self.tests |= {filters.ORIGINAL + name: test for name, test in TESTS.items()}
        self.tests |= {name: filters.bounded_test(name) for name in TESTS}

    def _generate(self, source: nodes.Template, *args: Any, **named: Any) -> str:
        return super()._generate(rewrite.Rewrite().visit(source), *args, **named)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A label called `items` is the label; a method is there only to be called, and if it is one of ours."""
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        if attribute in methods.methods_of(obj) or (attribute in ("format", "format_map") and isinstance(obj, str)):
            return self.method(obj=obj, name=attribute)
        value = super().getattr(obj, attribute)
        if (
            callable(value)
            and not isinstance(value, Undefined)
            and not isinstance(obj, LoopContext | TemplateReference)
        ):
            return self.undefined(obj=obj, name=attribute)
        return value

    def unsafe_undefined(self, obj: Any, attribute: str) -> Undefined:
        """What nobody may read is not there."""
        return self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """What is inside, and never an attribute."""
        if isinstance(obj, Undefined):
            return super().getitem(obj, argument)
        try:
            return obj[argument]
        except (TypeError, LookupError, AttributeError):
            return self.undefined(obj=obj, name=argument)

    def call(self, context: Context, obj: Any, *args: Any, **named: Any) -> Any:
        """A macro, a loop, or one of our methods; there is nothing else to call."""
        given = {name: value for name, value in named.items() if name not in ("_loop_vars", "_block_vars")}
        meter.charge(64 + meter.weigh(*args, *given.values()))
        if isinstance(obj, _Method):
            return operators.fitting(obj.call(self, args, given))
        owner = getattr(obj, "__self__", None)
        if isinstance(obj, (Undefined, *_CALLABLE)) or isinstance(owner, LoopContext):
            return super().call(context, obj, *args, **named)
        raise TypeError(f"{type(obj).__name__!r} object is not callable")

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """The operator, where what it makes fits."""
        meter.charge(8)
        if left is None or right is None:
            raise TypeError(f"cannot work out {operator}: a value is not known")
        if isinstance(left, str) and operator == "%":
            return formats.formatted(left, right)
        if isinstance(left, _NUMBER) and isinstance(right, _NUMBER):
            operators.check_number(operator, left, right)
        elif operator == "*":
            many, times = (left, right) if isinstance(right, int) else (right, left)
            if isinstance(many, str) and isinstance(times, int):
                meter.fits(len(many) * max(0, times))
            elif isinstance(times, int):
                meter.fits_weight(meter.weigh(many) * max(0, times))
        elif operator == "+":
            if isinstance(left, str) and isinstance(right, str):
                meter.fits(len(left) + len(right))
            else:
                meter.fits_weight(meter.weigh(left, right))
        return operators.fitting(super().call_binop(context, operator, left, right))


class _Method:
    """A method that was named and not called, which is the same as nothing."""

    _undefined_obj: Any
    _undefined_name: str | None

    def call(self, environment: Environment, args: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        subject, name = self._undefined_obj, str(self._undefined_name)
        if name in ("format", "format_map") and isinstance(subject, str):
            by_name = named if name == "format" else dict(*args)
            return _Formatter(environment).vformat(subject, args if name == "format" else (), by_name)
        if isinstance(subject, list | tuple):
            meter.weigh(subject)
        return methods.methods_of(subject)[name](subject, *args, **named)


class _Formatter(SandboxedFormatter):
    """`'{:>10}'.format`, with a width that fits."""

    def format_field(self, value: Any, format_spec: str) -> str:
        formats.check_spec(format_spec)
        if isinstance(value, int) and not isinstance(value, bool):
            meter.fits_integer(value.bit_length())
        elif not isinstance(value, float):
            value = written(value)
        text = str(super().format_field(value, format_spec))
        meter.charge(16 + len(text))
        return text

    def convert_field(self, value: Any, conversion: Any) -> Any:
        return super().convert_field(value if isinstance(value, _NUMBER) else written(value), conversion)


class Strict(StrictUndefined):
    """A gap that is an error, in words of ours."""

    @property
    def _undefined_message(self) -> str:
        if self._undefined_hint:
            return str(self._undefined_hint)
        name, owner = str(self._undefined_name)[:_LONGEST_NAME], self._undefined_obj
        known = [key for key in owner if isinstance(key, str)] if isinstance(owner, Mapping) else []
        return f"there is no {name!r}{settings.nearest(name, known, listed=True)}"


class Visible(ChainableUndefined):
    """A gap that a message shows."""

    def __str__(self) -> str:
        return f"({str(self._undefined_name)[:_LONGEST_NAME]}?)"


@cache
def environment(gaps: Gaps) -> Environment:
    """The environment in which gaps become what the word says."""
    finalize = {"refused": _known, "filled": _marked}.get(gaps, _finalize)
    return Environment(Visible if gaps == "shown" else Strict, finalize)


def _finalize(value: Any) -> Any:
    if isinstance(value, Undefined):
        return value
    meter.charge(16)
    return written(value)


def _known(value: Any) -> Any:
    if value is None:
        raise ValueError("a fact that stands here is not known")
    return _finalize(value)


def _marked(value: Any) -> str:
    return filled.marked(str(_known(value)))


def _of_number(human: Callable[[float], str]) -> Callable[..., str]:
    """The filter for what may not be known: `unknown`, or what an undefined name is to become."""

    @pass_context
    def filtered(_: Context, value: Any) -> str:
        if isinstance(value, Undefined):
            return str(value)
        return human(value) if isinstance(value, int | float) else "unknown"

    return filtered
