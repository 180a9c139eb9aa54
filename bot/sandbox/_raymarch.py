"""Photographs of the figure: rays marched through its distance function, lit by a lamp and the sky."""

from dataclasses import dataclass, field

import numpy as np

from bot.sandbox import _figure
from bot.sandbox._figure import Colour, Floats, Glaze, clip

_STEPS = 56
_FAR = 30.0
_HIT = 0.0016


@dataclass(frozen=True)
class Stage:
    """One photograph: where the camera stands, what lights the figure, and what is around it."""

    turn: float
    """How far the camera has walked around the figure, in degrees; 0 looks it in the face."""
    height: float = 1.3
    reach: float = 5.6
    aim: Colour = (0.0, 0.88, 0.05)
    zoom: float = 3.9
    lamp: Colour = (-0.5, 0.9, 0.6)
    lamp_colour: Colour = (3.0, 2.75, 2.4)
    sky: Colour = (0.55, 0.62, 0.72)
    floor: Colour = (0.5, 0.5, 0.5)
    wall: Colour = (0.5, 0.5, 0.5)
    floor_kind: str = "paper"
    backdrop: str = "paper"
    softness: float = 9.0
    exposure: float = 1.0
    glaze: Glaze = field(default_factory=Glaze)
    seed: int = 0


@dataclass(frozen=True)
class _Camera:
    eye: Floats
    rays: Floats
    u: Floats
    v: Floats


def photograph(stage: Stage, size: tuple[int, int]) -> Floats:
    """Take one photograph: linear light, height by width by three."""
    width, height = size
    camera = _camera(stage, width, height)
    picture, reached = _surroundings(stage, camera)
    index, depth = _march(camera)
    if index.size:
        picture[index] = _shade_figure(stage, camera, index, depth)
        reached[index] = False
    floor = np.flatnonzero(reached)
    picture[floor] *= _floor_light(stage, camera, floor)
    return picture.reshape(height, width, 3)


def _camera(stage: Stage, width: int, height: int) -> _Camera:
    aim = np.asarray(stage.aim, np.float32)
    angle = np.radians(stage.turn)
    eye = np.array([np.sin(angle) * stage.reach, stage.height, np.cos(angle) * stage.reach], np.float32)
    forward = _unit(aim - eye)
    right = _unit(np.cross(forward, np.array([0.0, 1.0, 0.0], np.float32)))
    up = np.cross(right, forward)
    scale = 2.0 / min(width, height)
    u, v = np.meshgrid(
        (np.arange(width, dtype=np.float32) + 0.5 - width / 2) * scale,
        (height / 2 - np.arange(height, dtype=np.float32) - 0.5) * scale,
    )
    u, v = u.ravel(), v.ravel()
    rays = forward + (u[:, None] * right + v[:, None] * up) / stage.zoom
    return _Camera(eye, _unit(rays).astype(np.float32), u, v)


def _march(camera: _Camera) -> tuple[np.ndarray, Floats]:
    """Follow every ray that might meet the figure; answer which did, and how far away."""
    to_centre = np.asarray(_figure.CENTRE, np.float32) - camera.eye
    along = camera.rays @ to_centre
    inside = _figure.RADIUS**2 - (to_centre @ to_centre - along**2)
    index = np.flatnonzero(inside > 0)
    half = np.sqrt(inside[index])
    travelled, leave = along[index] - half, along[index] + half
    rays = camera.rays[index]
    found: list[np.ndarray] = []
    depths: list[Floats] = []
    for _ in range(_STEPS):
        point = camera.eye + rays * travelled[:, None]
        gap = _figure.distance(point[:, 0], point[:, 1], point[:, 2])
        hit = gap < _HIT
        if hit.any():
            found.append(index[hit])
            depths.append(travelled[hit])
        travelled = travelled + gap * 0.85
        keep = ~hit & (travelled < leave)
        if not keep.any():
            break
        index, travelled, leave, rays = index[keep], travelled[keep], leave[keep], rays[keep]
    if not found:
        return np.empty(0, np.intp), np.empty(0, np.float32)
    return np.concatenate(found), np.concatenate(depths)


def _shade_figure(stage: Stage, camera: _Camera, index: np.ndarray, depth: Floats) -> Floats:
    rays = camera.rays[index]
    point = camera.eye + rays * depth[:, None]
    normal = _normals(point)
    lamp = _unit(np.asarray(stage.lamp, np.float32))
    paint = _figure.colours(point[:, 0], point[:, 1], point[:, 2], stage.glaze)
    facing = clip(normal @ lamp, 0, 1)
    lit = facing * _shadow(point + normal * 0.012, lamp, stage.softness)
    open_sky = _openness(point, normal)
    sky, floor = np.asarray(stage.sky, np.float32), np.asarray(stage.floor, np.float32)
    upward = (0.5 + 0.5 * normal[:, 1])[:, None]
    around = (sky * upward + floor * 0.55 * (1 - upward)) * open_sky[:, None]
    light = lit[:, None] * np.asarray(stage.lamp_colour, np.float32) + around
    mirror = rays - 2 * np.sum(rays * normal, axis=1, keepdims=True) * normal
    fresnel = 0.04 + 0.5 * clip(1 + np.sum(rays * normal, axis=1), 0, 1) ** 5
    glint = clip(mirror @ lamp, 0, 1)
    window = _window(mirror, lamp)
    gloss = fresnel * open_sky * clip(0.4 + mirror[:, 1], 0, 1)
    shine = (0.18 * glint**24 + 1.1 * window) * (0.35 + 0.65 * (lit > 0.02))
    reflected: Floats = gloss[:, None] * (sky * 1.6 + np.asarray(stage.wall, np.float32) * 0.4)
    sparkle: Floats = shine[:, None] * np.asarray(stage.lamp_colour, np.float32) * 0.33
    return paint * light + reflected + sparkle


def _window(mirror: Floats, lamp: Floats) -> Floats:
    """The lamp seen in the glaze: a window with a cross in it."""
    side = _unit(np.cross(lamp, np.array([0.0, 1.0, 0.0], np.float32)))
    over = np.cross(side, lamp)
    ahead = np.maximum(mirror @ lamp, 1e-3)
    u, v = np.abs(mirror @ side / ahead), np.abs(mirror @ over / ahead)
    pane = clip((0.20 - np.maximum(u, v)) / 0.05, 0, 1) * clip((np.minimum(u, v) - 0.012) / 0.02, 0, 1)
    return pane * (mirror @ lamp > 0)


def _normals(point: Floats) -> Floats:
    nudge = 0.0015
    total = np.zeros_like(point)
    for corner in ((1, -1, -1), (-1, -1, 1), (-1, 1, -1), (1, 1, 1)):
        offset = np.asarray(corner, np.float32) * nudge
        moved = point + offset
        total += _figure.distance(moved[:, 0], moved[:, 1], moved[:, 2])[:, None] * offset
    return _unit(total)


def _shadow(point: Floats, lamp: Floats, softness: float) -> Floats:
    """How much of the lamp each point sees, with a penumbra."""
    light = np.ones(len(point), np.float32)
    to_centre = np.asarray(_figure.CENTRE, np.float32) - point
    along = to_centre @ lamp
    inside = (_figure.RADIUS + 0.35) ** 2 - (np.sum(to_centre**2, axis=1) - along**2)
    index = np.flatnonzero((inside > 0) & (along + np.sqrt(np.maximum(inside, 0)) > 0))
    half = np.sqrt(inside[index])
    travelled = np.maximum(along[index] - half, 0.02)
    leave = along[index] + half
    start = point[index]
    for _ in range(26):
        if not index.size:
            break
        place = start + lamp * travelled[:, None]
        gap = _figure.distance(place[:, 0], place[:, 1], place[:, 2])
        light[index] = np.minimum(light[index], clip(softness * gap / travelled, 0, 1))
        travelled = travelled + clip(gap, 0.03, 0.30)
        keep = (gap > 0.002) & (travelled < leave)
        index, travelled, leave, start = index[keep], travelled[keep], leave[keep], start[keep]
    return light * light * (3 - 2 * light)


def _openness(point: Floats, normal: Floats) -> Floats:
    """How much of its surroundings a point sees: creases and the foot of the figure are darker."""
    closed = np.zeros(len(point), np.float32)
    for reach, weight in ((0.05, 1.2), (0.13, 0.85), (0.28, 0.5)):
        place = point + normal * reach
        gap = np.minimum(_figure.distance(place[:, 0], place[:, 1], place[:, 2]), place[:, 1])
        closed += weight * np.maximum(reach - gap, 0) / reach
    return clip(1 - 0.5 * closed, 0.12, 1)


def _surroundings(stage: Stage, camera: _Camera) -> tuple[Floats, np.ndarray]:
    """The floor's paint and the finished backdrop, and which pixels are floor."""
    down = -camera.rays[:, 1]
    depth = np.where(down > 1e-4, camera.eye[1] / np.maximum(down, 1e-4), _FAR)
    x = camera.eye[0] + camera.rays[:, 0] * depth
    z = camera.eye[2] + camera.rays[:, 2] * depth
    picture = _backdrop(stage, camera)
    on_floor = depth < _FAR * 0.99
    floor = _floor_paint(stage, x, z)
    # Paper that is hung and rolled out turns into its own backdrop; other floors end more suddenly.
    roll = 0.26 if stage.floor_kind == "paper" else 0.10
    fade = 1 - clip(down / roll, 0, 1)[:, None]
    fade = fade * fade * (3 - 2 * fade)
    ambient = np.asarray(stage.sky, np.float32) * 0.85 + np.asarray(stage.lamp_colour, np.float32) * max(
        _unit(np.asarray(stage.lamp, np.float32))[1], 0.0
    )
    picture = np.where(on_floor[:, None], floor * (1 - fade) + picture / ambient * fade, picture)
    return picture.astype(np.float32), on_floor


def _floor_light(stage: Stage, camera: _Camera, index: np.ndarray) -> Floats:
    rays = camera.rays[index]
    depth = camera.eye[1] / np.maximum(-rays[:, 1], 1e-4)
    point = camera.eye + rays * depth[:, None]
    lamp = _unit(np.asarray(stage.lamp, np.float32))
    seen = _shadow(point, lamp, stage.softness * 0.7)
    normal = np.zeros_like(point)
    normal[:, 1] = 1.0
    near = np.sum((point - np.asarray((0.05, 0.0, 0.0), np.float32)) ** 2, axis=1) < 2.4
    open_sky = np.ones(len(point), np.float32)
    open_sky[near] = _contact(point[near])
    sky, lamp_colour = np.asarray(stage.sky, np.float32), np.asarray(stage.lamp_colour, np.float32)
    direct: Floats = lamp[1] * seen * (0.55 + 0.45 * open_sky)
    return sky * 0.85 * open_sky[:, None] + lamp_colour * direct[:, None]


def _contact(point: Floats) -> Floats:
    closed = np.zeros(len(point), np.float32)
    for reach, weight in ((0.06, 0.6), (0.18, 0.5), (0.45, 0.45)):
        gap = _figure.distance(point[:, 0], point[:, 1] + reach, point[:, 2])
        closed += weight * clip(reach - gap, 0, reach) / reach
    return clip(1 - 0.62 * closed, 0.10, 1)


def _floor_paint(stage: Stage, x: Floats, z: Floats) -> Floats:
    paint = np.empty((x.size, 3), np.float32)
    paint[:] = stage.floor
    near = clip(1 - np.hypot(x, z) / 7.0, 0, 1)
    if stage.floor_kind == "boards":
        plank = np.floor(x / 0.62)
        tone = np.sin(plank * 78.2 + stage.seed) * 0.5 + 0.5
        grain = np.sin(x * 60 + 2.5 * np.sin(z * 1.7 + plank * 5) + np.sin(z * 9 + plank)) * 0.5 + 0.5
        seam = clip(np.abs((x / 0.62) % 1 - 0.5) * 2 - 0.965, 0, 1) / 0.035
        paint *= (1 + near * (0.34 * (tone - 0.5) + 0.16 * (grain - 0.5)) - 0.55 * near * seam)[:, None]
    elif stage.floor_kind == "cloth":
        a, b = np.floor(x / 0.36 + 0.5) % 2, np.floor(z / 0.36 + 0.5) % 2
        pale = 1.0 - 0.5 * (a + b)
        paint += (np.asarray((0.80, 0.77, 0.70), np.float32) - paint) * (pale * (0.2 + 0.8 * near))[:, None]
    elif stage.floor_kind == "moss":
        bumps = np.sin(x * 23 + np.sin(z * 17) * 2) * np.sin(z * 21 + np.sin(x * 19) * 2)
        paint *= (1 + 0.28 * near * bumps + 0.14 * near * np.sin(x * 61 + z * 47) * np.sin(z * 53 - x * 37))[
            :, None
        ]
    return paint


def _backdrop(stage: Stage, camera: _Camera) -> Floats:
    u, v = camera.u, camera.v
    wall = np.asarray(stage.wall, np.float32)
    shade = 1.0 - 0.16 * (u * u + (v - 0.25) ** 2) + 0.06 * v
    picture = wall * clip(shade, 0.2, 1.3)[:, None]
    random = np.random.default_rng(stage.seed)
    if stage.backdrop == "window":
        leaning = u * 0.96 + v * 0.28 + 0.42
        tall = v - 0.10 * u - 0.30
        beam = _pane(leaning, -0.62, 0.62) * _pane(tall, -0.62, 0.66)
        beam *= 1 - _pane(leaning, -0.035, 0.035)
        beam *= 1 - _pane(tall, 0.0, 0.07)
        picture *= (0.62 + 0.75 * beam)[:, None]
    elif stage.backdrop in {"lights", "garden"}:
        for _ in range(46):
            cx, cy = random.uniform(-1.25, 1.25), random.uniform(-0.35, 1.15)
            radius = random.uniform(0.07, 0.24)
            hue = np.array(stage.lamp_colour if stage.backdrop == "lights" else (0.75, 1.0, 0.32), np.float32)
            hue = hue * random.uniform(0.25, 1.0, 3).astype(np.float32) ** 0.4
            away = np.hypot(u - cx, v - cy) / radius
            disc = clip((1 - away) / 0.16, 0, 1) * (0.75 + 0.25 * clip(away, 0, 1))
            picture += (disc * random.uniform(0.03, 0.22))[:, None] * hue
    return picture


def _pane(value: Floats, low: float, high: float) -> Floats:
    soft = 0.035
    return clip((value - low) / soft + 0.5, 0, 1) * clip((high - value) / soft + 0.5, 0, 1)


def _unit(vector: Floats) -> Floats:
    length = np.sqrt(np.sum(vector * vector, axis=-1, keepdims=True))
    return np.asarray(vector / np.maximum(length, 1e-9), np.float32)
