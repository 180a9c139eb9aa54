"""What the words of a prompt do to a picture: weather, light, season and technique, painted over it.

Weather falls mostly behind whoever is in the picture, and nobody's face is buried in snow.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

from bot.sandbox._brushes import (
    Canvas,
    Floats,
    blur,
    confetti,
    grade,
    hold,
    luma,
    noise,
    over,
    scatter,
    screen,
    strokes,
    to_image,
    vignette,
)

_AT_MOST = 3

Treatment = Callable[[Floats, Canvas], Floats]


def treat(picture: Floats, words: list[str], canvas: Canvas) -> Floats:
    """Apply what the words ask for, at most three things, in the order they were said."""
    wanted: list[Treatment] = []
    for word in words:
        treatment = WORDS.get(word) or WORDS.get(word.removesuffix("s"))
        if treatment is not None and treatment not in wanted:
            wanted.append(treatment)
    # Technique comes last: a drawing of snow is a drawing, not snow on a drawing.
    wanted = sorted(wanted[:_AT_MOST], key=lambda treatment: treatment in _TECHNIQUES)
    if not wanted:
        picture = _mood(picture, canvas)
    for treatment in wanted:
        picture = hold(treatment(picture, canvas))
    return vignette(picture, 0.22)


def _snow(picture: Floats, canvas: Canvas) -> Floats:
    picture = grade(picture, shadows=(0.02, 0.04, 0.09), gain=(0.94, 1.0, 1.08), saturation=0.84)
    _, down = canvas.grid()
    drift = hold((down - 0.72 + 0.05 * noise(canvas, 5)) / 0.22) * (1 - 0.85 * canvas.subject)
    picture = over(picture, (0.95, 0.97, 1.0), 0.82 * drift)
    picture = over(picture, (0.86, 0.91, 0.98), 0.22 * (1 - canvas.subject))
    for count, radius, soft, strength in ((420, 1.6, 0.6, 0.85), (150, 3.4, 1.2, 0.8), (34, 8.0, 4.0, 0.7)):
        flakes = scatter(canvas, count, radius, soft)
        picture = over(picture, (1.0, 1.0, 1.0), strength * flakes * (1 - 0.35 * canvas.subject))
    return picture


def _rain(picture: Floats, canvas: Canvas) -> Floats:
    picture = grade(picture, shadows=(0.0, 0.02, 0.05), gain=(0.80, 0.88, 0.96), saturation=0.62)
    streaks = strokes(canvas, 260, length=0.09, lean=0.16, width=2)
    picture = over(picture, (0.86, 0.92, 1.0), 0.5 * streaks * (1 - 0.5 * canvas.subject))
    return over(picture, (0.62, 0.70, 0.78), 0.18 * (1 - canvas.subject))


def _fog(picture: Floats, canvas: Canvas) -> Floats:
    _, down = canvas.grid()
    bank = hold(0.45 + 0.35 * noise(canvas, 3) + 0.3 * np.abs(down - 0.45)) * (1 - 0.7 * canvas.subject)
    return over(grade(picture, saturation=0.7), (0.86, 0.88, 0.90), 0.72 * bank)


def _sunset(picture: Floats, canvas: Canvas) -> Floats:
    across, down = canvas.grid()
    x = 0.16 if canvas.random.random() < 0.5 else 0.84
    near = np.hypot(across - x, (down - 0.2) * 1.1)
    picture = grade(picture, shadows=(0.05, 0.01, 0.06), gain=(1.12, 0.92, 0.72), saturation=1.12)
    picture = over(picture, (0.99, 0.42, 0.26), 0.40 * hold(1 - down * 1.25) * (1 - 0.6 * canvas.subject))
    picture = over(picture, (0.36, 0.16, 0.42), 0.20 * down)
    return screen(
        picture, (1.0, 0.72, 0.34), 0.95 * np.exp(-((near / 0.20) ** 2)) + 0.34 * np.exp(-near / 0.34)
    )


def _golden(picture: Floats, canvas: Canvas) -> Floats:
    across, down = canvas.grid()
    picture = grade(picture, shadows=(0.04, 0.02, 0.0), gain=(1.10, 1.0, 0.80), saturation=1.08)
    rays = hold(np.sin((across * 1.2 + down) * 14 + canvas.random.uniform(0, 6)) * 0.5 + 0.5) ** 3
    return screen(picture, (1.0, 0.84, 0.50), (0.10 + 0.20 * rays) * hold(1.1 - across - 0.6 * down))


def _sea(picture: Floats, canvas: Canvas) -> Floats:
    _, down = canvas.grid()
    behind = 1 - 0.9 * canvas.subject
    picture = grade(picture, shadows=(0.0, 0.03, 0.05), gain=(0.98, 1.02, 1.06), saturation=1.08)
    picture = over(picture, (0.60, 0.86, 0.98), 0.66 * hold(1 - down / 0.46) ** 0.7 * behind)
    water = np.exp(-(((down - 0.46) / 0.13) ** 2)) * behind
    picture = over(picture, (0.10, 0.56, 0.68), 0.42 * water)
    picture = over(picture, (0.94, 0.83, 0.62), 0.50 * hold((down - 0.62) / 0.24) * behind)
    glitter = scatter(canvas, 240, 1.8, 0.6) + 0.55 * scatter(canvas, 36, 9.0, 1.2)
    return screen(picture, (1.0, 1.0, 0.94), 0.85 * glitter * water)


def _forest(picture: Floats, canvas: Canvas) -> Floats:
    picture = grade(picture, shadows=(0.0, 0.04, 0.01), gain=(0.94, 1.06, 0.86), saturation=1.1)
    picture = over(picture, (0.16, 0.34, 0.12), 0.34 * (1 - canvas.subject))
    return screen(picture, (0.72, 0.95, 0.42), 0.34 * scatter(canvas, 46, 26.0, 5.0) * (1 - canvas.subject))


def _petals(picture: Floats, canvas: Canvas) -> Floats:
    picture = grade(picture, gain=(1.05, 1.0, 1.02), saturation=1.1)
    picture = over(picture, (1.0, 0.86, 0.92), 0.20 * (1 - canvas.subject))
    return confetti(picture, canvas, 90, ((0.98, 0.70, 0.80), (1.0, 0.86, 0.90), (0.95, 0.55, 0.68)), 13)


def _autumn(picture: Floats, canvas: Canvas) -> Floats:
    picture = grade(picture, shadows=(0.04, 0.01, 0.0), gain=(1.10, 0.95, 0.76), saturation=1.05)
    picture = over(picture, (0.72, 0.36, 0.10), 0.24 * (1 - canvas.subject))
    return confetti(picture, canvas, 70, ((0.80, 0.30, 0.06), (0.90, 0.58, 0.12), (0.60, 0.14, 0.06)), 19)


def _party(picture: Floats, canvas: Canvas) -> Floats:
    colours = (
        (0.96, 0.26, 0.36),
        (0.20, 0.62, 0.94),
        (0.99, 0.82, 0.22),
        (0.30, 0.78, 0.44),
        (0.72, 0.42, 0.92),
    )
    return confetti(grade(picture, saturation=1.18), canvas, 150, colours, 10)


def _night(picture: Floats, canvas: Canvas) -> Floats:
    across, down = canvas.grid()
    picture = grade(picture, shadows=(0.0, 0.01, 0.05), gain=(0.50, 0.59, 0.86), saturation=0.85)
    sky = hold(1.05 - down * 1.4) * (1 - canvas.subject)
    picture = over(picture, (0.03, 0.05, 0.17), 0.75 * sky)
    picture = screen(picture, (0.95, 0.97, 1.0), scatter(canvas, 170, 1.5, 0.5) * sky)
    near = np.hypot(across - 0.17, down - 0.16)
    moon = hold((0.062 - near) / 0.006)
    bitten = hold((0.056 - np.hypot(across - 0.198, down - 0.146)) / 0.006)
    crescent = moon * (1 - bitten) * (1 - canvas.subject)
    return screen(picture, (1.0, 0.97, 0.86), crescent + 0.40 * np.exp(-near / 0.11))


def _space(picture: Floats, canvas: Canvas) -> Floats:
    behind = 1 - canvas.subject
    cloud = hold(noise(canvas, 4) * 0.7 + 0.35)
    picture = grade(picture, gain=(0.86, 0.84, 1.05), saturation=1.1)
    picture = over(picture, (0.03, 0.02, 0.10), 0.86 * behind)
    picture = screen(picture, (0.62, 0.22, 0.78), 0.55 * cloud * behind)
    picture = screen(picture, (0.12, 0.42, 0.85), 0.45 * hold(noise(canvas, 3)) * behind)
    return screen(picture, (1.0, 1.0, 1.0), scatter(canvas, 320, 1.4, 0.5) * behind)


def _neon(picture: Floats, canvas: Canvas) -> Floats:
    across, _ = canvas.grid()
    grey = luma(picture)[..., None]
    picture = grade(picture, gain=(0.72, 0.70, 0.90), saturation=1.1)
    picture = screen(picture, (1.0, 0.10, 0.62), 0.62 * hold(1 - across * 1.7) * (0.25 + grey[..., 0]))
    picture = screen(picture, (0.0, 0.78, 1.0), 0.62 * hold(across * 1.7 - 0.7) * (0.25 + grey[..., 0]))
    lights = scatter(canvas, 26, 22.0, 3.0) * (1 - canvas.subject)
    return screen(picture, (0.9, 0.3, 1.0), 0.42 * lights)


def _mono(picture: Floats, canvas: Canvas) -> Floats:
    grey = luma(picture)
    grey = grey + 0.16 * np.sin((grey - 0.5) * np.pi) * 0.8 + canvas.random.normal(0, 0.018, grey.shape)
    return np.repeat(grey[..., None], 3, axis=2)


def _vintage(picture: Floats, canvas: Canvas) -> Floats:
    picture = grade(picture, shadows=(0.10, 0.08, 0.07), gain=(0.98, 0.86, 0.66), saturation=0.55)
    grain = canvas.random.normal(0, 0.030, (canvas.size, canvas.size, 1))
    return vignette(picture + grain, 0.42)


def _sketch(picture: Floats, canvas: Canvas) -> Floats:
    grey = luma(picture)
    dodge = hold(grey / np.maximum(blur(grey, 9.0), 0.03))
    hatch = 0.5 + 0.5 * np.sin((canvas.grid()[0] + canvas.grid()[1]) * canvas.size * 0.62)
    lines = dodge**2.2 - 0.20 * hold(0.42 - blur(grey, 2.0)) * hatch * 2
    paper: Floats = np.asarray((0.97, 0.955, 0.925)) + 0.012 * noise(canvas, 60)[..., None]
    ink: Floats = np.asarray((0.16, 0.16, 0.20))
    return ink + (paper - ink) * hold(lines)[..., None]


def _painting(picture: Floats, canvas: Canvas) -> Floats:
    image = to_image(picture).filter(ImageFilter.ModeFilter(7))
    flat = blur(np.asarray(image, np.float64) / 255, 1.0)
    weave = 0.05 * noise(canvas, 48)[..., None] + 0.02 * noise(canvas, 160)[..., None]
    return grade(flat + weave * 0.8, saturation=1.28)


def _comic(picture: Floats, canvas: Canvas) -> Floats:
    image = to_image(picture)
    # Small first: grass and fur become areas, which is what a comic has.
    image = image.resize((canvas.size // 2, canvas.size // 2), Image.Resampling.BOX)
    image = image.filter(ImageFilter.MedianFilter(7)).resize(
        (canvas.size, canvas.size), Image.Resampling.BICUBIC
    )
    smooth = np.asarray(image, np.float64) / 255
    grey = luma(smooth)
    # Brightness goes in steps; steps in each colour by itself would speckle whatever is nearly grey.
    steps = (np.round(grey * 5 + 0.25) / 5 + 0.02) / (grey + 0.02)
    flat = hold(grade(smooth * steps[..., None], saturation=1.5))
    lines = hold((np.abs(blur(grey, 1.0) - blur(grey, 3.2)) - 0.030) / 0.03)
    across, down = canvas.grid()
    dots = np.sin((across + down) * 210) * np.sin((across - down) * 210)
    flat = flat * (1 - 0.20 * hold((dots - grey) / 0.25 + 0.3)[..., None])
    return flat * (1 - 0.92 * lines[..., None])


def _cool(picture: Floats, canvas: Canvas) -> Floats:
    return over(grade(picture, gain=(0.86, 0.98, 1.12)), (0.55, 0.74, 0.95), 0.14 * (1 - canvas.subject))


def _warm(picture: Floats, canvas: Canvas) -> Floats:
    return over(grade(picture, gain=(1.10, 0.99, 0.84)), (1.0, 0.70, 0.40), 0.14 * (1 - canvas.subject))


def _mood(picture: Floats, canvas: Canvas) -> Floats:
    """Words that say nothing to us still choose a tint."""
    red, green, blue = (float(value) for value in canvas.random.uniform(0.35, 1.0, 3))
    return over(grade(picture, saturation=1.08), (red, green, blue), 0.20 * (1 - canvas.subject))


_TECHNIQUES = (_mono, _vintage, _sketch, _painting, _comic)

_SAID: tuple[tuple[Treatment, str], ...] = (
    (_snow, "snow snowy snowing winter christmas ice icy blizzard ski"),
    (_rain, "rain rainy raining storm stormy umbrella"),
    (_fog, "fog foggy mist misty cloud cloudy smoke"),
    (_sunset, "sunset sunrise dusk dawn evening"),
    (_golden, "golden gold sun sunny sunlight morning summer desert"),
    (_sea, "sea beach ocean seaside coast wave island water lake sailing"),
    (_forest, "forest wood jungle tree garden park meadow grass green nature mountain"),
    (_petals, "petal flower spring blossom rose wedding cherry"),
    (_autumn, "autumn fall leaf leaves october"),
    (_party, "party confetti birthday celebration festival carnival"),
    (_night, "night moon star starry midnight dark"),
    (_space, "space galaxy astronaut planet nebula cosmic"),
    (_neon, "neon cyberpunk city tokyo disco club synthwave"),
    (_mono, "mono monochrome black noir grayscale greyscale bw portrait"),
    (_vintage, "vintage retro sepia film old polaroid 1970s"),
    (_sketch, "sketch pencil drawing drawn line ink"),
    (_painting, "painting oil watercolor watercolour painted impressionist canvas"),
    (_comic, "comic cartoon pop poster manga anime"),
    (_cool, "cool cold blue"),
    (_warm, "warm cosy cozy fire candle orange red"),
)
WORDS: dict[str, Treatment] = {word: treatment for treatment, words in _SAID for word in words.split()}
