"""Finds faces, where the optional extra is installed; never whose they are.

The detector is dlib's, of oriented gradients: it is part of the library, needs no model file and no network,
and finds faces that look towards the camera, upright and larger than a tenth of the picture.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from typing import Any, Final

from PIL import Image

SIDE: Final = 800
"""Pixels on the longer side at which faces are looked for. The detector finds them from 80 pixels on."""
_SURE: Final = 0.1
"""The detector's own score from which on it is believed: faces reach 0.5 to 3, their likes stay below 0."""


def installed() -> bool:
    """Whether faces can be looked for here: the extra `faces` brings what that needs."""
    return all(importlib.util.find_spec(name) is not None for name in ("dlib", "numpy"))


@cache
def _detector() -> Any:
    if not installed():
        return None
    import dlib
    import numpy  # noqa: F401  (now, and not when there is little memory left for it)

    return dlib.get_frontal_face_detector()


def find_faces(picture: Image.Image) -> list[float] | None:
    """The height of each face as a share of the picture's shorter side; None where nothing looks for them."""
    detector = _detector()
    if detector is None:
        return None
    import numpy

    grey = picture.convert("L")
    grey.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
    boxes, scores, _ = detector.run(numpy.asarray(grey), 0, _SURE)
    return [box.height() / min(grey.size) for box, _score in zip(boxes, scores, strict=True)]


def warm() -> None:
    """Load the detector before any limit is set."""
    _detector()
