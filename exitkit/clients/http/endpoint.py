"""The settings of an HTTP endpoint that something of ours is posted to: where it is, and who we are."""

from base64 import b64encode
from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator

from exitkit.clients.http import check_url
from exitkit.settings.fields import ADDRESS, Headers, as_value_error


class EndpointSettings(BaseModel):
    """Where to post, and as whom. What `url` means, and whether it is needed, each that has it says."""

    needs_url: ClassVar[bool] = True
    """Whether an empty URL is a mistake, and not the same as none."""

    url: Annotated[str, ADDRESS] = Field("", description="Where it is, such as https://logs.example:3100.")
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
        if not url and not cls.needs_url:
            return url
        with as_value_error():
            check_url(url)
        if "@" in url.partition("://")[2].partition("/")[0]:
            raise ValueError("holds a name or password: give username and password by themselves")
        return url

    @model_validator(mode="after")
    def _one_authorization(self) -> Self:
        own = any(name.lower() == "authorization" for name in self.headers)
        if (self.bearer is not None) + bool(self.username or self.password) + own > 1:
            raise ValueError("give one of bearer, username with password, and the header Authorization")
        if self.client_key and not self.client_cert:
            raise ValueError("client_key needs client_cert")
        return self

    def at(self, path: str) -> str:
        """The URL, with this path where it has none."""
        scheme, _, rest = self.url.partition("://")
        host, slash, own = rest.partition("/")
        return f"{scheme}://{host}{slash}{own}" if own else f"{scheme}://{host}{path}"

    def credentials(self) -> dict[str, str]:
        """The headers that say who sends it."""
        if self.bearer is not None:
            return {"Authorization": f"Bearer {self.bearer.get_secret_value()}"}
        if self.username or self.password:
            secret = self.password.get_secret_value() if self.password else ""
            return {"Authorization": f"Basic {b64encode(f'{self.username}:{secret}'.encode()).decode()}"}
        return {}

    def own_headers(self) -> dict[str, str]:
        """The headers that the user has given, as they are sent."""
        return {name: value.get_secret_value() for name, value in self.headers.items()}

    def authorities(self) -> str | None:
        """The file that the server's certificate is checked with; None for those that the system trusts."""
        return str(self.ca_file) if self.ca_file else None

    def certificate(self) -> str | tuple[str, str] | None:
        """Our own certificate, with its key where that is in another file."""
        if self.client_cert is None:
            return None
        return (str(self.client_cert), str(self.client_key)) if self.client_key else str(self.client_cert)
