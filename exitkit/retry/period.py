"""What a target takes in each of its periods, whose ends it tells: as many requests as it took in the one before."""

_MORE = 10  # the part of a period by which more may go at once after each request that it took beyond what was known
_ANSWERS = 1.5  # how many answers' time there is between requests where the next may be too much
_FADES = 0.9  # how much of the longest time of an answer is left with the next one


class Period:
    """Not for several threads: its throttle locks.

    A request too many is refused, and with it all that are under way. So beyond what the last period took, requests go
    one by one, and each answer tells whether the next one may.
    """

    def __init__(self) -> None:
        self._most: int | None = None  # requests that the last period took
        self._end: float | None = None  # when this one ends, once that was told
        self._first = 1  # its first request
        self._begun = self._taken = 0
        self._answer = 0.0  # seconds that an answer takes

    def began(self, request: int, now: float) -> float:
        """A request leaves; the seconds after which the next one may, at least."""
        if self._end is not None and now >= self._end:
            if self._taken:  # else it told the end too early
                self._most = self._taken
            self._first, self._end, self._begun, self._taken = request, None, 0, 0
        self._begun += 1
        return self._answer * _ANSWERS if self._most is not None and self._begun >= self._most else 0.0

    def took(self, request: int, seconds: float) -> None:
        """A request was taken, and answered after so many seconds."""
        self._answer = max(seconds, self._answer * _FADES)
        if request < self._first:
            return
        self._taken += 1
        if self._most is not None and self._taken > self._most:  # it takes more, or has begun a new one
            self._most += max(1, self._most // _MORE)

    def ended(self, end: float) -> bool:
        """Nothing is taken any more until this moment; whether anything was, since the last one."""
        self._end = end
        return self._taken > 0
