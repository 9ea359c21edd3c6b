"""Where settings come from: what is given, then the environment, then files for secrets, then defaults.

The same reading of text serves the command line and the environment, and it is total: a field of any
type can be written, in the last resort as YAML.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from exitkit.errors import ConfigError
from exitkit.settings import credentials, kinds, secretfile
from exitkit.settings.fields import keys, members, parts, secrets_of, shape
from exitkit.settings.meant import meant

M = TypeVar("M", bound=BaseModel)
STRICT = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)
"""Unknown keys are errors, and errors do not show values, which may be secrets.

A model is built when it is first used: a command uses few of those that it imports.
"""

_FORMS = {
    r"^https?://": "is an address that begins with http:// or https://",
    r"^[A-Za-z0-9_.-]*$": "has letters, digits, _ . and - only",
}

KeyPath = tuple[str | int, ...]
"""The keys and indexes that lead to a place in YAML."""


class Problem(NamedTuple):
    """One thing wrong with given settings: where, as the path of keys, and what."""

    path: KeyPath
    text: str


class SettingsError(ConfigError):
    """Settings that do not fit their declaration; all problems at once."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{dotted(one.path)}: {one.text}" if one.path else one.text for one in problems))
        self.problems = problems


def dotted(path: KeyPath) -> str:
    """`steps[1].with.channel`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def load(model: type[M], given: Mapping[str, Any], environ: Mapping[str, str], prefix: str) -> M:
    """The model from what is given, and the environment's `<prefix><FIELD>` for what is not.

    Raises SettingsError.
    """
    values, found = complete(model, given, environ, prefix)
    credentials.learn_values(model, values)  # whether or not the settings are right
    told = {_field(one) for one in found}
    try:
        loaded = model.model_validate(values)
    except ValidationError as error:  # pydantic's own text would show the values
        own = [one for one in problems(error, model) if _field(one) not in told]
        found += [_with_variable(one, model, given, prefix) for one in own]
    except Exception as error:  # whoever wrote the model raised what pydantic does not take for a wrong value
        found.append(Problem((), f"bug in {model.__name__}: its own check raised {type(error).__name__}"))
    if found:
        raise SettingsError(found)
    credentials.learn_model(loaded)
    return loaded


def complete(
    model: type[BaseModel], given: Mapping[str, Any], environ: Mapping[str, str], prefix: str
) -> tuple[dict[str, Any], list[Problem]]:
    """What is given, with the gaps filled from the environment and the secrets read from their files.

    Beside it what is wrong with it already; the model cannot know of that.
    """
    values, found = meant(model, given), list[Problem]()
    for name, field in keys(model).items():
        if name not in values and f"{name}_file" not in values:
            try:
                values.update(_from_environment(name, field, environ, prefix))
            except SettingsError as error:
                found += [Problem(one.path, f"{one.text}, in {prefix}{name.upper()}") for one in error.problems]
    for name in secrets_of(model):
        if (path := values.pop(f"{name}_file", None)) is not None:
            twin = (f"{name}_file",)
            if name in given and f"{name}_file" in given:
                found.append(Problem(twin, f"give {name} or {name}_file, not both"))
                continue
            try:
                values[name] = secretfile.read(str(path))
            except ValueError as error:
                found.append(Problem(twin, str(error)))
    return values, found


def configured(model: type[BaseModel], environ: Mapping[str, str], prefix: str) -> bool:
    """Whether the environment has any of the model's variables; what they are worth is told when they are used."""
    twins = {f"{name}_file" for name in secrets_of(model)}
    return any(environ.get(prefix + name.upper()) for name in (*keys(model), *twins))


def from_text(name: str, field: FieldInfo, text: str | list[str]) -> Any:
    """The value of a field from text, or from a list of texts where it was given several times.

    Raises SettingsError.
    """
    kind = shape(field)
    texts = text if isinstance(text, list) else [text]
    if kind == "list":
        return [part for one in texts for part in parts(field, one)]
    if kind == "mapping":
        return dict(_pair(name, one) for one in texts)
    if kind == "structure":
        from exitkit.settings import yamltext  # costs a start a tenth, and few settings need it

        try:
            return yamltext.read(texts[-1]).data
        except ConfigError as error:
            raise SettingsError([Problem((name,), f"is not YAML or JSON: {error}")]) from None
    return texts[-1]


def problems(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Pydantic's errors in our words, without the values, which may be secrets."""
    return [Problem(tuple(one["loc"]), _words(one, model)) for one in error.errors(include_url=False)]


def nearest(word: str, known: "list[str] | tuple[str, ...]", *, listed: bool = False) -> str:
    """`; did you mean 'channel'?`, or what there is to choose from, unless it is listed already."""
    import difflib  # only where something is typed wrong

    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there are {', '.join(sorted(set(known)))}" if known and not listed else ""


def _from_environment(name: str, field: FieldInfo, environ: Mapping[str, str], prefix: str) -> dict[str, Any]:
    variable = prefix + name.upper()
    text = secretfile.without_line_end(environ.get(variable, ""))  # an empty variable is an unset one
    if text:
        kind = shape(field)
        if kind == "list":
            return {name: [one.strip() for one in text.split(",") if one.strip()]}
        return {name: from_text(name, field, text.split(",") if kind == "mapping" else text)}
    path = environ.get(f"{variable}_FILE", "")
    return {f"{name}_file": path} if path and SecretStr in members(field.annotation) else {}


def _field(problem: Problem) -> str:
    """The field that a problem is about, also where it is told of the file beside it."""
    return str(problem.path[0]).removesuffix("_file") if problem.path else ""


def _pair(name: str, text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise SettingsError([Problem((name,), "is written key=value")])
    return key.strip(), value.strip()


def _words(error: Any, model: type[BaseModel]) -> str:
    kind, path = error["type"], error["loc"]
    if kind == "missing":
        twin = f" (or {path[-1]}_file)" if path and path[-1] in secrets_of(model) else ""
        return f"is missing{twin}"
    if kind == "extra_forbidden":
        known = [*keys(model), *(f"{one}_file" for one in secrets_of(model))] if len(path) == 1 else []
        return f"unknown key{nearest(str(path[-1]), known)}"
    if kind == "literal_error":
        choices = [one.strip("' ") for one in error["ctx"]["expected"].replace(" or ", ", ").split(",")]
        return f"is not one of {', '.join(choices)}{nearest(str(error['input']), choices, listed=True)}"
    if error["input"] is None and kind.endswith("_type"):
        return "is empty"
    if kind == "string_type" and isinstance(error["input"], bool | int | float):
        return _in_quotes(error["input"])
    if kind == "string_pattern_mismatch":
        return _of_form(str(error["ctx"]["pattern"]), path, model)
    if kind == "too_short":
        return f"needs at least {error['ctx']['min_length']}"
    if kind in ("value_error", "assertion_error"):
        return str(error["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return kinds.words(kind, error["input"], error.get("ctx", {})) or str(error["msg"]).removeprefix("Input ")


def _of_form(pattern: str, path: KeyPath, model: type[BaseModel]) -> str:
    """What a text must be like, for those who do not read patterns."""
    if pattern in _FORMS:
        return _FORMS[pattern]
    field = keys(model).get(str(path[0])) if path else None
    about = field.description if field is not None and field.description else ""
    return f"is not what stands here: {about[:1].lower()}{about[1:]}".rstrip(".") if about else "is of the wrong form"


def _in_quotes(value: object) -> str:
    if isinstance(value, bool):
        return "is yes or no here, not a text: put it in quotes"
    return "is a number here, not a text: put it in quotes, as digits would be lost"


def _with_variable(problem: Problem, model: type[BaseModel], given: Mapping[str, Any], prefix: str) -> Problem:
    name = str(problem.path[0]) if problem.path else ""
    if name not in keys(model) or name in given:
        return problem
    variable = prefix + name.upper()
    if problem.text.startswith("is missing") and len(problem.path) == 1:
        return Problem(problem.path, f"{problem.text}; it can also be set as {variable}")
    return Problem(problem.path, f"{problem.text}, in {variable}")
