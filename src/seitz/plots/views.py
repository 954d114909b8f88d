"""From where a crystal is seen, and how large, so that all of it is in the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from seitz._typing import FloatArray

WIDTH, HEIGHT = 900, 600  # pixels, of a picture where nobody says more
MARGIN = {"l": 10, "r": 10, "t": 60, "b": 10}

_EYE = np.array([0.80, -1.80, 0.85])
_LIGHT = np.array([-0.25, -0.70, 0.67]) / np.linalg.norm([-0.25, -0.70, 0.67])  # where it comes from
_LONG = 2.0  # how many times longer than wide a crystal is turned, to be seen from its side
_FILLED = 0.90  # of the frame; the rest is for letters, which have a size in pixels
_FAR = 1.6  # of the eye, in radii of what is drawn: what is behind the eye would be cut off, also after zooming in
_NARROWEST = 0.1


def turn_of(lattice: FloatArray) -> FloatArray:
    """(3, 3) rotation about z that lays the longest horizontal extent of a long unit cell along x."""
    _, sizes, axes = np.linalg.svd(lattice[:, :2])
    along = axes[0] * (-1.0 if axes[0][0] < -1e-9 else 1.0)
    x, y = along if sizes[0] > _LONG * sizes[1] else (1.0, 0.0)
    return np.array([[x, y, 0.0], [-y, x, 0.0], [0.0, 0.0, 1.0]])


def light_of(turn: FloatArray) -> FloatArray:
    """Unit vector to the light: it stands still for who looks."""
    light: FloatArray = _LIGHT @ turn
    return light


def axes_of(eye: FloatArray) -> FloatArray:
    """(3, 3) unit vectors to the right, up and to the eye, z being up."""
    towards = eye / np.linalg.norm(eye)
    right = np.cross([0.0, 0.0, 1.0], towards)
    right /= np.linalg.norm(right)
    return np.array([right, np.cross(towards, right), towards])


def legend_width(labels: Sequence[str], title: str) -> float:
    """Pixels, about."""
    return max(45 + 8.5 * max(map(len, labels)), 10 + 8.5 * len(title))


def frame(width: float, height: float, legend: float) -> float:
    """Width of what a legend and the margins leave of a picture, in heights."""
    across = width - MARGIN["l"] - MARGIN["r"] - legend
    return max(across / max(height - MARGIN["t"] - MARGIN["b"], 1.0), _NARROWEST)


def view(points: FloatArray, turn: FloatArray, width: float) -> tuple[dict[str, Any], float]:
    """A scene of plotly that shows all points in a frame so many heights wide, and how wide a frame it needs.

    In parallel projection the frame is 2 high in units of the aspect ratio, and the middle of the axes is its middle.
    """
    eye = _EYE @ turn
    points = points[np.isfinite(points).all(axis=1)]
    axes = axes_of(eye)
    seen = points @ axes.T
    low, high = seen.min(axis=0), seen.max(axis=0)
    middle = (low + high) / 2 @ axes
    across, up, _ = (high - low).tolist()
    scale = 2 * _FILLED / max(across / width, up)
    reach = 1.02 * np.abs(points - middle).max(axis=0)  # lines on the very border would be cut
    radius = scale * float(np.linalg.norm(points - middle, axis=1).max())
    eye *= max(1.0, _FAR * radius / math.hypot(*eye))
    hidden = {"visible": False, "showspikes": False}
    ranges = np.column_stack([middle - reach, middle + reach]).tolist()
    scene = {
        **{f"{axis}axis": {**hidden, "range": span} for axis, span in zip("xyz", ranges, strict=True)},
        "aspectmode": "manual",
        "aspectratio": dict(zip("xyz", (2 * scale * reach).tolist(), strict=True)),
        "camera": {
            "projection": {"type": "orthographic"},
            "eye": dict(zip("xyz", eye.tolist(), strict=True)),
        },
    }
    return scene, min(width, max(across / up, _NARROWEST))
