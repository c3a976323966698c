"""Python's search for garbage, put off while something is made that lives on."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collection() -> Iterator[None]:
    """Nothing is searched for cycles inside, in any thread.

    Graphs have none, but are so many small objects that, with Keras in memory beside them, looking
    through all takes 0.2 s, each time that there are a quarter more.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
