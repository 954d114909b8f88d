"""Bytes and text of files that may be compressed, of any common encoding, damaged, or no files at all."""

from __future__ import annotations

import codecs
import io
import os
import stat
import zlib
from collections.abc import Iterator
from functools import partial
from typing import Any, BinaryIO

from seitz.errors import ReadError, UnknownFormatError

#: Largest file, after decompression, that is read as a whole (POSCAR, CIF, JSON); bounds the memory.
MAX_DOCUMENT_BYTES = 256 * 2**20

#: Longest line of the formats that are read line by line.
MAX_LINE_BYTES = 64 * 2**20

_CHUNK = 128 * 1024
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zXZ\x00", "xz"),
)
_BZIP2 = (
    b"1AY&SY",
    b"\x17\x72\x45\x38\x50\x90",
)  # a block, or the end of an empty file, after "BZh1" to "BZh9"
_FOREIGN: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a zip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"\x1f\x9d", "compressed by compress (.Z)"),
    (b"\x04\x22\x4d\x18", "compressed by LZ4"),
    (b"\x5d\x00\x00", "compressed by LZMA without its xz header"),
)
_FOREIGN_MAGIC = tuple(magic for magic, _ in _FOREIGN)
_UTF32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_document(path: str) -> bytes:
    """The whole decompressed content of a file.

    Raises
    ------
    ReadError
        No regular file, damaged compression, or more than ``MAX_DOCUMENT_BYTES``.
    OSError
        The file cannot be opened or read.
    """
    descriptor = _open_regular(path)
    try:
        size = os.fstat(descriptor).st_size
        if size > MAX_DOCUMENT_BYTES:
            raise _too_large()
        data = os.read(descriptor, size + 1)
        while chunk := os.read(descriptor, _CHUNK):  # it grew, or it does not know its size
            data += chunk
            if len(data) > MAX_DOCUMENT_BYTES:
                raise _too_large()
    finally:
        os.close(descriptor)
    codec = compression_of(data[:16])
    if codec is None:
        return data
    with _decompressed(io.BytesIO(data), codec) as stream:
        pieces, total = [], 0
        while piece := stream.read1(_CHUNK):
            pieces.append(piece)
            total += len(piece)
            if total > MAX_DOCUMENT_BYTES:
                raise _too_large()
        return b"".join(pieces)


def open_stream(path: str) -> io.BufferedReader:
    """Decompressed content of a file, read piece by piece; errors as in :func:`read_document`."""
    stream: Any = io.BufferedReader(io.FileIO(_open_regular(path)), _CHUNK)
    try:
        codec = compression_of(stream.peek(16)[:16])
    except BaseException:
        stream.close()
        raise
    return stream if codec is None else _decompressed(stream, codec)


def compression_of(head: bytes) -> str | None:
    """Name of the compression that a file's first 16 bytes show; None for none.

    Raises
    ------
    UnknownFormatError
        A compression that is not read.
    """
    for magic, codec in _MAGIC:
        if head.startswith(magic):
            return codec
    if (
        head[1:4] == b"\x2a\x4d\x18" and 0x50 <= head[0] < 0x60
    ):  # a skippable frame in front, as of parallel zstd
        return "zstd"
    if head.startswith(b"BZh") and head[4:10] in _BZIP2:
        return "bz2"
    if head.startswith(_FOREIGN_MAGIC):
        name = next(name for magic, name in _FOREIGN if head.startswith(magic))
        raise UnknownFormatError(
            f"{name}: unpack it first; files may be compressed by gzip, zstd, bzip2 or xz"
        )
    return None


def decode(data: bytes) -> str:
    """Text of a file: UTF-16 with a byte order mark, UTF-8, or else Latin-1; ReadError if it is binary."""
    if data.startswith(_UTF32):
        try:
            return data.decode("utf-32")
        except UnicodeDecodeError as error:
            raise ReadError(f"the text is no valid UTF-32: {error.reason} at byte {error.start}") from None
    if data.startswith(_UTF16):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError as error:
            raise ReadError(f"the text is no valid UTF-16: {error.reason} at byte {error.start}") from None
    if b"\0" in data:
        raise ReadError("the file is binary, not text")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def text_lines(stream: io.BufferedReader) -> Iterator[bytes]:
    """Lines with their ends, as UTF-8 (or undeclared Latin-1) without a byte order mark."""
    head = stream.peek(4)[:4]
    if head.startswith(_UTF16):
        yield from _utf16_lines(stream)
        return
    if head.startswith(codecs.BOM_UTF8):
        stream.read(len(codecs.BOM_UTF8))
    for line in iter(partial(stream.readline, MAX_LINE_BYTES), b""):
        if len(line) == MAX_LINE_BYTES:
            raise ReadError(f"a line is longer than {MAX_LINE_BYTES:,} bytes")
        yield line


def _utf16_lines(stream: io.BufferedReader) -> Iterator[bytes]:
    text = io.TextIOWrapper(stream, encoding="utf-16")
    try:
        for line in iter(partial(text.readline, MAX_LINE_BYTES), ""):
            if len(line) == MAX_LINE_BYTES:
                raise ReadError(f"a line is longer than {MAX_LINE_BYTES:,} characters")
            yield line.encode("utf-8", "surrogatepass")
    except UnicodeError as error:
        raise ReadError(f"the text is no valid UTF-16: {error}") from None
    finally:
        text.detach()


def _open_regular(path: str) -> int:
    """Descriptor of a regular file; never waits for the other end of a pipe."""
    # Without O_NONBLOCK, opening a named pipe would hang before its kind can be seen.
    flags = (
        os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    )
    descriptor = os.open(path, flags)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise ReadError("not a regular file (a pipe, socket or device): copy the content to a file first")


def _too_large() -> ReadError:
    return ReadError(
        f"more than {MAX_DOCUMENT_BYTES // 2**20} MiB in one document: "
        "split it, or use JSONL, extxyz or Parquet"
    )


def _decompressed(stream: BinaryIO, codec: str) -> io.BufferedReader:
    return io.BufferedReader(_Decompressed(stream, codec), _CHUNK)


class _Decompressed(io.RawIOBase):
    """Decompressed bytes whose every failure is a ReadError, after the good bytes before it."""

    def __init__(self, stream: BinaryIO, codec: str) -> None:
        self._stream = stream
        self._codec = codec
        self._inner, self._errors = _decompressor(stream, codec)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            if self._codec == "zstd":
                return int(self._inner.readinto(buffer))  # pyarrow loses the memory of a read() that fails
            data = self._inner.read1(len(buffer))
        except self._errors as error:
            raise ReadError(f"the {self._codec} data is cut or damaged: {error}") from None
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._inner.close()
            self._stream.close()
        super().close()


def _decompressor(stream: Any, codec: str) -> tuple[Any, tuple[type[Exception], ...]]:
    """File-like decompressor with ``read1``, and what it raises for damaged data."""
    errors: tuple[type[Exception], ...] = (OSError, EOFError, ValueError)
    if codec == "gzip":
        import gzip

        return gzip.GzipFile(fileobj=stream, mode="rb"), (*errors, zlib.error)
    if codec == "bz2":
        import bz2

        return bz2.BZ2File(stream), errors
    if codec == "xz":
        import lzma

        return lzma.LZMAFile(stream), (*errors, lzma.LZMAError)
    import pyarrow as pa

    return pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), "zstd"), (*errors, pa.ArrowException)
