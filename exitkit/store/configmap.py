"""Values as keys of one ConfigMap, which is ours by its label, and holds as much as etcd bears."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from exitkit.clients.http import Response
from exitkit.clients.kubernetes import Kube, Resource, checked, find
from exitkit.clients.kubernetes.access import KubernetesAccess
from exitkit.errors import ActionError, ConfigError, Retryable
from exitkit.retry.clock import CLOCK
from exitkit.store import MOST_LISTED, Store, Value, check_name

_CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
_LABEL, _OURS = "app.kubernetes.io/managed-by", "exitkit"
_FORMAT, _VERSION = "exitkit-format", "1"
_MOST = 448 * 1024
"""Bytes of all values together, above which the oldest go, so that with one more they are below 512 KiB. The API server
refuses a ConfigMap of more than 1 MiB: https://kubernetes.io/docs/concepts/configuration/configmap/#motivation."""

_PLAIN = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) not in "%<>&") + "\n"
"""What stands as it is. The API server compares texts as JSON has them written, and Go writes others in its own way."""

_WHERE = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)/([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)")
_GIVEN_UP = 3
"""Seconds after which the API server gives a patch up. Where patches of one object collide it applies them anew by itself,
for a minute, also for a client that has gone; of very many none gets on then. `timeout` is a parameter of every request:
https://kubernetes.io/docs/reference/using-api/api-concepts/."""

_ANSWER = 8 << 20  # bytes: the ConfigMap, in which JSON quotes JSON


class ConfigMapStore(Store):
    """One ConfigMap, changed by JSON patches that test what they change, so that writers of other values are no conflict.

    A value's first line is the time at which it was written, by which the oldest are dropped once there is no room.
    It needs the verbs get, create and patch.
    """

    collides = True

    def __init__(self, where: str) -> None:
        match = _WHERE.fullmatch(where)
        if match is None:
            raise ConfigError("state: a ConfigMap is configmap://NAMESPACE/NAME: correct it")
        self.namespace, self.name = match[1], match[3]
        self.where = f"configmap://{where}"
        self._kube = Kube(_cluster)

    def get(self, name: str) -> Value | None:
        return self.get_all([check_name(name)]).get(name)

    def get_all(self, names: Iterable[str]) -> dict[str, Value]:
        data = self._data()
        return {name: _value(data[name]) for name in names if name in data}

    def put_if_absent(self, name: str, data: bytes) -> str:
        return self._put(check_name(name), data, None)

    def put_if_unchanged(self, name: str, data: bytes, version: str) -> str:
        return self._put(check_name(name), data, version)

    def delete(self, name: str) -> None:
        if name in self._data():
            self._send_patch([*_OWNED, {"op": "remove", "path": _path(name)}])

    def list(self, prefix: str) -> list[str]:
        return sorted(name for name in self._data() if name.startswith(prefix))

    def written(self, prefix: str, after: str) -> dict[str, float]:
        data = self._data()
        names = sorted((name for name in data if name.startswith(prefix)), key=lambda name: (name <= after, name))
        return {name: _time(data[name]) for name in names[:MOST_LISTED]}

    def _put(self, name: str, data: bytes, version: str | None) -> str:
        raw = f"{CLOCK.time():.0f}\n{quote(data, safe=_PLAIN)}"
        # What is not there equals null: RFC 6902, 4.6, as the API server reads it.
        test = {"op": "test", "path": _path(name), "value": version}
        response = self._send_patch([*_OWNED, test, {"op": "add", "path": _path(name), "value": raw}])
        if response.status == 404:
            return self._create({name: raw})[name] if version is None else ""
        if response.status == 422:  # another value, or somebody else's ConfigMap, as whoever reads it learns
            return ""
        self._make_room(_object(response.json(), f"writing to {self.where}"), name)
        return raw

    def _create(self, values: Mapping[str, str]) -> Mapping[str, str]:
        what = f"creating {self.where}"
        metadata = {"name": self.name, "namespace": self.namespace, "labels": {_LABEL: _OURS}}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {_FORMAT: _VERSION, **values}}
        path = _CONFIG_MAPS.path(self.namespace)
        response = self._kube.send("POST", path, what=what, body=json.dumps(body).encode(), most=_ANSWER)
        if response.status == 409:
            raise Retryable(f"{what}: another did at the same time", reason="server")
        return _values(_object(checked(response, what).json(), what))

    def _make_room(self, there: Mapping[str, Any], newest: str) -> None:
        """Drop the oldest values, unless somebody else writes at the same time and will do it."""
        values = dict(_values(there))
        size = sum(len(name) + len(raw.encode()) for name, raw in values.items())
        oldest = sorted((name for name in values if name != newest), key=lambda name: _time(values[name]))
        gone: list[str] = []
        while size > _MOST and len(gone) < len(oldest):
            name = oldest[len(gone)]
            size -= len(name) + len(values[name].encode())
            gone.append(name)
        if gone:
            version = (there.get("metadata") or {}).get("resourceVersion")
            test = {"op": "test", "path": "/metadata/resourceVersion", "value": version}
            self._send_patch([test, *({"op": "remove", "path": _path(name)} for name in gone)])

    def _send_patch(self, operations: Sequence[Mapping[str, Any]]) -> Response:
        """The answer, which may be 404 where there is no ConfigMap, and 422 where a test failed."""
        what = f"writing to {self.where}"
        response = self._kube.send(
            "PATCH",
            f"{_CONFIG_MAPS.path(self.namespace, self.name)}?timeout={_GIVEN_UP}s",
            what=what,
            body=json.dumps(list(operations)).encode(),
            kind="application/json-patch+json",
            most=_ANSWER,
        )
        if response.status == 409:
            raise Retryable(f"{what}: another wrote at the same time", reason="server")
        return response if response.status in (404, 422) else checked(response, what)

    def _data(self) -> Mapping[str, str]:
        there = self._read()
        return {} if there is None else _values(there)

    def _read(self) -> dict[str, Any] | None:
        """The ConfigMap; None where there is none. Raises ActionError where it is not ours."""
        what = f"reading {self.where}"
        path = _CONFIG_MAPS.path(self.namespace, self.name)
        found = self._kube.get(path, what=what, missing=(404,), most=_ANSWER)
        if found is None:
            return None
        there = _object(found, what)
        labels = (there.get("metadata") or {}).get("labels") or {}
        if labels.get(_LABEL) != _OURS:
            told = f"{what}: it is somebody else's, without the label {_LABEL}: {_OURS}: give another name"
            raise ActionError(told, reason="client")
        if (there.get("data") or {}).get(_FORMAT) != _VERSION:
            raise ActionError(f"{what}: it was written by a newer exitkit, or is damaged", reason="client")
        return there


def _path(name: str) -> str:
    return f"/data/{name}"


_OWNED: Sequence[Mapping[str, Any]] = (
    {"op": "test", "path": f"/metadata/labels/{_LABEL.replace('/', '~1')}", "value": _OURS},
    {"op": "test", "path": _path(_FORMAT), "value": _VERSION},
)


def _cluster() -> KubernetesAccess:
    return find.find("", "", CLOCK)


def _object(found: Any, what: str) -> dict[str, Any]:
    if not isinstance(found, dict) or found.get("kind", "ConfigMap") != "ConfigMap":
        raise ActionError(f"{what}: the answer is no ConfigMap: is this Kubernetes?", reason="server")
    return found


def _values(there: Mapping[str, Any]) -> Mapping[str, str]:
    data = there.get("data")
    values = data if isinstance(data, dict) else {}
    return {name: raw for name, raw in values.items() if name != _FORMAT and isinstance(raw, str)}


def _value(raw: str) -> Value:
    return Value(unquote_to_bytes(raw.partition("\n")[2]), raw)


def _time(raw: str) -> float:
    first = raw.partition("\n")[0]
    return float(first) if first.isdecimal() and len(first) < 20 else 0.0
