"""Models by name: those of the package, those of the user's folder, and those that can be downloaded."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from seitz.errors import CardError, ModelError, WriteError

from .audit import Audited, audit, audit_bytes
from .card import METADATA_KEY, ModelCard, card_from_dict, card_from_json
from .runtime import OnnxModel
from .stamp import check_graph, with_card
from .trust import DIGESTS, recorded

_SUFFIX = ".onnx"
_BUNDLED = Path(__file__).parent.parent / "data" / "models"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_DEVICES = {"con", "prn", "aux", "nul"} | {f"{port}{k}" for port in ("com", "lpt") for k in range(10)}
_OWN = {DIGESTS.partition(".")[0]}


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
        for path in _files(folder):
            name = path.name.removesuffix(_SUFFIX)
            try:
                found[name] = Listed(name, where, path, _carded(path, _published(path))[1])
            except Exception as error:  # whatever one file holds, the others are listed
                found[name] = Listed(name, where, path, None, str(error) or type(error).__name__)
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
    try:
        status = path.stat()
    except OSError as error:  # removed in this moment
        raise ModelError(f"{path}: {error.strerror or error}") from None
    # A file that was put in the place of another has another inode, whatever its size and time.
    state = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return _loaded(str(path), _published(path), state)


@lru_cache(maxsize=32)
def _loaded(path: str, published: str, state: tuple[int, ...]) -> OnnxModel:
    audited, card = _carded(Path(path), published)
    card.check_schema()
    first = recorded(user_folder()).get(published) if published else None
    found = OnnxModel(audited, card, bound=bool(card.graph or first))
    if first not in (None, found.digest):
        raise ModelError(
            f"{path}: another file than the one that was downloaded first (its digest should be {first}): remove it "
            f"and pull {published} again"
        )
    return found


def card(model: str | os.PathLike[str]) -> ModelCard:
    """The card of a model by its name or file; also of one that is not downloaded yet."""
    known = downloadable()
    if os.fspath(model) in known and not _is_there(os.fspath(model)):
        return known[os.fspath(model)]
    path = _path_of(os.fspath(model))
    return _carded(path, _published(path))[1]


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
    """Put a model into the user's folder, where it has a name; it is audited first, and the original stays as it is.

    The copy carries its card: that of the file, or one of what is said here, with the digest of the original in
    ``extra["sha256"]``.

    Parameters
    ----------
    path
        An ONNX file.
    name
        What to call it, also on its card: letters, digits, ``-``, ``_`` and ``.``, and none of the names that bundled
        and published models have; by default the card's or the file's name.
    descriptor, property, unit, **fields
        For a file without a card, or instead of its card: its features, what it predicts, and other fields of
        :class:`ModelCard`.
    replace
        Whether a model of this name may be replaced.

    Raises
    ------
    ModelError
        The file is refused, or there is a model of this name.
    CardError
        It has no card, or one that is to be replaced, and what it takes or gives is not said.
    WriteError
        Nothing can be written to the folder.
    """
    if name:
        check_name(name)
    audited = audit(path)
    title = name or Path(path).name.removesuffix(_SUFFIX)
    has_card = METADATA_KEY in audited.metadata
    if has_card and not (descriptor or property or unit):
        own = card_from_json(audited.metadata[METADATA_KEY])
        own.check_schema()
        check_graph(audited.content, own)
        title, content = name or own.name, audited.content
        if title != own.name:
            content = _renamed(content, own, title)
    else:
        missing = [
            f"{key}=..."
            for key, said in (("descriptor", descriptor), ("property", property), ("unit", unit))
            if not said
        ]
        if missing:
            why = "has a model card; to replace it" if has_card else "has no model card:"
            raise CardError(f"{os.fspath(path)} {why} say what it takes and gives with {', '.join(missing)}")
        if fields.get("walk") and descriptor != "ward2017":
            raise CardError(f"walk={fields['walk']!r}: only ward2017 has walks, {descriptor} has not")
        own = card_from_dict(
            {"name": title, "descriptor": descriptor, "property": property, "unit": unit, **fields}
        )
        own.check_schema()
        content = _stamped(audited.content, own)
        audit_bytes(content)  # now that the card says how wide an open input is
    _check_width(audited, own)
    check_name(title)
    target = made_folder() / f"{title}{_SUFFIX}"
    if os.path.lexists(target) and not replace:
        _refuse_second(title)
    _write(target, content, title, replace=replace)
    return target


def remove(name: str) -> Path:
    """Remove a model from the user's folder; those of the package stay.

    Raises
    ------
    ModelError
        There is none of that name in the folder.
    WriteError
        It cannot be removed.
    """
    target = user_folder() / f"{name}{_SUFFIX}"
    if not _NAME.fullmatch(name) or not os.path.lexists(target):
        own = ", ".join(entry.name for entry in list_models() if entry.where == "user")
        raise ModelError(f"no model of yours is called {name[:100]!r}; there is {own or 'none'}")
    try:
        target.unlink()
    except OSError as error:
        raise WriteError(f"{target}: cannot be removed: {error.strerror or error}") from None
    return target


def _renamed(content: bytes, own: ModelCard, name: str) -> bytes:
    """The model under a name of its own: what it is called by is what it calls itself."""
    import onnx

    return with_card(onnx.ModelProto.FromString(content), dataclasses.replace(own, name=name))


def _stamped(content: bytes, own: ModelCard) -> bytes:
    """The model with a card in it: one file, so that no card is ever beside the weights of another model."""
    import onnx

    digest = hashlib.sha256(content).hexdigest()
    card = dataclasses.replace(own, extra={**own.extra, "sha256": digest})
    return with_card(onnx.ModelProto.FromString(content), card)


def _write(target: Path, content: bytes, title: str, *, replace: bool) -> None:
    """Give the complete file its name in one step; without ``replace`` only one of several writers can."""
    from seitz.io.files import replacing_together, write_error

    with replacing_together() as files:
        temporary = files.stage(target)
        try:
            with temporary.open("wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            if not replace and _claimed(temporary, target):
                files.drop(target)
        except FileExistsError:
            _refuse_second(title)
        except OSError as error:
            raise write_error(target, error) from error


def _claimed(temporary: Path, target: Path) -> bool:
    """Whether the file now has its name; otherwise the name is reserved. FileExistsError if another has it."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except (OSError, NotImplementedError, AttributeError):  # file systems without links
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        return False
    return True


def _refuse_second(title: str) -> NoReturn:
    raise ModelError(
        f"there is a model called {title}: choose another name (--name), or replace it (replace=True, --force)"
    )


def made_folder() -> Path:
    """The user's folder of models, made if need be; WriteError if that cannot be."""
    folder = user_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "it is no folder" if isinstance(error, FileExistsError) else error.strerror or str(error)
        raise WriteError(
            f"{folder}: models cannot be kept there: {reason}; set SEITZ_MODELS to a folder that can be written to"
        ) from None
    return folder


def check_name(name: str) -> None:
    """Refuse a name that no model of the user may have.

    Raises
    ------
    ModelError
        Other characters than letters, digits, ``-``, ``_`` and ``.``, a name of a device, or one of seitz itself.
    """
    if not _NAME.fullmatch(name) or name.split(".")[0].lower() in _DEVICES:
        raise ModelError(
            f"{name[:100]!r} is no name for a model (letters, digits, -, _ and . are, 100 at most, and no names of "
            "devices): choose another one (name=..., --name)"
        )
    taken = {*_OWN, *downloadable(), *(path.name.removesuffix(_SUFFIX) for path in _files(_BUNDLED))}
    if name.lower() in {other.lower() for other in taken}:  # on some systems they would be one file
        raise ModelError(
            f"{name} is a name of seitz itself, which no other model may take: choose another one (name=..., --name)"
        )


def _check_width(audited: Audited, own: ModelCard) -> None:
    from seitz.descriptors import descriptor as find_descriptor

    wanted = len(find_descriptor(own.descriptor))
    if wanted not in {port.shape[-1] for port in audited.inputs if port.shape} | {None} and not any(
        port.shape and port.shape[-1] is None for port in audited.inputs
    ):
        shapes = ", ".join(f"{port.name} {port.shape}" for port in audited.inputs)
        raise ModelError(f"{own.descriptor} has {wanted} features, but the model takes {shapes}")


def _carded(path: Path, published: str) -> tuple[Audited, ModelCard]:
    """An audited file and the card in it, or of the published model that it is."""
    audited = audit(path)
    if METADATA_KEY in audited.metadata:
        try:
            found = card_from_json(audited.metadata[METADATA_KEY])
            check_graph(audited.content, found)
        except CardError as error:
            raise CardError(f"{path}: {error}") from None
    elif published:
        found = downloadable()[published]
    else:
        raise CardError(
            f"{path} has no model card: say what it takes and gives with seitz.models.add(path, descriptor=..., "
            "property=..., unit=...), or 'seitz models add'"
        )
    _check_width(audited, found)
    return audited, found


def _published(path: Path) -> str:
    """Name of the published model that a file is, which are kept as they came; empty for others."""
    name = path.name.removesuffix(_SUFFIX)
    at_home = os.path.abspath(path.parent) == os.path.abspath(user_folder())  # noqa: PTH100  # links stay
    return name if at_home and name in downloadable() else ""


def _files(folder: Path) -> list[Path]:
    """Models in a folder, none if it cannot be looked into."""
    try:
        return [folder / name for name in sorted(os.listdir(folder)) if name.endswith(_SUFFIX)]  # noqa: PTH208
    except OSError:
        return []


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long, NUL, or in a folder that is closed
        return False


def _is_there(name: str) -> bool:
    return any(_is_file(folder / f"{name}{_SUFFIX}") for folder in (user_folder(), _BUNDLED))


def _path_of(model: str) -> Path:
    for folder in (user_folder(), _BUNDLED):
        path = folder / f"{model}{_SUFFIX}"
        if model and os.sep not in model and _is_file(path):
            return path
    if _is_file(Path(model)):
        return Path(model)
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
