"""Secrets that are known before the first step runs: those of the environment, of the usual files, and of headers.

Only what is at hand is looked at: variables, and small files that are where the tools of AWS, Google, Kubernetes and
PostgreSQL look for them. No library of theirs is loaded.
"""

import base64
import binascii
import contextlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from pydantic import BaseModel, SecretStr

from exitkit.settings import fields, secretfile
from exitkit.text import redact

_SHORTEST = 6
"""Characters that a variable's value must have; a word such as `true` or `none` under a secret's name is none."""

_LONGEST = 16_384
"""Characters that a secret in a file may have at most; what a line without quotes holds beyond is none."""

_TOKEN = 8
"""Characters that follow the scheme in a header of any name that authenticates."""

_FILES = ("credentials_file", "kubeconfig")
"""Settings that name a file of credentials."""

# What the name of a variable that holds a secret ends in, whoever reads it. Names are many, and looked at in every run.
_VARIABLES = (
    *("PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "CREDENTIAL", "CREDENTIALS", "BEARER", "COOKIE", "DSN"),
    *("API_KEY", "APIKEY", "APP_KEY", "ACCESS_KEY", "ACCOUNT_KEY", "SECRET_KEY", "PRIVATE_KEY", "SIGNING_KEY"),
    *("ENCRYPTION_KEY", "STORAGE_KEY", "SHARED_KEY", "LICENSE_KEY", "ROUTING_KEY", "INTEGRATION_KEY"),
    *("MYSQL_PWD", "CONNECTION_STRING", "WEBHOOK", "WEBHOOK_URL", "CLEANUP_SQL_URL"),
    *("_PASS", "_PW", "_PWD", "_PAT", "_SAS", "_AUTH", "JWT", "SECRET_KEY_BASE", "AUTH_CONFIG"),
)
_NUMBER = "_0123456789"
"""What may follow that: one of several is `API_KEY_2`."""

# Patterns, each compiled where it is first needed: most runs need none of them.
_ORDINARY = (
    r"(?i)/[\w./-]*|true|false|none|null|enabled|disabled|required|optional|plain|login|cram-md5|xoauth2|basic|digest"
)
# A key, and its value in quotes or up to the line's end, as INI, YAML and JSON have them.
_LINE = (
    r"""(?im)(?:^|[{,])[\s"'-]*(?:%s)["']?\s*[:=]\s*(?:[>|][-+]?\s*\n\s*)?"""
    r"""(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|(?=([^\n]*?)(?:\s+#.*)?$)([^\s#,}]+))"""
)
_IN_FILES = _LINE % (
    "aws_secret_access_key|aws_session_token|aws_security_token"
    "|token|password|client-key-data|(?:id|access|refresh)-token|client-secret"
)
_IN_JSON = (
    r'"(?:private_key|refresh_token|client_secret|access_token|token|id_token|password|secret|auth|identitytoken)"'
    r'\s*:\s*("(?:[^"\\]|\\.)*")'
)
# What names a file that holds a secret and nothing else: in a kubeconfig, and in Google's credentials of other clouds.
_FILES_IN_FILES = _LINE % "tokenFile" + r"""|"credential_source"\s*:\s*\{[^{}]*"file"\s*:\s*"([^"]+)\""""
# What kubectl's exec plugins are given, as an argument and as a variable.
_FLAGS = r"""--[\w-]*(?:token|password|secret)["']?(?:\s*[=,]\s*|\s*\n\s*-\s*|\s+)["']?([^\s"',\]-][^\s"',\]]{5,})"""
_PAIRS = r"""(?im)^[\s{-]*name:\s*["']?([\w-]+)["']?\s*[\n,]\s*value:\s*["']?([^\s"',}]+)"""
_PROXY = r"(?:://|^)[^\s/?#@:]*:([^\s/?#]*)@"
_USERINFO = r"://[^\s/?#@:]*:([^\s/?#]*)@"
# What `key` leads to may be an object's.
_IN_QUERY = (
    r"(?i)[?&](?:[\w-]*(?:token|secret|password|signature|credential|api_?key)|sig|jwt)=([^&#\s]{6,})"
    r"|[?&](?:key|auth)=([\w.~+=-]{16,})"
)

# API keys under names that do not say so.
_HEADERS = frozenset({"xhoneycombteam"})
_HEADER = (
    r"auth(?:orization|entication)?$|token$|secret|passw|credential|cookie|session$|jwt|bearer|signature|apikey|^x?key$"
    r"|(?:access|account|admin|app|application|auth|client|functions?|ingest|ingestion|insert|integration|license"
    r"|master|private|project|query|read|rest|security|server|service|shared|subscription|user|write)key$"
)
_SCHEME = r"(?i)(?:basic|bearer|token|apikey|key|digest|negotiate|splunk|dpop|aws4-hmac-sha256)\s+(\S.*)"


def learn(environ: Mapping[str, str]) -> None:
    """Have every secret of the environment, and of the files that it points to, cut out from now on."""
    for name, value in environ.items():
        if is_secret(name, value):
            redact.remember(value)
            _learn_inside(value)
        elif name.upper().endswith("_PROXY"):
            _learn_userinfo(value, _PROXY)
        elif "://" in value and "hook" in value.lower() and redact.looks_secret(value):
            redact.remember(value)
        elif "://" in value and ("@" in value or "=" in value):
            learn_url(value)
        elif name.startswith("EXITKIT_") and name.endswith("_FILE") and name.removesuffix("_FILE").endswith(_VARIABLES):
            redact.remember(secretfile.peek(value))
        elif name.endswith("_HEADERS"):
            for header, secret in _headers(value):
                learn_header(header, secret)
    _learn_files(environ)


def is_secret(name: str, value: str) -> bool:
    """Whether a variable of this name and value holds a secret."""
    return (
        len(value) >= _SHORTEST
        and name.upper().rstrip(_NUMBER).endswith(_VARIABLES)
        and re.fullmatch(_ORDINARY, value.strip()) is None
    )


def learn_url(url: str) -> None:
    """Have the password of a URL, and what in its query gives access, cut out also where it stands alone."""
    _learn_userinfo(url, _USERINFO)
    for match in re.finditer(_IN_QUERY, url):
        redact.remember(match[1] or match[2])


def _learn_userinfo(url: str, pattern: str) -> None:
    for match in re.finditer(pattern, url):
        redact.remember(match[1])


def _learn_inside(value: str) -> None:
    """What gives access by itself in a value that is one thing as a whole: of a URL, of a query, of JSON, of a header."""
    if (found := re.fullmatch(_SCHEME, value.strip())) and " " not in found[1]:
        redact.remember(found[1])
    if "=" in value or "://" in value:
        learn_url(f"?{value}" if "?" not in value and "://" not in value else value)
    if value.lstrip().startswith("{"):
        for match in re.finditer(_IN_JSON, value):
            _learn_json(match[1])


def learn_header(name: str, value: str) -> None:
    """Have the header's value cut out from now on, if it is one that authenticates."""
    if not authenticates(name, value):
        return
    redact.remember(value)
    if re.sub(r"[^a-z0-9]", "", name.lower()).endswith("cookie"):
        for pair in value.split(";"):  # what only chooses a theme or a language is short
            if len(one := pair.partition("=")[2].strip()) >= _TOKEN:
                redact.remember(one)
    found = re.fullmatch(_SCHEME, value.strip())
    if found is None:
        return
    redact.remember(found[1])
    try:
        user, colon, password = base64.b64decode(found[1], validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return
    if user and colon:
        redact.remember(password)


def authenticates(name: str, value: str) -> bool:
    """Whether a header of this name and value proves who sends it; a tenant, a title or a type does not."""
    bare = re.sub(r"[^a-z0-9]", "", name.lower())
    if bare in _HEADERS or re.search(_HEADER, bare):
        return True
    found = re.fullmatch(_SCHEME, value.strip())
    return (found is not None and len(found[1]) >= _TOKEN and " " not in found[1]) or redact.looks_secret(value)


def learn_file(path: str) -> None:
    """Have what is secret in a file of credentials cut out, whoever's form it has; one that is not there is none."""
    text = secretfile.peek(path)
    if not text:  # as in most runs, which need not compile what looks for secrets
        return
    for match in re.finditer(_IN_FILES, text):
        for group in filter(None, match.groups()):  # without quotes, up to a comma and up to the end of the line
            if len(group) <= _LONGEST and not re.fullmatch(_ORDINARY, group):
                redact.remember(group)
    for match in re.finditer(_IN_JSON, text):
        _learn_json(match[1])
    for value in re.findall(_FLAGS, text):
        redact.remember(value)
    for name, value in re.findall(_PAIRS, text):
        if is_secret(name, value):
            redact.remember(value)
    for match in re.finditer(_FILES_IN_FILES, text):
        named = next((group for group in match.groups() if group), "")
        redact.remember(secretfile.peek(str(Path(path).parent / named)))


def _learn_json(text: str) -> None:
    with contextlib.suppress(ValueError):
        redact.remember(json.loads(text, strict=False))


def learn_values(model: type[BaseModel], values: Mapping[str, Any]) -> None:
    """Have the secrets in given settings cut out from now on, also where the settings are not right.

    What a template will put in is known once it is filled in.
    """
    for key, field in fields.keys(model).items():
        value = values.get(key)
        if isinstance(value, str | Path) and key in _FILES:
            learn_file(str(value))
        elif isinstance(value, str) and "{{" not in value and "{%" not in value:
            if SecretStr in fields.members(field.annotation):
                redact.remember(value)
            learn_url(value)
        elif isinstance(value, Mapping) and fields.are_headers(field):
            for name, text in value.items():
                if isinstance(text, str) and "{{" not in text:
                    learn_header(str(name), text)


def learn_model(value: Any) -> None:
    """Have every secret in a loaded model cut out from now on."""
    if isinstance(value, SecretStr):
        redact.remember(value.get_secret_value())
        learn_url(value.get_secret_value())
    elif isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            inner = getattr(value, name)
            if fields.are_headers(field) and isinstance(inner, Mapping):
                for header, secret in inner.items():
                    learn_header(header, secret.get_secret_value())
            else:
                learn_model(inner)
    elif isinstance(value, Mapping):
        for one in value.values():
            learn_model(one)
    elif isinstance(value, list | tuple | set | frozenset):
        for one in value:
            learn_model(one)


def _learn_files(environ: Mapping[str, str]) -> None:
    home = environ.get("HOME", "")
    for path in (
        environ.get("AWS_SHARED_CREDENTIALS_FILE") or _below(home, ".aws/credentials"),
        environ.get("AWS_CONFIG_FILE") or _below(home, ".aws/config"),
        *(environ.get("KUBECONFIG") or _below(home, ".kube/config")).split(os.pathsep),
        environ.get("GOOGLE_APPLICATION_CREDENTIALS", ""),
        environ.get("PGSERVICEFILE") or _below(home, ".pg_service.conf"),
        f"{environ.get('CLOUDSDK_CONFIG') or _below(home, '.config/gcloud')}/application_default_credentials.json",
    ):
        if path:
            learn_file(path)
    for name in ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"):
        redact.remember(secretfile.peek(environ.get(name, "")))
    for line in secretfile.peek(environ.get("PGPASSFILE") or _below(home, ".pgpass")).splitlines():
        if not line.startswith("#") and line.count(":") >= 4:
            redact.remember(re.sub(r"\\(.)", r"\1", line.split(":", 4)[4]))


def _below(home: str, path: str) -> str:
    return f"{home}/{path}" if home else ""


def _headers(text: str) -> Iterator[tuple[str, str]]:
    """Headers as a variable has them: a JSON object, or `name=value` with commas, where OpenTelemetry encodes values."""
    if text.lstrip().startswith("{"):
        with contextlib.suppress(ValueError):
            yield from ((str(name), value) for name, value in json.loads(text).items() if isinstance(value, str))
        return
    for pair in text.split(","):
        name, _, value = pair.partition("=")
        yield name.strip(), value.strip()
        if "%" in value:
            yield name.strip(), unquote(value.strip())
