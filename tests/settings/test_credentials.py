"""Secrets are known before the first step runs, wherever a tool of their kind would look for them."""

import base64
import json
import os
import time

import pytest
from pydantic import Field, SecretStr

from exitkit.action import Settings
from exitkit.builtin import BUILTIN
from exitkit.plan import registry
from exitkit.settings import SettingsError, credentials, fields, load
from exitkit.text import redact


@pytest.fixture(autouse=True)
def _forgetful():
    with redact.forget_all():
        yield


def is_known(secret):
    return redact.redact(f"before {secret} after") == "before *** after"


@pytest.mark.parametrize(
    "name",
    [
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "PGPASSWORD",
        "MYSQL_PWD",
        "DD_API_KEY",
        "SLACK_BOT_TOKEN",
        "EXITKIT_NOTIFY_WEBHOOK_BEARER",
        "EXITKIT_SHIP_DATADOG_API_KEY",
        "SENTRY_DSN",
    ],
)
def test_a_variable_of_credentials_holds_a_secret(name):
    """Whoever reads it, and whether or not this run does."""
    credentials.learn({name: "wJalrXUtnFEMI-bPxRfiCY"})
    assert is_known("wJalrXUtnFEMI-bPxRfiCY")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PWD", "/srv/somebody"),
        ("AWS_PROFILE", "production"),
        ("VAULT_TOKEN", "none"),
        ("TOKEN_SERVICE_HOST", "10.11.12.13"),
        ("MY_SECRET", "required"),
        ("TLS_PRIVATE_KEY", "/etc/tls/tls.key"),
        ("ARGO_WORKFLOW_STATUS", "Succeeded"),
    ],
)
def test_a_variable_that_holds_none_is_left_alone(name, value):
    """A path, a word or an address under a secret's name is still told."""
    credentials.learn({name: value})
    assert not is_known(value)


def test_each_secret_setting_of_each_action_is_known_by_its_variable():
    """Also of an action whose turn comes later, or never."""
    for name in BUILTIN:
        for field in fields.secrets_of(registry.find(name)):
            variable = registry.prefix(name) + field.upper()
            credentials.learn({variable: "q7Kz-very-secret"})
            assert is_known("q7Kz-very-secret"), variable


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("ARGO_TOKEN", "Bearer opaque-token-42", "opaque-token-42"),
        ("API_KEY_2", "kEy-number-two", "kEy-number-two"),
        ("DB_PW", "db-passw0rd", "db-passw0rd"),
        ("AZURE_STORAGE_SAS", "?sv=2026&sig=s1gnature-x", "s1gnature-x"),
        (
            "SLACK_HOOK",
            "https://hooks.slack.com/services/T0AAAAAAA/B0AAAAAAA/abcdefgh12345678abcdefgh",
            "abcdefgh12345678abcdefgh",
        ),
    ],
)
def test_what_gives_access_by_itself_in_a_variable_is_known_alone(name, value, secret):
    """Without the scheme before it, under a name with a number, and of a webhook that nobody called a secret."""
    credentials.learn({name: value})
    assert is_known(secret)


def test_a_cookies_values_are_known_alone():
    """But not what is short, as the name of a theme is."""
    credentials.learn_header("Cookie", "sid=s3ss10n-of-ours; theme=dark")
    assert is_known("s3ss10n-of-ours")
    assert not is_known("dark")


@pytest.mark.parametrize(
    "args",
    [
        "[get-token, --oidc-client-secret=exec-s3cret-1]",
        '["--token", "exec-s3cret-1"]',
        "\n      - --client-secret\n      - exec-s3cret-1\n",
        "['--password', 'exec-s3cret-1', '--token-url=https://x.example.com/']",
    ],
)
def test_what_a_kubeconfig_gives_a_plugin_as_an_argument_is_known(tmp_path, args):
    """As people log in by OpenID Connect."""
    (tmp_path / "config").write_text(f"users:\n- name: x\n  user:\n    exec:\n      command: x\n      args: {args}\n")
    (tmp_path / "services").write_text("[ml]\nhost=db\npassword=s3rvice-file-pw\n")
    credentials.learn({"KUBECONFIG": f"{tmp_path}/config", "PGSERVICEFILE": f"{tmp_path}/services"})
    assert is_known("exec-s3cret-1")
    assert is_known("s3rvice-file-pw")
    assert not is_known("https://x.example.com/")


def test_a_secret_in_a_file_of_another_step_is_known(tmp_path):
    """Its variable says where it is, and the step may come later."""
    (tmp_path / "password").write_text("mail-passw0rd\n")
    os.mkfifo(tmp_path / "fifo")
    credentials.learn(
        {
            "EXITKIT_NOTIFY_EMAIL_PASSWORD_FILE": f"{tmp_path}/password",
            "EXITKIT_NOTIFY_SLACK_TOKEN_FILE": f"{tmp_path}/fifo",
        }
    )
    assert is_known("mail-passw0rd")


def test_files_of_credentials_are_read_where_their_tools_look(tmp_path):
    """AWS's INI, Kubernetes' YAML or JSON, Google's JSON, PostgreSQL's lines."""
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/credentials").write_text(
        "[a]\naws_secret_access_key = AAAA/aws+secret\naws_session_token=SeSsIoN==\n"
    )
    (tmp_path / "kube").write_text(
        'users:\n- name: x\n  user:\n    token: "kube-token-1"\n    password: kube-pass-1 # y\n'
    )
    (tmp_path / "kube2").write_text(
        json.dumps({"users": [{"user": {"token": "kube-token-2", "client-key-data": "S0VZ"}}]})
    )
    (tmp_path / "adc.json").write_text(
        json.dumps(
            {"client_id": "idididid", "client_secret": "gsecret-1", "refresh_token": "1//refresh", "type": "user"}
        )
    )
    (tmp_path / ".pgpass").write_text("# x\nhost:5432:db:user:pg\\:pass\n")
    environ = {
        "HOME": str(tmp_path),
        "KUBECONFIG": f"{tmp_path}/kube:{tmp_path}/kube2:{tmp_path}/nope",
        "GOOGLE_APPLICATION_CREDENTIALS": f"{tmp_path}/adc.json",
    }
    credentials.learn(environ)
    for secret in (
        *("AAAA/aws+secret", "SeSsIoN==", "kube-token-1", "kube-pass-1", "kube-token-2", "gsecret-1", "1//refresh"),
        "pg:pass",
    ):
        assert is_known(secret), secret
    assert not is_known("idididid")


def test_what_a_kubeconfig_leads_to_is_read_as_well(tmp_path):
    """In flow style or folded, in another file, in what an exec plugin is given; and what says that there is none is no secret."""
    (tmp_path / "token").write_text("file-token-1\n")
    (tmp_path / "kube").write_text(
        'users:\n- {name: a, user: {username: x, password: "p@ss w0rd,x"}}\n- name: b\n  user:\n    tokenFile: token\n'
        "- name: c\n  user:\n    token: >-\n      folded-token-1\n- name: d\n  user:\n    token: null\n"
        "- name: e\n  user:\n    exec:\n      env:\n      - name: MY_TOKEN\n        value: exec-token-1\n"
        "      - name: AWS_PROFILE\n        value: production\n"
    )
    (tmp_path / "google").write_text(json.dumps({"credential_source": {"file": str(tmp_path / "oidc")}}))
    (tmp_path / "oidc").write_text("oidc-token-1")
    credentials.learn(
        {"KUBECONFIG": str(tmp_path / "kube"), "GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "google")}
    )
    for secret in ("p@ss w0rd,x", "file-token-1", "folded-token-1", "exec-token-1", "oidc-token-1"):
        assert is_known(secret), secret
    assert not is_known("null")
    assert not is_known("production")


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("HTTPS_PROXY", "http://me:pr%40xy-pw@proxy:3128", "pr@xy-pw"),
        ("all_proxy", "me:proxy-pw-1@proxy:3128", "proxy-pw-1"),
        ("SMTP_PASS", "smtp-pass-1", "smtp-pass-1"),
        ("GITHUB_PAT", "pat-123456", "pat-123456"),
        ("AZURE_STORAGE_SAS_TOKEN", "sv=1&sig=abcdefgh1", "abcdefgh1"),
        ("DOCKER_AUTH_CONFIG", '{"auths": {"x": {"auth": "dXNlcjpwYXNz"}}}', "dXNlcjpwYXNz"),
        ("EXITKIT_SHIP_HTTP_HEADERS", '{"X-Api-Key": "header-key-1", "X-Tenant": "search"}', "header-key-1"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "tenant=search,authorization=Basic%20bWU6aHVudGVyMjIyMg==", "hunter2222"),
    ],
)
def test_what_is_secret_in_a_variable_is_known_alone(name, value, secret):
    """A part of a URL, of a query, of JSON or of headers gives access by itself."""
    credentials.learn({name: value})
    assert is_known(secret)
    assert not is_known("search")


@pytest.mark.parametrize(
    "link", ["https://ui/x?key=production", "https://ui/x?author=somebody", "https://ui/x?id=12345678"]
)
def test_a_link_to_an_object_makes_no_secret_of_its_name(link):
    """It would be missing wherever people read of it."""
    credentials.learn_url(link)
    for word in ("production", "somebody", "12345678"):
        assert not is_known(word)


def test_a_password_in_a_url_is_known_as_it_is_written_and_as_it_is_meant():
    """A database tells the decoded form, a log the encoded one."""
    credentials.learn(
        {"DATABASE_URL": "postgresql://app:p%40ss%2Fw0rd@db/prod", "LINK": "https://x/?access_token=to%2Fken99"}
    )
    for secret in ("p%40ss%2Fw0rd", "p@ss/w0rd", "to%2Fken99", "to/ken99"):
        assert is_known(secret), secret


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("Authorization", "Bearer abc-123-def", "abc-123-def"),
        ("Authorization", "Basic " + base64.b64encode(b"me:hunter2222").decode(), "hunter2222"),
        ("authorization", "whatever-it-is", "whatever-it-is"),
        ("Proxy-Authorization", "opaque-value", "opaque-value"),
        ("Cookie", "session=12345678", "session=12345678"),
        ("DD-API-KEY", "0123456789", "0123456789"),
        ("X-Api-Key", "0123456789", "0123456789"),
        ("Api-Key", "0123456789", "0123456789"),
        ("X-Vault-Token", "hvs.0123", "hvs.0123"),
        ("PRIVATE-TOKEN", "gl-01234", "gl-01234"),
        ("Ocp-Apim-Subscription-Key", "0123456789", "0123456789"),
        ("X-Auth", "0123456789", "0123456789"),
        ("X-Amz-Security-Token", "0123456789", "0123456789"),
        ("X-Hub-Signature-256", "sha256=0123", "sha256=0123"),
        ("X-Custom", "Bearer abc-123-def", "abc-123-def"),
        ("X-Custom", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"),
    ],
)
def test_a_header_that_authenticates_is_a_secret(name, value, secret):
    """By its name or by its value, with and without the scheme."""
    credentials.learn_header(name, value)
    assert is_known(secret)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Scope-OrgID", "search"),
        ("Content-Type", "application/json"),
        ("Title", "Workflow failed"),
        ("Subject", "Token expired in production"),
        ("Idempotency-Key", "train-x7k2p"),
        ("X-Partition-Key", "tenant-1"),
        ("X-Authority", "team-search"),
        ("X-Auth-Email", "somebody"),
        ("User-Agent", "exitkit"),
        ("Priority", "urgent"),
        ("X-Monkey", "banana"),
    ],
)
def test_a_header_that_does_not_is_none(name, value):
    """A tenant, a title and a type are words that others need to read."""
    credentials.learn_header(name, value)
    assert not is_known(value)


class Target(Settings):
    headers: fields.Headers = Field({})
    others: dict[str, SecretStr] = Field({})
    token: SecretStr | None = None
    link: str = ""
    number: int = 0


def test_settings_are_known_also_where_they_are_wrong():
    """The error about one setting must not tell another, and what a template fills in later is not known yet."""
    given = {
        "headers": {"X-Scope-OrgID": "search", "X-Api-Key": "key-0123456789"},
        "others": {"a": "other-secret"},
        "token": "a-long-token",
        "link": "https://u:linkpass1@host/x",
        "number": "NaN",
    }
    with pytest.raises(SettingsError, match="number"):
        load(Target, given, {}, "X_")
    assert is_known("a-long-token")
    assert is_known("key-0123456789")
    assert is_known("linkpass1")
    assert not is_known("search")
    loaded = load(Target, {**given, "number": 1}, {}, "X_")
    assert is_known("other-secret")
    assert loaded.headers["X-Scope-OrgID"].get_secret_value() == "search"
    assert "search" not in repr(loaded)
    with redact.forget_all():
        load(Target, {"token": "{{ workflow.name }}"}, {}, "X_")


def test_it_costs_a_start_little():
    """Two hundred variables and no file take a few milliseconds at most."""
    environ = {f"SOME_SERVICE_{n}_PORT": f"tcp://10.0.0.{n}:80" for n in range(200)} | {"HOME": "/nowhere"}
    began = time.thread_time()
    credentials.learn(environ)
    assert time.thread_time() - began < 0.02


@pytest.mark.parametrize("secret", ["whsec_", "whsec_==", "whsec_ ", ""])
def test_a_signing_key_of_nothing_is_refused(secret):
    """Anybody could sign with it."""
    webhook = registry.find("notify.webhook")
    with pytest.raises(SettingsError, match="secret"):
        load(webhook, {"url": "https://example.com/x", "secret": secret}, {}, "X_")
