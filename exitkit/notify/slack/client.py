"""Slack's Web API and its incoming webhooks; slack-sdk is imported here and nowhere else.

The SDK builds the requests of the Web API and reads its answers, and our own HTTP client carries them:
the SDK's would follow a redirect with the token, and take a proxy from the environment.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from exitkit.clients import http
from exitkit.clients.http.response import verdict
from exitkit.errors import ActionError, Retryable, Unknown
from exitkit.notify.slack.refusals import FormRejected, ThreadGoneError, error_of, is_known

if TYPE_CHECKING:
    from slack_sdk import WebClient

__all__ = ["EVENT", "FormRejected", "Posted", "SlackAPI", "ThreadGoneError", "post_webhook"]

EVENT = "exitkit_delivery"
"""The type of the metadata by which a message is found again."""

_PAGES = 5  # of 200 messages each, when looking for one
_CODE = re.compile(r"[a-z][a-z0-9_]{2,60}")


@dataclass(frozen=True)
class Posted:
    """A message in Slack: its time stamp, which is its id in the channel, and the channel's id."""

    ts: str
    channel: str


def post_webhook(client: http.Client, url: str, payload: Mapping[str, Any], now: float) -> None:
    """Post to an incoming webhook; `now` is in Unix seconds. Raises FormRejected and ActionError."""
    what = "the Slack webhook"
    body = json.dumps(payload).encode()
    response = client.request("POST", url, what=what, headers={"Content-Type": "application/json"}, body=body)
    told = response.text.strip()
    if response.status == 200 and told == "ok":
        return
    if response.status == 413:
        raise FormRejected(f"{what}: the message is too large", reason="client")
    code = told if _CODE.fullmatch(told) else ""
    if code and (is_known(code) or verdict(response.status, idempotent=False).kind is ActionError):
        raise error_of(what, code, {}, response.headers.get("retry-after"), now)
    if response.status == 400:
        raise FormRejected(f"{what}: answered 400", reason="client")
    http.check(response, what, now=lambda: now)
    raise Unknown(f"{what}: answered {response.status} without its 'ok', so it may not be Slack", reason="server")


class SlackAPI:
    """The Web API with one token; `api_url` ends in a slash."""

    def __init__(self, client: http.Client, token: str, api_url: str, now: float) -> None:
        self._web = _web_client(client, token, api_url, now)
        self._now = now

    def post(self, payload: Mapping[str, Any]) -> Posted:
        """chat.postMessage. Raises FormRejected and ActionError."""
        answer = self._call("chat.postMessage", json=dict(payload))
        if not isinstance(answer.get("ts"), str):
            raise Unknown("Slack: answered ok without a time stamp", reason="server")
        return Posted(answer["ts"], str(answer.get("channel", "")))

    def find(self, channel: str, delivery: str, *, oldest: float, thread_ts: str = "") -> Posted | None:
        """The message of this delivery among those since `oldest`, in Unix seconds.

        Needs the channel's id, and the scope channels:history, or groups:history where it is private.
        Raises Unknown where Slack cannot be asked, and ThreadGoneError where the thread is not there.
        """
        given = {"channel": channel, "oldest": f"{oldest:.6f}", "include_all_metadata": "true", "limit": "200"}
        method = "conversations.replies" if thread_ts else "conversations.history"
        for _ in range(_PAGES):
            try:
                answer = self._call(method, params={**given, "ts": thread_ts or None})
            except (Retryable, ThreadGoneError):
                raise
            except ActionError as error:
                raise Unknown(
                    f"an earlier try may have arrived, and Slack cannot be asked: {error}",
                    reason=error.reason,
                ) from error
            messages = answer.get("messages")
            if not isinstance(messages, list):
                raise Unknown("an earlier try may have arrived, and Slack does not say which messages there are")
            for one in messages:
                if _delivery_in(one) == delivery:
                    return Posted(str(one.get("ts", "")), channel)
            given["cursor"] = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
            if not given["cursor"]:
                return None
        raise Unknown("an earlier try may have arrived; there are too many messages since to find it", reason="other")

    def _call(self, method: str, **given: Any) -> dict[str, Any]:
        from slack_sdk.errors import SlackApiError

        try:
            answer = self._web.api_call(method, **given)
        except SlackApiError as error:
            said = error.response
        else:
            return answer.data if isinstance(answer.data, dict) else {}
        code = str(said.get("error") or "no reason given")[:100]
        raise error_of(f"Slack {method}", code, said.data, said.headers.get("retry-after"), self._now)


def _web_client(client: http.Client, token: str, api_url: str, now: float) -> "WebClient":
    import logging

    from slack_sdk import WebClient

    class Ours(WebClient):
        def _perform_urllib_http_request(self, *, url: str, args: dict[str, dict[str, Any]]) -> dict[str, Any]:
            """The one place where the SDK would open a connection."""
            return _perform(client, url, args, now)

    silent = logging.getLogger("exitkit.slack_sdk")
    silent.setLevel(logging.CRITICAL + 1)  # it would log payloads, and proxies with their passwords
    return Ours(token=token, base_url=api_url, retry_handlers=[], logger=silent)


def _perform(client: http.Client, url: str, args: Mapping[str, Any], now: float) -> dict[str, Any]:
    what = f"Slack {url.rpartition('/')[2]}"
    body = json.dumps(args["json"]) if args.get("json") else urlencode(args.get("params") or {})
    response = client.request("POST", url, what=what, headers=args["headers"], body=body.encode())
    http.check(response, what, now=lambda: now)
    try:
        answer = response.json()
    except ActionError:
        answer = None
    if not isinstance(answer, dict):
        raise Unknown(f"{what}: answered {response.status} without JSON, so it may not be Slack", reason="server")
    # Written anew, as the SDK reads no mark of the encoding.
    return {"status": response.status, "headers": dict(response.headers), "body": json.dumps(answer)}


def _delivery_in(message: Any) -> str:
    metadata = message.get("metadata") if isinstance(message, dict) else None
    if not isinstance(metadata, dict) or metadata.get("event_type") != EVENT:
        return ""
    payload = metadata.get("event_payload")
    return str(payload.get("id", "")) if isinstance(payload, dict) else ""
