"""What a report of ours is posted to by HTTP."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, ClassVar

from pydantic import Field

from exitkit.clients import http
from exitkit.clients.http.endpoint import EndpointSettings
from exitkit.clients.otlp.attributes import check
from exitkit.clients.url import place
from exitkit.context import Context
from exitkit.settings import STRICT
from exitkit.settings.fields import ADDRESS


class Endpoint(EndpointSettings):
    """Where to post, and as whom. What `url` means, each that has it says."""

    model_config = STRICT
    needs_url: ClassVar[bool] = False

    url: Annotated[str, ADDRESS] = Field("", description="Where it is, such as https://otel.example:4318.")

    @property
    def told(self) -> str:
        """The endpoint as people are told of it, without what is secret in its URL."""
        return place(self.url)

    @classmethod
    def wants_record(cls, given: Mapping[str, object]) -> bool:  # noqa: ARG003 - whatever is set
        return True

    def export(self, context: Context, path: str, body: bytes, *, what: str) -> None:
        """Post a request of OTLP to this path, where the URL has none. Raises ActionError for what was not all taken."""
        headers = {"Content-Type": "application/x-protobuf"}
        check(self.post(context, self.at(path), body, headers, what=what, safe=True), what)

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
        sent = {**headers, **self.credentials(), **self.own_headers()}
        with http.Client(ca_file=self.authorities(), client_cert=self.certificate(), connections=1) as client:
            ask = partial(client.request, "POST", url, what=what, headers=sent, body=body, idempotent=safe)
            return context.retry(lambda: http.check(ask(), what, idempotent=safe), safe=safe)
