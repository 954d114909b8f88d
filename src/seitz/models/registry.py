"""Models by name: those of the package, those of the user's folder, and those that can be downloaded."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from seitz.errors import CardError, ModelError

from .audit import Audited, audit
from .card import METADATA_KEY, ModelCard, card_from_dict, card_from_json
from .runtime import OnnxModel

_SUFFIX = ".onnx"
_BUNDLED = Path(__file__).parent.parent / "data" / "models"


class Listed(NamedTuple):
    """One entry of the list of models."""

    name: str
    where: str
    """``"bundled"``, ``"user"`` or ``"downloadable"``."""
    path: Path | None
    """None until it is downloaded."""
    card: ModelCard | None
    """None if the file holds none, or cannot be read."""
    trouble: str = ""
    """Why it cannot be used."""


def user_folder() -> Path:
    """Where added and downloaded models are: ``SEITZ_MODELS``, or the platform's folder for data of programs."""
    if given := os.environ.get("SEITZ_MODELS"):
        return Path(given)
    base = (
        os.environ.get("XDG_DATA_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".local" / "share"
    )
    return Path(base) / "seitz" / "models"


def list_models() -> tuple[Listed, ...]:
    """All models, by name; those of the user hide bundled ones of the same name."""
    found: dict[str, Listed] = {}
    for where, folder in (("bundled", _BUNDLED), ("user", user_folder())):
        for path in sorted(folder.glob(f"*{_SUFFIX}")) if folder.is_dir() else ():
            name = path.name.removesuffix(_SUFFIX)
            try:
                _, card = _carded(path)
                found[name] = Listed(name, where, path, card)
            except (ModelError, CardError) as error:
                found[name] = Listed(name, where, path, None, str(error))
    for name, card in downloadable().items():
        found.setdefault(name, Listed(name, "downloadable", None, card))
    return tuple(found[name] for name in sorted(found, key=lambda n: (n != "default", n)))


def load(model: str | os.PathLike[str]) -> OnnxModel:
    """A model by its name or file: audited before anything in it runs.

    Raises
    ------
    ModelError
        No such model; or a file that holds what has no place in one, the message says what.
    CardError
        A file without a card, or whose features are no longer those of this version.
    """
    path = _path_of(os.fspath(model))
    status = path.stat()
    return _loaded(str(path), status.st_mtime_ns, status.st_size)


@cache
def _loaded(path: str, changed: int, size: int) -> OnnxModel:
    audited, card = _carded(Path(path))
    card.check_schema()
    return OnnxModel(audited, card)


def card(model: str | os.PathLike[str]) -> ModelCard:
    """The card of a model by its name or file; also of one that is not downloaded yet."""
    known = downloadable()
    if os.fspath(model) in known and not _is_there(os.fspath(model)):
        return known[os.fspath(model)]
    return _carded(_path_of(os.fspath(model)))[1]


def add(
    path: str | os.PathLike[str],
    *,
    name: str = "",
    descriptor: str = "",
    property: str = "",
    unit: str = "",
    replace: bool = False,
    **fields: Any,
) -> Path:
    """Put a model into the user's folder, where it has a name; it is audited first and never changed.

    Parameters
    ----------
    path
        An ONNX file.
    name
        What to call it; by default the card's or the file's name.
    descriptor, property, unit, **fields
        For a file without a card: its features, what it predicts, and other fields of :class:`ModelCard`.
    replace
        Whether a model of this name may be replaced.

    Raises
    ------
    ModelError
        The file is refused, or there is a model of this name.
    CardError
        It has no card, and what it takes or gives is not said.
    """
    audited = audit(path)
    title = name or Path(path).name.removesuffix(_SUFFIX)
    if METADATA_KEY in audited.metadata and not (descriptor or property or unit):
        own = card_from_json(audited.metadata[METADATA_KEY])
        own.check_schema()
        title = name or own.name
    else:
        own = card_from_dict(
            {"name": title, "descriptor": descriptor, "property": property, "unit": unit, **fields}
        )
        own.check_schema()
    _check_width(audited, own)
    _check_name(title)
    target = user_folder() / f"{title}{_SUFFIX}"
    if target.exists() and not replace:
        raise ModelError(f"there is a model called {title}: choose another name, or replace=True")
    _written(target, audited.content)
    _written(target.with_suffix(".json"), own.to_json().encode())
    return target


def _written(target: Path, content: bytes) -> None:
    from seitz.io.files import replacing

    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as temporary:
        Path(temporary).write_bytes(content)


def _check_name(name: str) -> None:
    if not name or any(c in name for c in "/\\\0:") or name.startswith((".", "-")) or len(name) > 100:
        raise ModelError(f"{name[:100]!r} is no name for a model: letters, digits, - and _ are")


def _check_width(audited: Audited, own: ModelCard) -> None:
    from seitz.descriptors import descriptor as find_descriptor

    wanted = len(find_descriptor(own.descriptor))
    if wanted not in {port.shape[-1] for port in audited.inputs if port.shape} | {None} and not any(
        port.shape and port.shape[-1] is None for port in audited.inputs
    ):
        shapes = ", ".join(f"{port.name} {port.shape}" for port in audited.inputs)
        raise ModelError(f"{own.descriptor} has {wanted} features, but the model takes {shapes}")


def _carded(path: Path) -> tuple[Audited, ModelCard]:
    """An audited file, and the card in it or beside it."""
    audited = audit(path)
    beside = path.with_suffix(".json")
    if beside.is_file():
        try:
            found = card_from_dict(json.loads(beside.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise CardError(f"{beside}: {error}") from None
    elif METADATA_KEY in audited.metadata:
        found = card_from_json(audited.metadata[METADATA_KEY])
    else:
        raise CardError(
            f"{path} has no model card: say what it takes and gives with seitz.models.add(path, descriptor=..., "
            "property=..., unit=...), or 'seitz models add'"
        )
    _check_width(audited, found)
    return audited, found


def _is_there(name: str) -> bool:
    return any((folder / f"{name}{_SUFFIX}").is_file() for folder in (user_folder(), _BUNDLED))


def _path_of(model: str) -> Path:
    for folder in (user_folder(), _BUNDLED):
        path = folder / f"{model}{_SUFFIX}"
        if model and os.sep not in model and "\0" not in model and path.is_file():
            return path
    try:
        if Path(model).is_file():
            return Path(model)
    except (OSError, ValueError):
        pass
    if model in downloadable():
        raise ModelError(f"{model} is not downloaded yet: seitz models pull {model}")
    names = ", ".join(entry.name for entry in list_models())
    raise ModelError(
        f"no model is called {model[:200]!r}, and there is no such file; there is {names or 'none'}"
    )


@cache
def downloadable() -> Mapping[str, ModelCard]:
    """Cards of published models that are not part of the package."""
    from .published import PUBLISHED

    return {entry.card.name: entry.card for entry in PUBLISHED}
