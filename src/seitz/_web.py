"""Manners on the network: when to ask again, and how long to wait before."""

from __future__ import annotations

#: Answers after which the same question may be put again.
ASK_AGAIN = frozenset((408, 425, 429, 500, 502, 503, 504))
#: Nobody is waited for longer, in seconds, whatever is asked.
LONGEST_WAIT = 120.0


def asked_wait(retry_after: str | None) -> float | None:
    """Seconds that a ``Retry-After`` header asks to wait; None where it asks for nothing that can be understood.

    Examples
    --------
    >>> asked_wait("7"), asked_wait("Wed, 21 Oct 2015 07:28:00 GMT"), asked_wait("soon")
    (7.0, 0.0, None)
    """
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    import time
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None
