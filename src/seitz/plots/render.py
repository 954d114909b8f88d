"""A figure drawn by a browser: ``python render.py PICTURE SECONDS < order.json``.

Run as a process of its own, which ends in time whatever the browser does. Imports nothing of the package.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

NO_BROWSER = 3
TOO_SLOW = 4
_CLOSING = 5.0  # s


def main(picture: str, seconds: str) -> int:
    """Draw what standard input orders; the outcome is an exit code."""
    import kaleido
    from choreographer.errors import ChromeNotFoundError

    order = json.load(sys.stdin.buffer)
    try:
        browser = kaleido.Kaleido(n=1, timeout=float(seconds), mathjax=False)
    except ChromeNotFoundError:
        return NO_BROWSER
    try:
        data = asyncio.run(_drawn(browser, order, float(seconds)))
    except TimeoutError:
        return TOO_SLOW
    Path(picture).write_bytes(data)
    return 0


async def _drawn(browser: Any, order: dict[str, Any], seconds: float) -> bytes:
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            await browser.open()
            data: bytes = await browser.calc_fig(order["figure"], opts=order["options"])
        with contextlib.suppress(Exception):  # the picture is there
            async with asyncio.timeout(_CLOSING):
                await browser.close()
        return data
    except Exception:
        if limit.expired():  # kaleido takes the end of the time for the end of the browser
            raise TimeoutError from None
        raise
    finally:
        _end(getattr(browser, "subprocess", None))


def _end(process: Any) -> None:
    """Kill a browser that is still there, with all its processes: it leads a group of its own."""
    if process is None or process.poll() is not None:
        return
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


if __name__ == "__main__":
    try:
        code = main(*sys.argv[1:])
    except Exception as error:
        reason = error.args[0] if error.args else type(error).__name__
        sys.stderr.write(" ".join(str(reason).split()))
        code = 1
    sys.stderr.flush()
    os._exit(code)  # threads that wait for a browser must not delay the end
