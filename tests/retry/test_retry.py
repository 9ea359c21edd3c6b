"""What may get better is tried again, within one deadline, and the end is told truly."""

import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitkit.errors import ActionError, Exhausted, Retryable, Unknown
from exitkit.retry import Known, Retry, RetryPolicy, knowing, parse_retry_after, sending
from exitkit.retry.clock import Deadline
from exitkit.testing.clock import FakeClock

NOW = datetime(2026, 8, 21, 12, 0, tzinfo=UTC).timestamp()


class Attempts:
    """Raises one error after the other, and notes when it was called."""

    def __init__(self, clock, *errors):
        self.clock, self.errors, self.times = clock, list(errors), []

    def __call__(self):
        self.times.append(self.clock.monotonic())
        error = self.errors[min(len(self.times), len(self.errors)) - 1]
        if error is not None:
            raise error
        return f"try {len(self.times)}"


def fresh(seconds=300.0, **terms):
    clock = FakeClock()
    return clock, Retry(RetryPolicy(**terms), Deadline(seconds, clock))


def busy(after=None):
    return Retryable("503 from hooks.example.com", reason="server", after=after)


def test_it_tries_until_it_succeeds():
    """The value of the first good try is the value."""
    clock, retry = fresh()
    attempts = Attempts(clock, busy(), busy(), None)
    assert retry(attempts) == "try 3"


def test_waits_double_up_to_the_longest():
    """Full jitter of 0.5, 1, 2, … up to `max_wait`; here the jitter is all of it."""
    clock, retry = fresh(attempts=8, wait=0.5, max_wait=5)
    with pytest.raises(Exhausted):
        retry(Attempts(clock, busy()))
    assert clock.slept == [0.5, 1, 2, 4, 5, 5, 5]


def test_tries_are_counted_and_the_last_error_is_told():
    """Exhausted says what happened and how often, and has the real error as its cause."""
    clock, retry = fresh(attempts=3)
    with pytest.raises(Exhausted, match=r"^503 from hooks.example.com; gave up after 3 tries$") as caught:
        retry(attempts := Attempts(clock, Retryable("reset"), busy()))
    assert len(attempts.times) == caught.value.tries == 3
    assert caught.value.reason == "server"
    assert isinstance(caught.value.__cause__, Retryable)


def test_one_attempt_is_one():
    """`attempts: 1` means no second one, and no word of tries."""
    clock, retry = fresh(attempts=1)
    with pytest.raises(Exhausted, match=r"^503 from hooks.example.com$"):
        retry(attempts := Attempts(clock, busy()))
    assert len(attempts.times) == 1


@pytest.mark.parametrize(
    "error", [ActionError("no"), Exhausted("used up"), ValueError("bug"), SystemExit(0), KeyboardInterrupt()]
)
def test_what_another_try_cannot_cure_is_raised_at_once(error):
    """Also a bug, and an action that ends the process: as it is, from whichever thread it comes."""
    clock, retry = fresh()
    with pytest.raises(type(error)) as caught:
        retry(attempts := Attempts(clock, error))
    assert caught.value is error
    assert len(attempts.times) == 1


@pytest.mark.parametrize(("after", "wait"), [(3, 3.6), (0.25, 0.3), (30, 36)])
def test_retry_after_goes_before_our_own_wait(after, wait):
    """Never sooner than the server asked, up to a fifth later, and also where that is longer than `max_wait`."""
    clock, retry = fresh(max_wait=20)
    retry(Attempts(clock, busy(after), None))
    assert clock.slept == [pytest.approx(wait)]


def test_retry_after_nothing_is_no_licence_to_hammer():
    """0 seconds, as of a date that is past, leaves our own wait."""
    clock, retry = fresh(attempts=3)
    with pytest.raises(Exhausted):
        retry(Attempts(clock, busy(0.0)))
    assert clock.slept == [0.5, 1]


def test_a_wait_beyond_the_deadline_ends_it_now():
    """A day of Retry-After is not slept through: the real error is told at once, with what was asked for."""
    clock, retry = fresh()
    with pytest.raises(Exhausted, match=r"^503 .*; no time left after 1 try; asked to wait 86400 s$") as caught:
        retry(attempts := Attempts(clock, busy(86_400)))
    assert clock.slept == []
    assert clock.monotonic() == 0
    assert len(attempts.times) == caught.value.tries == 1
    assert caught.value.reason == "server"


def test_a_wait_that_just_fits_is_taken():
    """The spread beyond what was asked for does not push the next try past the end."""
    clock, retry = fresh(seconds=10)
    assert retry(Attempts(clock, busy(9.5), None)) == "try 2"
    assert 9.5 <= clock.slept[0] < 10


def test_no_try_begins_after_the_deadline():
    """Whatever the waits, the last try begins before the end."""
    clock, retry = fresh(seconds=7, attempts=100, wait=1, max_wait=1)
    attempts = Attempts(clock, busy())
    with pytest.raises(Exhausted, match=r"503 .*no time left after 8 tries"):
        retry(attempts)
    assert attempts.times == [0, 1, 2, 3, 4, 5, 6, 6.5]
    with pytest.raises(Exhausted, match=r"no time left to begin"):
        Retry(RetryPolicy(), Deadline(0, clock))(attempts)
    assert len(attempts.times) == 8


def restarting():
    return Retryable("no connection to hooks.example.com (connection refused)", later=True)


def test_who_will_answer_later_is_waited_for():
    """A gateway that is away for 100 s loses nothing where there are 290 s, whatever the number of tries."""
    clock, retry = fresh(seconds=290)

    def attempt():
        if clock.monotonic() < 100:
            raise restarting()
        return "there"

    assert retry(attempt) == "there"
    assert clock.monotonic() < 130
    assert max(clock.slept) == 20


def test_what_is_merely_unlucky_is_tried_a_few_times():
    """Five resets end it, also among fifty words to come later, which count for nothing."""
    clock, retry = fresh(seconds=10_000)
    unlucky = [Retryable("reset") if number % 10 == 9 else restarting() for number in range(60)]
    with pytest.raises(Exhausted, match=r"^reset; gave up after 50 tries") as caught:
        retry(Attempts(clock, *unlucky))
    assert caught.value.tries == 50


def test_later_does_not_outlast_the_deadline():
    """The last try begins a moment before the end, and what it met is told with how often it was tried."""
    clock, retry = fresh(seconds=60)
    attempts = Attempts(clock, restarting())
    with pytest.raises(Exhausted, match=r"connection refused\); no time left after \d+ tries"):
        retry(attempts)
    assert 55 < attempts.times[-1] < 60
    assert len(attempts.times) == len(set(attempts.times)) < 12


def test_patience_does_not_hammer():
    """A policy without waits is for what is counted."""
    clock, retry = fresh(seconds=60, wait=0, max_wait=0)
    with pytest.raises(Exhausted):
        retry(attempts := Attempts(clock, restarting()))
    assert 100 < len(attempts.times) < 130


def test_one_attempt_is_one_for_the_patient_too():
    """`attempts: 1` means no second one of anything."""
    clock, retry = fresh(attempts=1)
    with pytest.raises(Exhausted, match=r"connection refused\)$"):
        retry(attempts := Attempts(clock, restarting()))
    assert len(attempts.times) == 1


def test_a_wait_that_is_longer_than_what_is_left_is_cut_to_it():
    """With room for one last try, and for no more than one."""
    clock, retry = fresh(seconds=30, wait=100, max_wait=100)
    attempts = Attempts(clock, busy(), busy(), None)
    with pytest.raises(Exhausted, match="no time left after 2 tries"):
        retry(attempts)
    assert attempts.times == [0, 28]
    clock, retry = fresh(seconds=30, wait=100, max_wait=100)
    assert retry(Attempts(clock, busy(), None)) == "try 2"


def test_a_server_that_names_its_time_answers_later():
    """A Retry-After is a promise, whatever the status was; one of nothing is none."""
    assert busy(3).later
    assert not busy(0).later
    assert not busy().later


@given(
    seconds=st.floats(0.01, 400),
    wait=st.floats(0, 60),
    kinds=st.lists(st.sampled_from(["reset", "later", "asked"]), min_size=1, max_size=8),
)
def test_whatever_fails_no_try_begins_after_the_end(seconds, wait, kinds):
    """And the tries come to an end: none follows another without time between, but for one that is cut."""
    errors = {"reset": Retryable("reset"), "later": restarting(), "asked": busy(5)}
    clock, retry = fresh(seconds=seconds, wait=wait, max_wait=60, attempts=3)
    attempts = Attempts(clock, *(errors[kind] for kind in kinds))
    with pytest.raises(Exhausted):
        retry(attempts)
    assert attempts.times[-1] < seconds


def test_a_hung_try_is_given_up_and_tried_again():
    """`attempt_timeout` bounds one request, and what had not been sent cannot have arrived."""
    clock, retry = fresh(attempt_timeout=15)
    times = []

    def attempt():
        times.append(clock.monotonic())
        if len(times) == 1:
            clock.sleep(10_000)
        return "fine"

    assert retry(attempt) == "fine"
    assert times == [0, 15.5]


def test_the_last_real_error_is_told_and_not_the_timeout_after_it():
    """A person learns of the 503, not that time ran out."""
    clock, retry = fresh(seconds=20, attempt_timeout=15)
    calls = []

    def attempt():
        calls.append(1)
        if len(calls) == 1:
            raise busy()
        clock.sleep(10_000)

    with pytest.raises(Exhausted, match=r"^503 from hooks.example.com; ") as caught:
        retry(attempt)
    assert caught.value.reason == "server"
    assert clock.monotonic() == pytest.approx(20)


def test_a_whole_step_that_times_out_tells_what_its_request_met():
    """Also where the loop inside is cut off half-way through a wait."""
    clock, retry = fresh(seconds=60)

    def step():
        return retry(lambda: clock.sleep(1) or (_ for _ in ()).throw(busy(30)))

    outer = Retry(RetryPolicy(), retry.deadline.within(10))
    with pytest.raises(Exhausted, match=r"503 from hooks.example.com") as caught:
        outer.whole(step)
    assert caught.value.reason == "server"


def test_what_may_have_arrived_is_not_sent_again():
    """An unknown outcome ends it, as it is."""
    clock, retry = fresh()
    with pytest.raises(Unknown, match=r"^lost$"):
        retry(attempts := Attempts(clock, Unknown("lost"), None))
    assert len(attempts.times) == 1


@pytest.mark.parametrize(("safe", "resend"), [(True, False), (False, True)])
def test_it_is_sent_again_where_that_is_safe_or_asked_for(safe, resend):
    """The channel knows the second for the first, or the user takes the risk."""
    clock, retry = fresh(resend=resend)
    assert retry(Attempts(clock, Unknown("lost"), None), safe=safe) == "try 2"


@pytest.mark.parametrize("then", [ActionError("404"), busy()])
def test_an_unknown_try_is_remembered_when_a_later_one_fails(then):
    """One failure does not tell that the first had not arrived."""
    clock, retry = fresh(attempts=3)
    with pytest.raises(Unknown, match=r"an earlier try may have arrived \(lost\); then: (404|503)"):
        retry(Attempts(clock, Unknown("lost"), then), safe=True)


def test_a_request_in_flight_at_the_end_is_unknown():
    """Bytes left and no verdict came: nobody may call that failed."""
    clock, retry = fresh(seconds=5)

    def attempt():
        sending()
        clock.sleep(10_000)

    with pytest.raises(Unknown, match=r"no verdict within 5.0 s; it may have arrived"):
        retry.whole(lambda: retry(attempt))


@pytest.mark.parametrize("last", [Retryable("reset", doubt=True), Retryable("503", reason="server"), None])
def test_what_may_have_arrived_and_could_come_twice_is_unknown_in_the_end(last):
    """It is tried again, because that does no harm; where no try got a verdict, nobody says that it failed."""
    _, retry = fresh(attempts=2)
    answers = [Retryable("no answer", reason="timeout", doubt=True), last]

    def attempt():
        if (error := answers.pop(0)) is not None:
            raise error
        return "done"

    if last is None:
        assert retry(attempt, safe=True) == "done"
    else:
        with pytest.raises(Unknown, match="; gave up after 2 tries; it may have arrived") as caught:
            retry(attempt, safe=True)
        assert caught.value.resent


def test_a_verdict_settles_what_was_in_doubt():
    """The same request, refused when it came again, has not done anything."""
    _, retry = fresh(attempts=2)
    answers = [Retryable("no answer", doubt=True), ActionError("403", reason="auth")]

    def attempt():
        raise answers.pop(0)

    with pytest.raises(ActionError, match="403") as caught:
        retry(attempt, safe=True)
    assert type(caught.value) is ActionError


@pytest.mark.parametrize("sent", [False, True])
def test_what_nobody_waited_for_tells_how_far_it_came(sent):
    """By the thread that gave it up, while it goes on; what cannot be read then is left out."""
    clock, retry = fresh(seconds=10)
    for broken in (False, True):

        def known(broken=broken):
            if broken:
                raise RuntimeError("dictionary changed size during iteration")
            return Known("; 3 of 5 are there", {"there": 3}, ("slow",))

        def step(known=known):
            with knowing(known):
                if sent:
                    sending()
                clock.sleep(100)

        clock.advance(0)
        with pytest.raises(ActionError) as caught:
            Retry(retry.terms, Deadline(10, clock)).whole(step)
        error = caught.value
        assert isinstance(error, Unknown) is sent
        assert ("; 3 of 5 are there" in str(error), error.facts, error.notes) == (
            (False, {}, ()) if broken else (True, {"there": 3}, ("slow",))
        )


def test_what_was_answered_is_not_in_flight():
    """A timeout after a verdict is a plain timeout."""
    clock, retry = fresh(seconds=20, attempt_timeout=10)
    calls = []

    def attempt():
        calls.append(1)
        if len(calls) == 1:
            sending()
            raise busy()
        clock.sleep(10_000)

    with pytest.raises(Exhausted):
        retry.whole(lambda: retry(attempt))


def test_an_abandoned_try_cannot_send_later():
    """What nobody waits for any more is stopped before its first byte."""
    clock, retry = fresh(attempt_timeout=5, attempts=1)
    sent, ended = [], threading.Event()

    def attempt():
        try:
            clock.sleep(30)
            sending()
            sent.append(1)
        finally:
            ended.set()

    with pytest.raises(Exhausted):
        retry(attempt)
    assert clock.wait(ended, 100)
    assert sent == []


def test_a_try_inside_an_abandoned_step_cannot_send_either():
    """The gate is shut for all that the step started."""
    clock, retry = fresh(seconds=5)
    sent, ended = [], threading.Event()

    def step():
        try:
            clock.sleep(30)
            Retry(RetryPolicy(), Deadline(100, clock))(lambda: (sending(), sent.append(1)))
        finally:
            ended.set()

    with pytest.raises(Exhausted):
        retry.whole(step)
    assert clock.wait(ended, 100)
    assert sent == []


@pytest.mark.parametrize("resend", [False, True])
def test_an_outer_loop_does_not_multiply_the_inner_ones_tries(resend):
    """What was retried until it was used up is not retried again, whatever it ended as."""
    for error in (busy(), Unknown("lost")):
        clock, retry = fresh(attempts=4, resend=resend)
        attempts = Attempts(clock, error)
        with pytest.raises((Exhausted, Unknown)):
            retry.whole(lambda: retry(attempts))  # noqa: B023 - called at once
        assert len(attempts.times) == (4 if resend or isinstance(error, Retryable) else 1)


def test_a_step_without_a_loop_of_its_own_is_retried():
    """An author who only raises Retryable gets the tries all the same."""
    clock, retry = fresh(attempts=3)
    assert retry.whole(Attempts(clock, busy(), None)) == "try 2"


def test_a_cut_during_a_wait_tells_the_last_real_error():
    """A signal while a loop sleeps does not hide why it slept."""
    clock, retry = fresh(seconds=300, wait=10)
    clock.spawn(lambda: (clock.sleep(3), retry.deadline.cut(0.5)), "signal")
    attempts = Attempts(clock, busy())
    with pytest.raises(Exhausted, match=r"503 from hooks.example.com"):
        retry.whole(lambda: retry(attempts))
    assert clock.monotonic() == 3
    assert len(attempts.times) == 1


@pytest.mark.parametrize("seconds", [0.5, 1])
def test_a_cut_wakes_a_loop_that_waits(seconds):
    """It ends at once, as there will be no next try; also where the wait ends with the deadline."""
    clock, retry = fresh(seconds=300, wait=10)
    clock.spawn(lambda: (clock.sleep(9), retry.deadline.cut(seconds)), "signal")
    with pytest.raises(Exhausted, match=r"^503 from hooks.example.com; no time left after 1 try$"):
        retry(Attempts(clock, busy()))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 1.5 ", 1.5),
        ("0", 0),
        ("-5", 0),
        ("86400", 86_400),
        ("nan", None),
        ("inf", None),
        ("-inf", None),
        ("1e999", None),
        ("", None),
        ("soon", None),
        ("12, 13", None),
        (None, None),
        ("Fri, 21 Aug 2026 12:00:30 GMT", 30),
        ("Friday, 21-Aug-26 12:00:30 GMT", 30),
        ("Fri Aug 21 12:00:30 2026", 30),
        ("Fri, 21 Aug 2026 12:00:30 -0000", 30),
        ("Fri, 21 Aug 2026 14:00:30 +0200", 30),
        ("Fri, 21 Aug 2020 12:00:30 GMT", 0),
        ("Fri, 99 Aug 2026 12:00:30 GMT", None),
        ("Fri, 21 Aug 99999 12:00:30 GMT", None),
    ],
)
def test_retry_after_is_read_in_every_form(value, seconds, monkeypatch):
    """Seconds, fractions and the three forms of an HTTP date, which is in GMT wherever this runs."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert parse_retry_after(value, NOW) == seconds


@given(
    st.text(max_size=60)
    | st.from_regex(r"[A-Za-z]{3}, [0-9]{1,5} [A-Z][a-z]{2} [0-9]{1,6} [0-9:.]{1,9}( [A-Z+0-9-]{1,6})?")
)
def test_no_header_is_too_strange(text):
    """Whatever a server sends gives a wait that is finite and not negative, or none."""
    found = parse_retry_after(text, NOW)
    assert found is None or 0 <= found < float("inf")


@given(st.integers(-10_000, 100_000))
def test_a_date_is_the_seconds_until_it(seconds):
    """To the second, and never negative."""
    date = format_datetime(datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=seconds), usegmt=True)
    assert parse_retry_after(date, NOW) == max(0, seconds)
