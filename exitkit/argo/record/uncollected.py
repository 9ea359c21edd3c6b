"""Many thousand objects made at once, of which none can go."""

import contextlib
import gc
from collections.abc import Iterator

_MANY = 10_000  # objects; of fewer a look is soon at its end


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Without a look again and again through new objects, of which none can go; nor later, as they stay for the run."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
        if gc.get_count()[0] > _MANY:
            gc.freeze()
    finally:
        if collects:
            gc.enable()
