"""The process: what must be so before anything is imported, and how it ends."""

import contextlib
import gc
import os
import sys


def main() -> None:
    """Run the command line and end the process with its exit code."""
    os.umask(0o077)  # Argo's executor hands down 0, which would leave receipts open to everybody
    # Looking for pydantic's plugins reads the metadata of everything installed, at every start.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    gc.disable()  # what is imported stays; looking through it for garbage is a tenth of a start
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started this
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115 - for as long as the process lives
    from exitkit.signals import Stop

    stop = Stop().install()
    from exitkit.cli import run

    code = run(sys.argv[1:], stop)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # whoever read it is gone
            stream.flush()
    # Neither an abandoned attempt nor the taking down of modules holds up the end; nothing waits for atexit.
    os._exit(code)


if __name__ == "__main__":
    main()
