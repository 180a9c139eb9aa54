"""A ceramic fox with a scarf, as a distance function: how far a point is from it, and its colour there.

It sits on the plane y = 0, looks along +z and is not quite two units tall.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = "npt.NDArray[np.floating[Any]]"
Colour = tuple[float, float, float]

CENTRE = (0.0, 0.92, 0.05)
RADIUS = 1.28
"""A sphere around the whole figure; a ray that misses it misses everything."""


@dataclass(frozen=True)
class Glaze:
    """What the figure is painted with, as linear colours."""

    coat: Colour = (0.80, 0.24, 0.035)
    bib: Colour = (0.90, 0.83, 0.70)
    socks: Colour = (0.10, 0.055, 0.04)
    scarf: Colour = (0.03, 0.22, 0.26)
    stripe: Colour = (0.86, 0.70, 0.36)


def distance(x: Floats, y: Floats, z: Floats) -> Floats:
    """How far each point is from the glaze; negative inside."""
    mirrored = np.abs(x)
    figure = _smooth(_coat(x, mirrored, y, z), _scarf(x, y, z), 0.015)
    return np.minimum(figure, _dark_parts(mirrored, y, z))


def colours(x: Floats, y: Floats, z: Floats, glaze: Glaze) -> Floats:
    """The paint at points on the surface, one row for each."""
    mirrored = np.abs(x)
    paint = np.empty((x.size, 3), np.float32)
    paint[:] = glaze.coat
    _blend(paint, glaze.bib, _bib(mirrored, x, y, z))
    _blend(paint, glaze.socks, _step(0.31 - y, 0.015) * _step(0.022 - _foreleg(mirrored, y, z), 0.008))
    _blend(paint, glaze.socks, _ear_marks(mirrored, y, z))
    scarf = _scarf(x, y, z)
    on_scarf = _step(_coat(x, mirrored, y, z) - scarf, 0.008)
    # Around the neck the stripes run with the angle, down the loose end with the height.
    along = np.where(y > 0.86, np.arctan2(x, z + 0.02) * 0.30, y * 1.0)
    stripe = _step(np.abs((along * 7.0) % 1.0 - 0.5) - 0.36, 0.03)
    _blend(paint, glaze.scarf, on_scarf)
    _blend(paint, glaze.stripe, on_scarf * stripe)
    _blend(paint, (0.012, 0.010, 0.010), _step(0.012 - _dark_parts(mirrored, y, z), 0.006))
    return paint


def _coat(x: Floats, mirrored: Floats, y: Floats, z: Floats) -> Floats:
    haunches = _ellipsoid(mirrored - 0.20, y - 0.33, z + 0.06, (0.32, 0.34, 0.40))
    chest = _cone(mirrored, y, z, (0.0, 0.40, 0.05), (0.0, 0.86, 0.06), 0.36, 0.22)
    body = _smooth(haunches, chest, 0.16)
    body = _smooth(body, _foreleg(mirrored, y, z), 0.05)
    skull = _ellipsoid(mirrored, y - 1.26, z - 0.10, (0.40, 0.33, 0.34))
    cheek = _cone(mirrored, y, z, (0.14, 1.18, 0.16), (0.42, 1.12, 0.12), 0.19, 0.045)
    snout = _cone(mirrored, y, z, (0.0, 1.17, 0.30), (0.0, 1.10, 0.62), 0.17, 0.065)
    head = _smooth(_smooth(skull, cheek, 0.10), snout, 0.09)
    # An ear is a cone pressed flat: depth counts more than double.
    ear = _cone(mirrored, y, (z - 0.04) * 2.2, (0.23, 1.46, 0.0), (0.36, 1.86, 0.0), 0.17, 0.035) * 0.62
    head = _smooth(head, ear, 0.05)
    tail = _cone(x, y, z, (0.22, 0.17, -0.36), (0.60, 0.24, -0.20), 0.11, 0.19)
    tail = _smooth(tail, _cone(x, y, z, (0.60, 0.24, -0.20), (0.70, 0.58, -0.02), 0.19, 0.17), 0.08)
    tail = _smooth(tail, _cone(x, y, z, (0.70, 0.58, -0.02), (0.60, 0.98, 0.06), 0.17, 0.035), 0.08)
    return np.minimum(_smooth(body, head, 0.07), _smooth(body, tail, 0.06))


def _foreleg(mirrored: Floats, y: Floats, z: Floats) -> Floats:
    leg = _cone(mirrored, y, z, (0.13, 0.62, 0.24), (0.15, 0.09, 0.36), 0.11, 0.085)
    paw = _ellipsoid(mirrored - 0.15, y - 0.07, z - 0.41, (0.105, 0.085, 0.13))
    return _smooth(leg, paw, 0.05)


def _scarf(x: Floats, y: Floats, z: Floats) -> Floats:
    tilted = y - 0.925 + 0.10 * (z - 0.05)
    ring = np.hypot(np.hypot(x, z - 0.05) - 0.235, tilted * 0.85) - 0.085
    end = _cone(x, y, (z - 0.36) * 1.6, (0.13, 0.90, -0.10), (0.20, 0.60, 0.04), 0.075, 0.085) * 0.7
    return _smooth(ring, end, 0.03)


def _dark_parts(mirrored: Floats, y: Floats, z: Floats) -> Floats:
    nose = _ellipsoid(mirrored, y - 1.125, z - 0.675, (0.062, 0.05, 0.045))
    eye = _ellipsoid(mirrored - 0.165, y - 1.295, z - 0.405, (0.048, 0.062, 0.035))
    return np.minimum(nose, eye)


def _bib(mirrored: Floats, x: Floats, y: Floats, z: Floats) -> Floats:
    below = 1.215 + 0.10 * np.sin(clip(mirrored / 0.40, 0, 1) * np.pi) - 0.30 * clip(mirrored - 0.26, 0, 1)
    face = _step(below - y, 0.015) * _step(y - 0.98, 0.02) * _step(z - 0.14, 0.02)
    # The bridge of the nose keeps the coat's colour, which is what makes a fox of it.
    bridge = _step(0.075 - mirrored + 0.10 * (0.62 - z), 0.015) * _step(y - 1.135, 0.012)
    chest = (
        _step(0.17 - mirrored - 0.5 * np.abs(y - 0.70), 0.02) * _step(0.92 - y, 0.02) * _step(z - 0.24, 0.02)
    )
    tip = _step(y - 0.70 - 0.05 * np.sin(x * 40.0), 0.02) * _step(x - 0.46, 0.02) * _step(0.20 - z, 0.02)
    tip *= _step(1.02 - y, 0.02)
    return np.maximum(np.maximum(face * (1.0 - bridge), chest), tip)


def _ear_marks(mirrored: Floats, y: Floats, z: Floats) -> Floats:
    tip = _step(y - 1.72, 0.02)
    lean = mirrored - 0.23 - (y - 1.46) * 0.325
    inside = (
        _step(0.085 - np.abs(lean) - (y - 1.46) * 0.18, 0.012)
        * _step(y - 1.575, 0.02)
        * _step(z - 0.075, 0.008)
    )
    return np.maximum(tip, inside)


def _ellipsoid(x: Floats, y: Floats, z: Floats, radii: tuple[float, float, float]) -> Floats:
    a, b, c = radii
    near: Floats = np.sqrt((x / a) ** 2 + (y / b) ** 2 + (z / c) ** 2)
    slope: Floats = np.sqrt((x / a**2) ** 2 + (y / b**2) ** 2 + (z / c**2) ** 2)
    return near * (near - 1.0) / np.maximum(slope, 1e-4)


def _cone(
    x: Floats, y: Floats, z: Floats, start: Colour, end: Colour, start_radius: float, end_radius: float
) -> Floats:
    """A capsule whose ends differ in radius."""
    ax, ay, az = (last - first for first, last in zip(start, end, strict=True))
    px, py, pz = x - start[0], y - start[1], z - start[2]
    along = clip((px * ax + py * ay + pz * az) / (ax * ax + ay * ay + az * az), 0.0, 1.0)
    away: Floats = np.sqrt((px - along * ax) ** 2 + (py - along * ay) ** 2 + (pz - along * az) ** 2)
    return away - (start_radius + (end_radius - start_radius) * along)


def _smooth(one: Floats, other: Floats, reach: float) -> Floats:
    """The union of two shapes, with a fillet where they meet."""
    overlap = np.maximum(reach - np.abs(one - other), 0.0)
    return np.minimum(one, other) - overlap * overlap / (4.0 * reach)


def clip(value: Floats, low: float = 0.0, high: float = 1.0) -> Floats:
    """Hold each value between two bounds."""
    held: Floats = np.clip(value, low, high)
    return held


def _step(value: Floats, softness: float) -> Floats:
    """One where the value is positive, nought where it is negative, and a short ramp between."""
    return clip(value / softness * 0.5 + 0.5, 0.0, 1.0)


def _blend(paint: Floats, colour: Colour, amount: Floats) -> None:
    paint += (np.asarray(colour, np.float32) - paint) * amount[:, None]
