"""Who asks AWS, in which region, at which address: botocore's credentials and signatures, and none of its clients."""

import contextlib
import logging
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from exitkit.clients import http, proxy
from exitkit.errors import ActionError, ConfigError, Retryable
from exitkit.settings import extras
from exitkit.text import redact

if TYPE_CHECKING:
    from botocore.session import Session

_WHAT = "AWS credentials"
Service = Literal["s3", "logs", "es", "aoss"]

# https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html, and what botocore itself takes for it.
_THROTTLED = frozenset({"Throttling", "ThrottlingException", "ThrottledException", "RequestLimitExceeded", "SlowDown"})
_DEFAULT_REGION = "us-east-1"  # what the SDKs take for S3, whose buckets tell their own


@dataclass(frozen=True, kw_only=True)
class AWSAccess:
    """How a service is reached, and as whom; what is empty is found as the AWS tools find it.

    `profile` is a name in the shared configuration, `ca_file` the authorities of an endpoint of one's own.
    """

    region: str = ""
    profile: str = ""
    endpoint_url: str = ""
    ca_file: str | None = None


class AWSAccount:
    """One service of one account, for several threads. Making it reads nothing; the first request does."""

    def __init__(self, access: AWSAccess, service: Service) -> None:
        self.access, self.service = access, service

    @property
    def region(self) -> str:
        """The region that is configured. Raises ConfigError for a configuration that cannot be read."""
        with _translated():
            found = self.access.region or os.environ.get("AWS_REGION") or self._session.get_config_variable("region")
        return str(found or _DEFAULT_REGION)

    @property
    def endpoint_url(self) -> str:
        """The address that is configured in place of AWS's own, or nothing."""
        if self.access.endpoint_url:
            return self.access.endpoint_url.rstrip("/")
        with _translated():
            return _endpoint(self._session, self.service).rstrip("/")

    def host(self, region: str) -> str:
        """AWS's own name for the service in a region: `s3.eu-west-1.amazonaws.com`."""
        with _translated():
            from botocore.regions import EndpointResolver

            variable, loader = self._session.get_config_variable, self._session.get_component("data_loader")
            found = EndpointResolver(loader.load_data("endpoints")).construct_endpoint(
                self.service,
                region,
                use_dualstack_endpoint=bool(variable("use_dualstack_endpoint")),
                use_fips_endpoint=bool(variable("use_fips_endpoint")),
            )
        if not found:
            raise ActionError(f"no address of {self.service} is known in the region {region}: correct the region")
        return str(found["hostname"])

    def log_in(self) -> None:
        """Fetch the credentials now. Raises as `sign` does."""
        self.sign("GET", "https://localhost/", {}, b"", self.region)

    def sign(self, method: str, url: str, headers: Mapping[str, str], body: bytes, region: str) -> dict[str, str]:
        """The headers with those that prove who asks. Fetches credentials that are missing or about to expire.

        Raises ActionError where there are none, and Retryable where they cannot be had at the moment.
        """
        with _translated():
            from botocore.auth import S3SigV4Auth, SigV4Auth
            from botocore.awsrequest import AWSRequest

            credentials = _credentials(self.access.profile).get_frozen_credentials()
            _keep_quiet_about(credentials.secret_key, credentials.token or "")
            request = AWSRequest(method, url, headers=dict(headers), data=body)
            signer = S3SigV4Auth if self.service == "s3" else SigV4Auth
            signer(credentials, self.service, region).add_auth(request)
            return dict(request.headers)

    @property
    def _session(self) -> "Session":
        return _session(self.access.profile)


_lock = threading.Lock()


@cache
def _session(profile: str) -> "Session":
    from botocore import utils
    from botocore.config import Config
    from botocore.session import Session

    logging.getLogger("botocore").setLevel(logging.WARNING)  # at DEBUG it tells what it signs
    logging.getLogger("botocore.credentials").setLevel(logging.ERROR)  # below, it logs a traceback of what is raised
    session = Session(profile=profile or None)
    # For the requests that fetch credentials; trying again is ours, and so is sending: proxies, authorities, times.
    session.set_default_client_config(Config(retries={"total_max_attempts": 1}))
    for service in ("sts", "sso", "sso-oidc"):
        session.register(f"before-send.{service}", _send)
    # It asks the machine's own metadata by itself, where no proxy leads; pinned by tests/clients/test_aws.py.
    utils.should_bypass_proxies = _is_direct
    return session


def _send(request: Any, **_: object) -> Any:
    """A request for credentials, as botocore has put it together."""
    from botocore.awsrequest import AWSResponse

    headers = {
        name: value.decode() if isinstance(value, bytes) else str(value) for name, value in request.headers.items()
    }
    body = request.body.encode() if isinstance(request.body, str) else request.body or b""
    # A role's credentials may be made twice, and change nothing.
    response = http.request(
        request.method, request.url, what=_WHAT, headers=headers, body=body, limit=1 << 20, idempotent=True, reads=True
    )
    return AWSResponse(request.url, response.status, dict(response.headers), _Raw(response.body))


@dataclass(frozen=True)
class _Raw:
    """What botocore reads a body from."""

    body: bytes

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.body


def _is_direct(url: str) -> bool:
    parts = urlsplit(url)
    return proxy.is_direct(parts.hostname or "", parts.port or 80)


def _credentials(profile: str) -> Any:
    with _lock:  # the chain of providers is not made for several threads
        credentials = _session(profile).get_credentials()
    if credentials is None:
        raise ActionError(
            "no AWS credentials were found: give the pod a role (IRSA, EKS Pod Identity), "
            "or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            reason="auth",
        )
    return credentials


@lru_cache(maxsize=4)
def _keep_quiet_about(*secrets: str) -> None:
    for one in secrets:
        redact.remember(one)


def _endpoint(session: "Session", service: str) -> str:
    """As the AWS tools look for it: https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html."""
    if session.get_config_variable("ignore_configured_endpoint_urls"):
        return ""
    named = {"s3": "S3", "logs": "CLOUDWATCH_LOGS"}[service]
    profile = session.get_scoped_config()
    services = session.full_config.get("services", {}).get(profile.get("services", ""), {})
    candidates = (
        os.environ.get(f"AWS_ENDPOINT_URL_{named}"),
        os.environ.get("AWS_ENDPOINT_URL"),
        services.get(named.lower(), {}).get("endpoint_url"),
        profile.get("endpoint_url"),
    )
    return next((str(one) for one in candidates if one), "")


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Their errors as ours; their texts may hold what was read from a configuration file."""
    extras.check("aws", "a request to AWS")
    import botocore.exceptions as theirs

    try:
        yield
    except theirs.ProfileNotFound:
        told: ActionError | ConfigError = ConfigError("there is no such AWS profile: correct profile or AWS_PROFILE")
    except (theirs.ConfigParseError, theirs.ConfigNotFound):
        told = ConfigError("the AWS configuration file cannot be read: correct it")
    except theirs.ClientError as error:
        told = _refused(error.response)
    except (theirs.HTTPClientError, theirs.ConnectionError) as error:
        told = Retryable(f"{_WHAT}: no answer from where they come from ({type(error).__name__})")
    except theirs.BotoCoreError as error:
        told = ActionError(f"{_WHAT}: {redact.printable(redact.redact(str(error)), 300)}", reason="auth")
    else:
        return
    raise told  # outside, so that no error of theirs hangs on to it


def _refused(response: Mapping[str, Any]) -> ActionError:
    """What the token service says."""
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = str(response.get("Error", {}).get("Code", status))
    message = redact.printable(redact.redact(str(response.get("Error", {}).get("Message", ""))), 300)
    told = f"{_WHAT}: {code}: {message}"
    if status >= 500 or status == 429 or code in _THROTTLED:
        return Retryable(told, reason="server", later=status in (429, 502, 503, 504) or code in _THROTTLED)
    return ActionError(told, reason="auth")
