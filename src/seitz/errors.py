"""The errors of the package: few classes, each also a builtin, each message naming the culprit and the next step."""

from __future__ import annotations


class SeitzError(Exception):
    """Base class of every error raised on purpose by this package."""


class StructureError(SeitzError, ValueError):
    """A structure that cannot be used: the message names the site or the lattice vector at fault."""


class OverlapError(StructureError):
    """Two sites (or a site and its own periodic image) are closer than 1e-3 Å."""


class OccupancyError(StructureError):
    """A site is partially occupied or shared, and no policy for it was chosen."""


class ElementError(SeitzError, ValueError):
    """An atomic number or symbol without data: a dummy species, or beyond Z = 112."""


class MissingPropertyError(ElementError):
    """An element lacks a property that a feature needs, and ``missing="raise"`` was chosen."""


class ReadError(SeitzError, ValueError):
    """A file that cannot be read as a structure: the message names the file and, where known, the line."""


class UnknownFormatError(ReadError):
    """A file whose name and content belong to no supported format."""


class WriteError(SeitzError, OSError):
    """A result that could not be written; the target is left as it was."""


class DescriptorError(SeitzError, ValueError):
    """An unknown descriptor or feature name."""


class PrototypeError(SeitzError, ValueError):
    """An unknown prototype, or a file that describes none: the message names the file and the key."""


class OptionError(SeitzError, ValueError):
    """An option outside its documented values."""


class SymmetryError(SeitzError, ValueError):
    """The symmetry finder gave no answer for a structure."""


class CompositionError(SeitzError, ValueError):
    """A composition that cannot be read, is empty, or does not fit the lattice: the message says where."""


class DefectError(SeitzError, ValueError):
    """Changes that make no sense on their host, or a structure that is no variant of it: the message names sites."""


class TessellationError(SeitzError, ArithmeticError):
    """The Wigner-Seitz cells of a structure do not fill its volume: a defect worth a bug report."""


class ModelError(SeitzError, ValueError):
    """A model that is refused, missing, or fails: the message says what in its file has no place there."""


class CardError(ModelError):
    """A model card that is missing, incomplete, or speaks of features this version does not compute."""


class ExportError(ModelError):
    """A model that cannot be written in another form, or whose other form differs from it."""


class TuneError(SeitzError, ValueError):
    """Examples that cannot be learned from: wrong shapes, other features, or too few of them."""


class DownloadError(SeitzError, OSError):
    """A model that could not be fetched: the message says why, and what is left to be done."""


class OptimadeError(SeitzError, OSError):
    """A provider that refuses a query, cannot be reached, or answers what is no page: the message gives its words."""


class MissingExtraError(SeitzError, ImportError):
    """An optional package is needed: the message gives the pip command."""
