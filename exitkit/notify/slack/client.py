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
from exitkit.errors import ActionError, Reason, Retryable, Unknown
from exitkit.retry import parse_retry_after
from exitkit.text.redact import printable, redact

if TYPE_CHECKING:
    from slack_sdk import WebClient

EVENT = "exitkit_delivery"
"""The type of the metadata by which a message is found again."""

_PAGES = 5  # of 200 messages each, when looking for one
_CODE = re.compile(r"[a-z][a-z0-9_]{2,60}")
_SCOPES = re.compile(r"[a-z:._,]{3,100}")

# https://docs.slack.dev/reference/methods/chat.postMessage#errors for all of these, and for webhooks
# https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors
_TRANSIENT = ("ratelimited", "rate_limited", "service_unavailable", "request_timeout", "team_added_to_org")
_LATER = ("ratelimited", "rate_limited", "service_unavailable")
_UNCLEAR = ("internal_error", "fatal_error", "rollup_error")  # part of it may have succeeded
_FORM = (
    "attachment_payload_limit_exceeded",
    "invalid_attachments",
    "invalid_blocks",
    "invalid_blocks_format",
    "invalid_metadata_format",
    "invalid_metadata_schema",
    "invalid_payload",
    "markdown_text_conflict",
    "metadata_too_large",
    "msg_blocks_too_long",
    "msg_too_long",
    "no_text",
    "too_many_attachments",
)
_TOKEN: tuple[Reason, str] = ("auth", "give a bot token that is valid, as Slack shows it under OAuth & Permissions")
_HOOK: tuple[Reason, str] = ("auth", "make a new incoming webhook for the app")
_CURES: Mapping[str, tuple[Reason, str]] = {
    "account_inactive": _TOKEN,
    "invalid_auth": _TOKEN,
    "not_authed": _TOKEN,
    "token_expired": _TOKEN,
    "token_revoked": _TOKEN,
    "not_allowed_token_type": ("auth", "give a bot token, which begins with xoxb-"),
    "ekm_access_denied": ("auth", "ask an administrator of the workspace"),
    "restricted_action": ("auth", "an administrator has restricted who may post to the channel"),
    "team_access_not_granted": ("auth", "install the app in the workspace of the channel"),
    "channel_not_found": ("client", "check the channel's name or id, and invite the app if it is private"),
    "not_in_channel": ("client", "invite the app to the channel, or add the scope chat:write.public"),
    "is_archived": ("client", "the channel is archived; choose another one"),
    "channel_is_archived": ("client", "the channel is archived; choose another one"),
    "cannot_reply_to_message": ("client", "leave thread_ts out"),
    "user_not_found": ("client", "check the user's id"),
    "messages_tab_disabled": ("client", "allow messages to the app in its App Home"),
    "invalid_token": _HOOK,
    "no_service": _HOOK,
    "no_active_hooks": _HOOK,
    "no_team": _HOOK,
    "action_prohibited": ("auth", "an administrator has restricted who may post to the channel"),
    "posting_to_general_channel_denied": ("auth", "choose another channel than the general one"),
}


class FormRejected(ActionError):
    """Slack does not take the message in this form."""


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
    if code:
        raise _error(what, code, {}, response.headers.get("retry-after"), now)
    if response.status == 400:
        raise FormRejected(f"{what}: answered 400", reason="client")
    http.check(response, what, now=lambda: now)
    raise Unknown(f"{what}: answered {response.status} without its 'ok', so it may not be Slack", reason="server")


class Slack:
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
        Raises Unknown where Slack cannot be asked.
        """
        given = {"channel": channel, "oldest": f"{oldest:.6f}", "include_all_metadata": "true", "limit": "200"}
        method = "conversations.replies" if thread_ts else "conversations.history"
        for _ in range(_PAGES):
            try:
                answer = self._call(method, params={**given, "ts": thread_ts or None})
            except Retryable:
                raise
            except ActionError as error:
                raise Unknown(
                    f"an earlier try may have arrived, and Slack cannot be asked: {error}",
                    reason=error.reason,
                ) from error
            for one in answer.get("messages") or ():
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
        raise _error(f"Slack {method}", code, said.data, said.headers.get("retry-after"), self._now)


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
    return {"status": response.status, "headers": dict(response.headers), "body": response.text}


def _error(what: str, code: str, answer: Any, retry_after: str | None, now: float) -> ActionError:
    """Slack's reason as one of our errors; `answer` has the details, where it is JSON."""
    answer = answer if isinstance(answer, dict) else {}
    if code in _TRANSIENT:
        reason: Reason = "rate" if code.startswith("rate") else "server"
        after = parse_retry_after(retry_after, now)
        return Retryable(f"{what}: {code}", reason=reason, after=after, later=code in _LATER)
    if code in _UNCLEAR:
        return Unknown(f"{what}: {code}; it may have arrived", reason="server")
    if code in _FORM:
        return FormRejected(f"{what}: {code}{_details(answer)}", reason="client")
    reason, cure = _CURES.get(code, ("client", ""))
    if code == "missing_scope":
        needed = _SCOPES.match(str(answer.get("needed") or ""))
        reason, cure = "auth", f"add the scope {needed[0] if needed else 'chat:write'} to the app and install it again"
    return ActionError(f"{what}: {code}" + (f"; {cure}" if cure else ""), reason=reason)


def _details(answer: Mapping[str, Any]) -> str:
    """What Slack says is wrong with the blocks, such as `no more than 10 items allowed`."""
    metadata = answer.get("response_metadata")
    messages = metadata.get("messages") if isinstance(metadata, dict) else None
    return f": {printable(redact(str(messages[0])), 200)}" if isinstance(messages, list) and messages else ""


def _delivery_in(message: Any) -> str:
    metadata = message.get("metadata") if isinstance(message, dict) else None
    if not isinstance(metadata, dict) or metadata.get("event_type") != EVENT:
        return ""
    payload = metadata.get("event_payload")
    return str(payload.get("id", "")) if isinstance(payload, dict) else ""
