"""Digests of downloaded models: recorded when a file first comes, asked for whenever it is used."""

from __future__ import annotations

import json
from pathlib import Path

from seitz.errors import DownloadError
from seitz.io.files import replacing

#: Name of the record in the folder of models.
DIGESTS = "digests.json"


def recorded(folder: Path) -> dict[str, str]:
    """SHA-256 by name of the model; DownloadError if the record cannot be read."""
    try:
        content = json.loads((folder / DIGESTS).read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError("no JSON object")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise DownloadError(f"{folder / DIGESTS}: {error}: mend or remove it") from None
    return {str(name): str(digest) for name, digest in content.items()}


def record(folder: Path, model: str, digest: str) -> None:
    """Note the digest of a file that came for the first time."""
    known = recorded(folder) | {model: digest}
    with replacing(folder / DIGESTS) as temporary:
        temporary.write_text(json.dumps(known, indent=1), encoding="utf-8")
