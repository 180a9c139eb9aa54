"""What a process keeps for the next picture, given back to the system. Runs in the lab's worker processes."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from typing import Any, Final, cast

from PIL import Image


def _trimmer() -> Callable[[int], object] | None:
    """The C library's own way to return what was freed; only GNU's has one, and only it keeps so much."""
    if sys.platform != "linux":
        return None
    try:
        return ctypes.CDLL(None).malloc_trim
    except AttributeError:
        return None


_TRIM: Final = _trimmer()


def give_back() -> None:
    """Return what is free. It costs a tenth of a photo's time to fetch it anew: not for every photo."""
    cast("Any", Image).core.clear_cache()
    if _TRIM is not None:
        _TRIM(0)
