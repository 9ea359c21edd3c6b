"""An HTTP endpoint that something of ours is posted to: the settings that say where it is and who we are."""

from base64 import b64encode
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator

from exitkit.clients import http
from exitkit.clients.url import place
from exitkit.context import Context
from exitkit.errors import ConfigError
from exitkit.settings import STRICT
from exitkit.settings.fields import ADDRESS, Headers


class Endpoint(BaseModel):
    """Where to post, and as whom. What `url` means, each that has it says."""

    model_config = STRICT

    url: Annotated[str, ADDRESS] = Field("", description="Where it is, such as https://otel.example:4318.")
    headers: Headers = Field({}, description="More headers; the values of those that authenticate are kept secret.")
    username: str = Field("", description="A name for the header Authorization: Basic.")
    password: SecretStr | None = Field(None, description="The password that goes with it.")
    bearer: SecretStr | None = Field(None, description="A token for the header Authorization: Bearer.")
    ca_file: Path | None = Field(None, description="The authorities that the server's certificate is checked with.")
    client_cert: Path | None = Field(None, description="A certificate that tells who sends, in PEM.")
    client_key: Path | None = Field(None, description="Its key, if it is not in the same file.")

    @field_validator("url")
    @classmethod
    def _reachable(cls, url: str) -> str:
        if not url:
            return url
        try:
            http.check_url(url)
        except ConfigError as error:
            raise ValueError(str(error)) from None
        if "@" in url.partition("://")[2].partition("/")[0]:
            raise ValueError("holds a name or password: give username and password by themselves")
        return url

    @model_validator(mode="after")
    def _one_authorization(self) -> "Endpoint":
        own = any(name.lower() == "authorization" for name in self.headers)
        if (self.bearer is not None) + bool(self.username or self.password) + own > 1:
            raise ValueError("give one of bearer, username with password, and the header Authorization")
        if self.client_key and not self.client_cert:
            raise ValueError("client_key needs client_cert")
        return self

    @property
    def told(self) -> str:
        """The endpoint as people are told of it, without what is secret in its URL."""
        return place(self.url)

    def at(self, path: str) -> str:
        """The URL, with this path where it has none."""
        scheme, _, rest = self.url.partition("://")
        host, slash, own = rest.partition("/")
        return f"{scheme}://{host}{slash}{own}" if own else f"{scheme}://{host}{path}"

    def post(  # noqa: PLR0913 - what a request is made of, by name
        self,
        context: Context,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        what: str,
        safe: bool,
    ) -> http.Response:
        """The answer to a POST that has been taken. `safe` says that a second arrival does no harm.

        Raises ActionError and its kinds for what was not.
        """
        own = {name: value.get_secret_value() for name, value in self.headers.items()}
        sent = {**headers, **self._credentials(), **own}
        cert = None
        if self.client_cert:
            cert = (str(self.client_cert), str(self.client_key)) if self.client_key else str(self.client_cert)
        with http.Client(
            ca_file=str(self.ca_file) if self.ca_file else None, client_cert=cert, connections=1
        ) as client:
            ask = partial(client.request, "POST", url, what=what, headers=sent, body=body, idempotent=safe)
            return context.retry(lambda: http.check(ask(), what, idempotent=safe), safe=safe)

    def _credentials(self) -> dict[str, str]:
        if self.bearer is not None:
            return {"Authorization": f"Bearer {self.bearer.get_secret_value()}"}
        if self.username or self.password:
            secret = self.password.get_secret_value() if self.password else ""
            return {"Authorization": f"Basic {b64encode(f'{self.username}:{secret}'.encode()).decode()}"}
        return {}
