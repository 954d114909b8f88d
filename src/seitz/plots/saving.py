"""Figures in files: complete or absent."""

from __future__ import annotations

import html
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from seitz._optional import load_optional
from seitz._typing import PathLike
from seitz.errors import MissingExtraError, OptionError, WriteError

from .render import NO_BROWSER, TOO_SLOW
from .style import REQUIREMENT, plotly
from .views import HEIGHT, WIDTH, frame

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

#: Where an HTML page has plotly.js from: inside it, or from plotly's server.
PlotlySource = Literal["embed", "cdn"]

_FORMATS = (".html", ".png", ".svg")
_PATIENCE = 20.0  # s, for a process that should have ended itself
_HEADS = {".png": b"\x89PNG", ".svg": b"<svg"}

# The button that sends a figure to a server is off: nothing leaves the machine.
_CONFIG = {"displaylogo": False, "showSendToCloud": False, "responsive": True}
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>html, body {{ height: 100%; margin: 0; background: white; }}</style>
</head>
<body>
{figure}
</body>
</html>
"""
# A window narrower than a crystal needs shows it smaller.
_FIT = """
var page = document.getElementById("figure"), room = page._fullLayout._size;
var share = room.w / room.h / NEEDED, ratio = page._fullLayout.scene.aspectratio;
if (share < 1) Plotly.relayout(page, {
    "scene.aspectratio": {x: share * ratio.x, y: share * ratio.y, z: share * ratio.z}
});
"""


def save(
    figure: Figure,
    path: PathLike,
    *,
    width: int | None = None,
    height: int | None = None,
    scale: float = 2.0,
    timeout: float = 120.0,
    plotly_js: PlotlySource = "embed",
) -> None:
    """Write a figure to a file; the suffix says how.

    Parameters
    ----------
    figure
        Any plotly figure.
    path
        ``.html``: interactive, opens without a network (see ``plotly_js``). ``.svg`` and ``.png``: pictures, for which
        kaleido starts a Chrome or Chromium that is installed.
    width, height
        Size of a picture in pixels; that of the figure's layout, or 900 × 600.
    scale
        How many times finer a PNG is than its size says.
    timeout
        How long making a picture may take, s.
    plotly_js
        ``"embed"``: a page carries plotly.js, 4.8 MB, and needs no network. ``"cdn"``: the browser fetches it from
        plotly's server whenever the page is opened.

    Raises
    ------
    OptionError
        Another suffix, something that is no figure, or a size that is no positive number.
    MissingExtraError
        A picture without kaleido or a browser.
    WriteError
        The browser failed or took too long, or the file cannot be written; it is left as it was.
    """
    from seitz.io import replacing

    target = Path(path)
    suffix = target.suffix.lower()
    if suffix not in _FORMATS:
        raise OptionError(f"{target.name}: the suffix {suffix!r} is not one of {', '.join(_FORMATS)}")
    if not isinstance(figure, plotly().Figure):
        raise OptionError(f"{type(figure).__name__!r} is no plotly figure")
    for name, value in (("width", width), ("height", height), ("scale", scale), ("timeout", timeout)):
        if value is not None and (
            isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf
        ):
            raise OptionError(f"{name}={value!r}: give a positive number")
    if plotly_js not in get_args(PlotlySource):
        raise OptionError(f"plotly_js={plotly_js!r}: give 'embed' or 'cdn'")
    if suffix == ".html":
        data = _page(figure, plotly_js).encode()
    elif plotly_js != "embed":
        raise OptionError(f"plotly_js={plotly_js!r} is for .html, not for {suffix}: leave it out")
    else:
        size = {
            "width": width or figure.layout.width or WIDTH,
            "height": height or figure.layout.height or HEIGHT,
            "scale": scale if suffix == ".png" else 1.0,
        }
        data = _picture(figure, suffix, size, timeout)
    with replacing(target) as temporary:
        temporary.write_bytes(data)


def _page(figure: Figure, plotly_js: PlotlySource) -> str:
    """A whole document with everything it needs inside, or all but plotly.js."""
    known = _fitted_to(figure)
    fit = None if known is None else _FIT.replace("NEEDED", repr(known[0]))
    body = figure.to_html(
        full_html=False,
        include_plotlyjs=True if plotly_js == "embed" else "cdn",
        config=_CONFIG,
        div_id="figure",
        default_height="100%",
        post_script=fit,
    )
    title = figure.layout.title.text or "Figure"
    return _PAGE.format(title=html.escape(title), figure=body)


def _fitted_to(figure: Figure) -> tuple[float, float] | None:
    """Of a crystal: the width of the frame it needs, in heights, and pixels of the legend; None for other figures."""
    meta = figure.layout.meta
    known = meta.get("seitz_frame") if isinstance(meta, dict) else None
    return None if known is None else (float(known[0]), float(known[1]))


def fitted(figure: Figure, width: float, height: float) -> dict[str, Any]:
    """The figure as JSON has it; a crystal is smaller in a picture narrower than it needs."""
    drawn: dict[str, Any] = json.loads(figure.to_json())
    known = _fitted_to(figure)
    if known is not None:
        needed, legend = known
        share = min(1.0, frame(width, height, legend) / needed)
        ratio = drawn["layout"]["scene"]["aspectratio"]
        ratio.update({axis: share * length for axis, length in ratio.items()})
    return drawn


def _picture(figure: Figure, suffix: str, size: dict[str, Any], timeout: float) -> bytes:
    """Drawn by a browser that a process of its own starts, so that nothing here can hang or stay behind."""
    load_optional("kaleido", REQUIREMENT)
    order = {
        "figure": fitted(figure, size["width"], size["height"]),
        "options": {"format": suffix[1:], **size},
    }
    # Also the browser keeps its files there.
    with tempfile.TemporaryDirectory(prefix="seitz-", ignore_cleanup_errors=True) as folder:
        made = Path(folder, f"picture{suffix}")
        places = dict.fromkeys(("TMPDIR", "TMP", "TEMP"), folder)
        command = [sys.executable, "-P", str(Path(__file__).with_name("render.py")), str(made), repr(timeout)]
        try:
            done = subprocess.run(
                command,
                input=json.dumps(order).encode(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=os.environ | places,
                timeout=timeout + _PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise _too_slow(timeout) from None
        if done.returncode == NO_BROWSER:
            raise MissingExtraError(
                f"{suffix[1:]} pictures need a browser: install Chrome or Chromium, or run kaleido_get_chrome; "
                "or write .html"
            )
        if done.returncode == TOO_SLOW:
            raise _too_slow(timeout)
        data = made.read_bytes() if done.returncode == 0 and made.exists() else b""
    if not data.startswith(_HEADS[suffix]):
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise WriteError(f"the browser made no picture: {said[-1] if said else 'no reason given'}; try .html")
    return data


def _too_slow(timeout: float) -> WriteError:
    return WriteError(
        f"the browser made no picture within {timeout:g} s: give it more with timeout=, or write .html"
    )
