"""The JSON Schema of a plan, from the actions' own settings, so that an editor completes and checks it."""

from collections.abc import Iterable
from typing import Any

from exitkit.action import Action
from exitkit.errors import ConfigError
from exitkit.plan import registry
from exitkit.plan.check import Plan
from exitkit.settings import fields

# A text with a template in it may become anything.
_TEMPLATE = {"type": "string", "pattern": "\\{[{%#]"}
_SCALARS = {"string", "integer", "number", "boolean"}
# What a text is held to; without any of these a template fits as it is.
_HELD = {"enum", "const", "pattern", "maxLength", "minLength"}
# Formats that no reader checks.
_ANY_TEXT = ("password", "path")


def plan_schema(names: Iterable[str] | None = None) -> dict[str, Any]:
    """JSON Schema, draft 2020-12, of plans that use these actions, by default all there are.

    An action whose plugin cannot be imported is left out: a plan that uses it would not run either.
    """
    schema = _tidy(Plan.model_json_schema(by_alias=True))
    found = _actions(registry.names() if names is None else names)
    step = schema["$defs"]["Step"]
    step["properties"]["uses"] |= {
        "enum": list(found),
        "enumDescriptions": [registry.help_of(action) for action in found.values()],  # a word of VS Code's
    }
    step["allOf"] = [
        {
            "if": {"properties": {"uses": {"const": name}}, "required": ["uses"]},
            "then": {"properties": {"with": {"$ref": f"#/$defs/{name}"}}},
        }
        for name in found
    ]
    for name, action in found.items():
        made = settings_schema(action, f"{name}.")
        schema["$defs"].update(made.pop("$defs", {}))
        schema["$defs"][name] = made
    items = schema["properties"]["steps"]["items"]
    items["oneOf"] = items.pop("anyOf")  # an editor then tells what is wrong with the one that is meant
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "exitkit plan",
        **{key: value for key, value in schema.items() if key != "title"},
    }


def settings_schema(action: type[Action], prefix: str = "") -> dict[str, Any]:
    """Of what stands under `with:`. Nothing is required there, since the environment may give it.

    `prefix` stands before the names of the definitions inside, so that those of two actions can meet.
    """
    schema = _tidy(action.model_json_schema(by_alias=True, ref_template=f"#/$defs/{prefix}{{model}}"))
    schema.pop("required", None)
    schema["description"] = registry.help_of(action)
    properties = schema.setdefault("properties", {})
    for name in fields.secrets_of(action):
        properties[f"{name}_file"] = {"type": "string", "description": f"A file that holds {name}."}
    for name, one in properties.items():
        properties[name] = _or_template(one)
    definitions = {f"{prefix}{name}": _inside(one) for name, one in schema.pop("$defs", {}).items()}
    return {**schema, "$defs": definitions} if definitions else schema


def _actions(names: Iterable[str]) -> dict[str, type[Action]]:
    found = {}
    for name in names:
        try:
            found[name] = registry.find(name)
        except ConfigError:  # told where the plan is checked, and by `exitkit actions`
            continue
    return found


def _tidy(schema: Any) -> Any:
    """Without what tells an editor nothing, such as pydantic's titles, which say the key again."""
    if isinstance(schema, list):
        return [_tidy(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("properties", "$defs"):  # the keys in there are names, and one may be `title`
            found[key] = {name: _tidy(one) for name, one in value.items()}
        elif key in ("default", "enum", "const"):
            found |= {} if value is None else {key: value}
        elif key not in ("title", "gt"):  # the second is no word of JSON Schema's
            found[key] = _tidy(value)
    return found


def _or_template(one: dict[str, Any]) -> dict[str, Any]:
    """The same, or a template in the place of any single value in it; a list or mapping is written as such."""
    one = _inside(one)
    if not _single(one):
        return one
    told: dict[str, Any] = {key: one[key] for key in ("description", "default", "writeOnly") if key in one}
    kept = {key: value for key, value in one.items() if key not in told}
    others = kept["anyOf"] if set(kept) == {"anyOf"} else [kept]
    return {**told, "anyOf": [*others, _TEMPLATE]}


def _inside(one: dict[str, Any]) -> dict[str, Any]:
    found = dict(one)
    for key in ("items", "additionalProperties"):
        if isinstance(one.get(key), dict):
            found[key] = _or_template(one[key])
    if "prefixItems" in one:
        found["prefixItems"] = [_or_template(each) for each in one["prefixItems"]]
    if "properties" in one:
        found["properties"] = {name: _or_template(each) for name, each in one["properties"].items()}
    for key in ("anyOf", "oneOf"):
        if key in one:
            found[key] = [_inside(each) for each in one[key]]
    return found


def _single(one: dict[str, Any]) -> bool:
    """Whether it is a single value, which a template can make, and no text that takes any template as it is."""
    if "anyOf" in one:
        each = one["anyOf"]
        return any(_single(option) for option in each) and not any(_free(option) for option in each)
    return (one.get("type") in _SCALARS or "enum" in one or "const" in one) and not _free(one)


def _free(one: dict[str, Any]) -> bool:
    return one.get("type") == "string" and one.get("format") in (None, *_ANY_TEXT) and not _HELD & set(one)
