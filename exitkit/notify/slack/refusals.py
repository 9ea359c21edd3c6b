"""Slack's error codes as ours: what passes, what may have arrived, what a simpler form cures, and what a person has to do."""

import re
from collections.abc import Mapping
from typing import Any

from exitkit.errors import ActionError, Reason, Retryable, Unknown
from exitkit.retry import parse_retry_after
from exitkit.text.redact import printable, redact

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
    "channel_not_found": ("client", "check the channel's name or id, and invite the app if it is private"),
    "not_in_channel": ("client", "invite the app to the channel, or add the scope chat:write.public"),
    "is_archived": ("client", "the channel is archived; choose another one"),
    "channel_is_archived": ("client", "the channel is archived; choose another one"),
    "user_not_found": ("client", "check the user's id"),
    "messages_tab_disabled": ("client", "allow messages to the app in its App Home"),
    "invalid_token": _HOOK,
    "no_service": _HOOK,
    "no_active_hooks": _HOOK,
    "no_team": _HOOK,
    # Enterprise Grid, Slack Connect, and the policies of administrators.
    "access_denied": ("auth", "the workspace does not let this app in, as from this network; ask an administrator"),
    "accesslimited": ("auth", "the workspace does not let this app in, as from this network; ask an administrator"),
    "app_not_approved": ("auth", "an administrator has to approve the app for the workspace"),
    "app_approval_required": ("auth", "an administrator has to approve the app for the workspace"),
    "channel_type_not_supported": ("client", "the app cannot post to a channel of this kind; choose another one"),
    "deprecated_endpoint": ("client", "the endpoint is no longer served; correct api_url"),
    "enterprise_is_restricted": ("auth", "the organisation restricts this; install the app in the channel's workspace"),
    "external_channel_migrating": ("client", "the channel is being moved to Slack Connect; try again later"),
    "is_inactive": ("client", "the channel is frozen; choose another one"),
    "no_permission": ("auth", "the token's app may not post there; add chat:write and install it again"),
    "not_allowed": ("auth", "an administrator's policy forbids it; ask for the app to be allowed"),
    "org_login_required": ("auth", "the workspace is being moved into an organisation; try again when that is done"),
    "org_not_allowed": ("auth", "the organisation does not allow this app; ask an administrator"),
    "posting_not_allowed": ("auth", "an administrator has restricted who may post to the channel"),
    "restricted_action_read_only_channel": ("auth", "the channel is read-only; have the app allowed to post to it"),
    "restricted_action_thread_only_channel": ("client", "the channel takes only answers in threads; give thread_ts"),
    "slack_connect_blocked_file_type": ("auth", "the other organisation's policy for Slack Connect forbids it"),
    "team_access_not_granted": ("auth", "install the app in the workspace of the channel"),
    "team_disabled": ("auth", "the workspace is disabled; use one that is not"),
    "team_not_found": (
        "client",
        "the token is the organisation's: give the channel's id, and install the app in its workspace",
    ),
    "two_factor_setup_required": ("auth", "the organisation wants two-factor authentication for the app's owner"),
    "workspace_not_found": ("client", "give the channel's id, and install the app in its workspace"),
    "action_prohibited": ("auth", "an administrator has restricted who may post to the channel"),
    "posting_to_general_channel_denied": ("auth", "choose another channel than the general one"),
}


# The message to answer was deleted, cannot be answered or never was.
_NO_THREAD = (
    "cannot_reply_to_message",
    "invalid_thread_ts",
    "message_not_found",
    "restricted_action_non_threadable_channel",
    "restricted_action_thread_locked",
    "thread_not_found",
)


class ThreadGoneError(ActionError):
    """There is no thread to answer in."""


class FormRejected(ActionError):
    """Slack does not take the message in this form."""


def is_known(code: str) -> bool:
    """Whether Slack is known to say this; else its status tells more, as of a gateway before it."""
    return code in (*_TRANSIENT, *_UNCLEAR, *_FORM, *_NO_THREAD, *_CURES)


def error_of(what: str, code: str, answer: Any, retry_after: str | None, now: float) -> ActionError:
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
    if code in _NO_THREAD:
        return ThreadGoneError(
            f"{what}: {code}; leave thread_ts out, or give that of a message that is there", reason="client"
        )
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
