"""Points in time as Argo writes them: RFC 3339, with the year 1 for none."""

import re
from datetime import UTC, datetime, timedelta

_RFC3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})?"
)


def parse_moment(text: str) -> datetime | None:
    """The moment, aware and in UTC; None for what is none, and for Go's zero time. Unix seconds do as well."""
    text = text.strip() if len(text) < 64 else ""
    match = _RFC3339.fullmatch(text)
    try:
        if match:
            # Go writes nanoseconds, datetime holds microseconds.
            fraction = (match[3] or "")[:7]
            found = datetime.fromisoformat(f"{match[1]}T{match[2]}{fraction}{(match[4] or 'Z').upper()}").astimezone(
                UTC
            )
        elif re.fullmatch(r"[0-9]{1,12}", text):
            found = datetime.fromtimestamp(int(text), UTC)
        else:
            return None
    except (ValueError, OverflowError, OSError):
        return None
    return found if found.year > 1 else None


def write_moment(moment: datetime | None) -> str | None:
    """The moment as Argo writes it, in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else None


_NANO = 10**9


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


_LAST = (datetime(9999, 12, 31, tzinfo=UTC) - _EPOCH) // timedelta(seconds=1) * _NANO


def rfc3339(time: int) -> str:
    """`2026-11-23T07:57:41.123456789Z` of Unix nanoseconds."""
    time = min(max(0, time), _LAST)
    return f"{_EPOCH + timedelta(seconds=time // _NANO):%Y-%m-%dT%H:%M:%S}.{time % _NANO:09d}Z"
