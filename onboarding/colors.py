"""Colors that can be read, whatever a partner or vendor chose (WCAG 2.2, 1.4.3: text has a contrast of 4.5:1)."""

from __future__ import annotations

from collections.abc import Sequence

BLACK, WHITE = "#000000", "#ffffff"
ACCENT = "#7a0bd0"  # of static/css/site.css, where a partner has chosen none
# What text and buttons of static/css/site.css stand on.
LIGHT, DARK = ("#ffffff", "#f7f7f9"), ("#181d29", "#10141d")
_ENOUGH = 4.5
_STEPS = 50


def ink_on(color: str) -> str:
    """Return black or white, whichever is easier to read on a color like #7a0bd0."""
    return max(BLACK, WHITE, key=lambda ink: contrast(ink, color))


def readable(color: str, grounds: Sequence[str]) -> str:
    """Return the color, or the nearest one towards black or white that can be read on all of the grounds."""
    end = ink_on(grounds[0])
    mixed = (_mix(color, end, step / _STEPS) for step in range(_STEPS + 1))
    return next(shade for shade in mixed if all(contrast(shade, ground) >= _ENOUGH for ground in grounds))


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colors, from 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: str) -> float:
    red, green, blue = (_linear(part / 255) for part in _parts(color))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


def _mix(color: str, end: str, share: float) -> str:
    mixed = (round(a + (b - a) * share) for a, b in zip(_parts(color), _parts(end), strict=True))
    return "#" + "".join(f"{part:02x}" for part in mixed)


def _parts(color: str) -> bytes:
    return bytes.fromhex(color.removeprefix("#"))
