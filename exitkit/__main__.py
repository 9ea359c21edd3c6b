"""The process: what must be so before anything is imported, and how it ends."""

import os
import sys
import time

from exitkit.signals import Stop

_UNWATCHED = {"--help", "--version", "actions", "schema"}
"""Words of lines that only print something."""

_LONGEST_START = 5.0
"""Seconds from the process's start to here; more was somebody else's, such as a shell that became exitkit."""


def main() -> None:
    """Run the command line and end the process with its exit code."""
    stop = Stop(_started()).install()  # before all else: PID 1 has no default for a signal
    import gc

    os.umask(0o077)  # Argo's executor hands down 0, which would leave receipts open to everybody
    _without_plugins_of_pydantic()
    gc.disable()  # what is imported stays; looking through it for garbage is a tenth of a start
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started this
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115 - for as long as the process lives
    if len(sys.argv) > 1 and _UNWATCHED.isdisjoint(sys.argv):
        from exitkit import watchdog

        watchdog.guard(stop)
    stop.listen()
    from exitkit import stdout

    stdout.keep()
    _keep_the_end(stop)
    from exitkit.cli import run

    code = _flushed(run(sys.argv[1:], stop))
    stop.tell("code", code)
    # Neither an abandoned attempt nor the taking down of modules holds up the end; nothing waits for atexit.
    stop.exit(code)


def _without_plugins_of_pydantic() -> None:
    """Looking for them reads the metadata of everything installed, and loading what looks takes 7 ms of each start.

    The module that looks is replaced, as pydantic loads it also where all plugins are disabled; pinned by a test.
    """
    if os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__") == "__all__":
        loader = type(sys)("pydantic.plugin._loader")
        vars(loader)["get_plugins"] = tuple
        sys.modules[loader.__name__] = loader


def _started() -> float:
    """When this process started, by the monotonic clock in seconds."""
    now = time.monotonic()
    try:
        with open("/proc/self/stat", "rb") as file:  # noqa: PTH123 - pathlib takes longer to load than this takes
            ticks = int(file.read(4096).rpartition(b")")[2].split()[19])  # proc(5): starttime
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        age = -1.0
    return now - (age if 0 <= age <= _LONGEST_START else time.process_time())


def _keep_the_end(stop: Stop) -> None:
    """Have an action that ends the process end itself alone: the others run, and there is a report."""
    own = os.getpid()

    def refuse(code: int) -> None:
        if os.getpid() != own:  # a process that was forked from here ends as it likes
            stop.exit(code)
        raise SystemExit(f"os._exit({code}) was called")

    os._exit = refuse  # type: ignore[assignment]


def _flushed(code: int) -> int:
    """The exit code once all is written: 1 where standard output could not take what was asked for."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:  # whoever read it has seen enough
            continue
        except (OSError, ValueError) as error:
            if stream is sys.stdout:
                code = code or 1
                why = (getattr(error, "strerror", None) or "it is closed").lower()
                os.write(2, f"exitkit: standard output cannot be written: {why}\n".encode())
    return code


if __name__ == "__main__":
    main()
