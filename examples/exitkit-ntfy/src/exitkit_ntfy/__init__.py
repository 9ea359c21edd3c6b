"""ntfy (https://ntfy.sh or a server of your own), by its JSON API."""

import json
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, field_validator

from exitkit import ADDRESS, Context, Message, Notify, Result
from exitkit.clients import http

# https://docs.ntfy.sh/publish/#limitations: what is longer becomes an attached file.
_LONGEST = 4096
_PRIORITY = {"bad": 4, "other": 3, "good": 2}
_TAG = {"bad": "x", "other": "information_source", "good": "white_check_mark"}


class Ntfy(Notify):
    """Push the message to an ntfy topic."""

    server: Annotated[str, ADDRESS] = Field("https://ntfy.sh", description="The server's URL.")
    topic: Annotated[SecretStr, ADDRESS] = Field(
        description="The topic; kept secret, as whoever knows it can read and publish."
    )
    token: SecretStr | None = Field(None, description="An access token (tk_…), where the topic is protected.")
    urgency: Literal[1, 2, 3, 4, 5] | None = Field(
        None, description="ntfy's priority, from 1 to 5; by default 4 for a failure and 2 for a success."
    )

    @field_validator("server")
    @classmethod
    def _is_url(cls, server: str) -> str:
        return http.check_url(server)

    def target(self) -> str:
        return f"ntfy at {self.server.partition('://')[2].rstrip('/')}"

    def render(self, message: Message, level: str, context: Context) -> dict[str, Any]:  # noqa: ARG002 - the kind gives it
        text = message.as_line() if level == "line" else message.as_text()
        mood = "good" if message.good else "bad" if message.bad else "other"
        payload = {
            "title": message.title,
            "message": _cut(text),
            "priority": self.urgency or _PRIORITY[mood],
            "tags": [_TAG[mood]],
        }
        return payload | ({"click": message.link} if message.link else {})

    def send(self, payload: dict[str, Any], context: Context) -> Result:
        body = {**payload, "topic": self.topic.get_secret_value()}  # not in render, which a preview shows
        headers = {"Content-Type": "application/json"}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token.get_secret_value()}"
        response = http.request("POST", self.server, what=self.target(), headers=headers, body=_encode(body))
        http.check(response, self.target(), now=context.deadline.clock.time)
        return Result(f"pushed to {self.target()}", {"id": response.json().get("id", "")})


def _encode(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()


def _cut(text: str) -> str:
    """At most as many bytes as one message may have."""
    data = text.encode("utf-8", "replace")
    return text if len(data) <= _LONGEST else data[: _LONGEST - 3].decode("utf-8", "ignore") + "…"
