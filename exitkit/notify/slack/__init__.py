"""Slack, by an incoming webhook or as a bot."""

import re
import threading
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field, SecretStr, field_validator, model_validator

from exitkit.action import Result
from exitkit.clients import http
from exitkit.context import Context
from exitkit.message import Level, Message
from exitkit.notify import DRY_RUN_GIVES, Notify, Refused
from exitkit.notify.slack import blocks, client
from exitkit.settings.fields import ADDRESS, WORDS, as_value_error

# Ids as Slack shows them under "Copy member ID"; U and W are users, S is a user group.
_MENTION = r"^(here|channel|everyone|[UWS][A-Z0-9]{2,30})$"
_CHANNEL = r"[#@]?[^\s#@<>(){}\[\]?!,;:/\\|\"'`*]{1,80}"
_THREAD = r"[0-9]+\.[0-9]+"
# Only an id can be looked up: C is a channel, D a direct message, G a private channel of old.
_CHANNEL_IDS = ("C", "D", "G")
# Slack's clock and ours may differ by as much.
_SKEW = 300.0
# How long Slack may take from answering nobody to showing the message to whoever asks.
_SETTLE = 2.0


def _check_mention(text: str) -> None:
    if not all(re.fullmatch(_MENTION, one) for one in _mentions(text)):
        raise ValueError("is no id of a user (U…) or group (S…), nor here, channel or everyone")


def _mentions(text: str) -> list[str]:
    """Several in one text, as a label or a variable holds them; what is empty or a template stays as it is."""
    is_one = not text.strip() or "{{" in text or "{%" in text
    return [text] if is_one else re.split(r"[\s,;]+", text.strip(" \t\n,;"))


def _check_channel(text: str) -> None:
    if not re.fullmatch(_CHANNEL, text):
        raise ValueError("is no channel's id or name")


def _check_thread(text: str) -> None:
    if not re.fullmatch(_THREAD, text):
        raise ValueError("is no time stamp of a message")


class Slack(Notify):
    """Post to a Slack channel, by an incoming webhook or as a bot."""

    gives: ClassVar[Mapping[str, str] | None] = {
        **DRY_RUN_GIVES,
        "ts": "the message's time stamp, which names it; as a bot only",
        "channel": "the channel's id; as a bot only",
    }

    spare: ClassVar[Mapping[str, Callable[[str], object]]] = {
        "channel": _check_channel,
        "thread_ts": _check_thread,
        "mention": _check_mention,
    }

    webhook_url: Annotated[SecretStr | None, ADDRESS] = Field(
        None, description="The incoming webhook's URL; or give a token and a channel."
    )
    token: SecretStr | None = Field(None, description="The bot's token (xoxb-…), with the scope chat:write.")
    channel: Annotated[str, ADDRESS] = Field(
        "",
        description="The channel's id or name for the bot; with an id, a message in doubt is looked up, not sent twice.",
    )
    thread_ts: Annotated[str, ADDRESS] = Field(
        "", pattern=r"^([0-9]+\.[0-9]+)?$", description="The time stamp of the message to answer in its thread."
    )
    broadcast: bool = Field(
        False, description="Show an answer in a thread also in the channel; for the bot, and where thread_ts is given."
    )
    mention: Annotated[list[Annotated[str, Field(pattern=_MENTION)]], WORDS] = Field(
        [],
        max_length=20,
        description="Whom to ping unless it succeeded: ids of users (U…) and groups (S…), or here, channel, everyone.",
    )
    api_url: Annotated[str, ADDRESS] = Field(
        "https://slack.com/api/",
        pattern=r"^https?://",
        description="Where the Web API is; https://slack-gov.com/api/ for GovSlack.",
    )
    ca_file: str = Field("", description="Certificates to trust, in PEM, in place of the system's.")

    @model_validator(mode="before")
    @classmethod
    def _as_written(cls, values: Any) -> Any:
        """A text where a list is wanted, or a part of one, and a time stamp that YAML took for a number."""
        if not isinstance(values, dict):
            return values
        if isinstance(values.get("thread_ts"), int | float):
            raise ValueError("thread_ts: put the string into quotes; as a number it loses its last digits")  # noqa: TRY004 - pydantic takes no other
        mention = values.get("mention")
        texts = [mention] if isinstance(mention, str) else mention
        if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
            return values
        return {**values, "mention": [one for text in texts for one in _mentions(text)]}

    @field_validator("webhook_url")
    @classmethod
    def _reachable(cls, value: SecretStr | None) -> SecretStr | None:
        with as_value_error():
            http.check_url(value.get_secret_value() if value else "https://slack.com")
        return value

    @model_validator(mode="after")
    def _one_way(self) -> "Slack":
        if (self.webhook_url is None) == (self.token is None):
            raise ValueError("give either webhook_url, or token and channel")
        if self.token is not None and not self.channel:
            raise ValueError("token needs a channel")
        if self.webhook_url is not None:
            if self.channel:
                raise ValueError("a webhook always posts to its own channel; leave channel out, or use a token")
            if re.search(r"/(?:triggers|workflows)/", self.webhook_url.get_secret_value()):
                raise ValueError("webhook_url starts a Slack workflow; give that of an incoming webhook (/services/…)")
        if self.broadcast and not self.token:
            raise ValueError("broadcast needs a token")
        return self

    def target(self) -> str:
        return f"Slack {self.channel}" if self.token else "Slack by its webhook"

    def render(self, message: Message, level: Level, context: Context) -> Any:
        label = "Open in Argo" if message.link == context.workflow.url else "Open"
        mention = () if message.good else self.mention
        payload = blocks.render(message, level, label=label, mention=mention)
        payload |= {"unfurl_links": False, "unfurl_media": False}
        payload |= {"thread_ts": self.thread_ts} if self.thread_ts else {}
        if self.token:
            payload |= {"channel": self.channel, "link_names": False}
            payload |= {"reply_broadcast": True} if self.broadcast and self.thread_ts else {}
            payload["metadata"] = {"event_type": client.EVENT, "event_payload": {"id": context.delivery}}
        return payload

    def send(self, payload: Any, context: Context) -> Result:
        """In the thread, or where there is none any more, in the channel: an answer to nobody is still to be read."""
        try:
            return self._post(payload, context)
        except client.ThreadGoneError as error:
            alone = {key: value for key, value in payload.items() if key not in ("thread_ts", "reply_broadcast")}
            if alone == payload:
                raise
            result = self._post(alone, context)
            return Result(result.summary, result.facts, (*result.notes, f"not answered in the thread: {error}"))

    def _post(self, payload: Any, context: Context) -> Result:
        try:
            if self.webhook_url is None:
                posted = self._bot(context).post(payload)
                return Result(f"posted to {self.target()}", {"ts": posted.ts, "channel": posted.channel})
            url = self.webhook_url.get_secret_value()
            client.post_webhook(http.Client(ca_file=self.ca_file or None), url, payload, context.deadline.clock.time())
        except client.FormRejected as error:
            raise Refused(str(error), reason=error.reason) from error
        return Result(f"posted to {self.target()}")

    def finder(self, context: Context) -> Callable[[], Result | None] | None:
        """By the id in the message's metadata. A webhook cannot look, nor can a bot that knows only a name."""
        if not self.token or not self.channel.startswith(_CHANNEL_IDS):
            return None

        def find() -> Result | None:
            oldest = _ended(context) - _SKEW
            for pause in (0.0, _SETTLE):
                context.deadline.within(pause).wait(threading.Event(), lambda: False)
                posted = self._find(context, oldest)
                if posted:
                    facts = {"ts": posted.ts, "channel": posted.channel}
                    return Result(f"an earlier try had arrived in {self.target()}", facts, duplicate=True)
            return None

        return find

    def _find(self, context: Context, oldest: float) -> client.Posted | None:
        """In the thread, and where that is gone in the channel."""
        bot = self._bot(context)
        try:
            return bot.find(self.channel, context.delivery, oldest=oldest, thread_ts=self.thread_ts)
        except client.ThreadGoneError:
            return bot.find(self.channel, context.delivery, oldest=oldest) if self.thread_ts else None

    def _bot(self, context: Context) -> client.SlackAPI:
        token = self.token.get_secret_value() if self.token else ""
        clock = context.deadline.clock
        return client.SlackAPI(http.Client(ca_file=self.ca_file or None), token, self.api_url, clock.time())


def _ended(context: Context) -> float:
    """Since when the message can be there, in Unix seconds: when the workflow ended, or an hour ago."""
    ended = context.workflow.ended_at
    return ended.timestamp() if ended is not None else context.deadline.clock.time() - 3600
