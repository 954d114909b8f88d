from __future__ import annotations

import os
import socket
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from samples import (
    COMPRESSORS,
    FILES,
    NACL,
    WRITERS,
    cells,
    cif_text,
    extxyz_text,
    json_text,
    only_cell,
    only_error,
    parquet_bytes,
    poscar_text,
    read,
)

from seitz.errors import ElementError, OptionError, ReadError, UnknownFormatError
from seitz.io import count_files, read_one, read_structures, streams

TEXT_FORMATS = [name for name in WRITERS if name != "parquet"]


def identifiers(paths, **options):
    return [record.id for record in read_structures(paths, **options)]


@pytest.fixture
def folder(tmp_path):
    """A folder with structures in several depths, among other files."""
    names = ["POSCAR10", "POSCAR2", "b/POSCAR1", "b/c/POSCAR1", "a.cif", ".hidden/POSCAR", ".POSCAR"]
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(cif_text(NACL) if name.endswith("cif") else poscar_text(NACL))
    return tmp_path


# --- round trips --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", COMPRESSORS)
@pytest.mark.parametrize("format", WRITERS)
@given(cell=cells())
@settings(FILES, max_examples=12)
def test_random_cells_round_trip_in_every_format_and_compression(tmp_path, format, suffix, cell):
    name, write = WRITERS[format]
    found = only_cell(read(tmp_path, name + suffix, COMPRESSORS[suffix](write(cell))))
    assert found.atomic_numbers.tolist() == cell.atomic_numbers.tolist()
    if format == "cif":  # holds lengths and angles, and wraps the positions
        assert_allclose(found.lattice @ found.lattice.T, cell.lattice @ cell.lattice.T, atol=1e-9)
        apart = found.frac_coords - cell.frac_coords
        assert_allclose(apart, apart.round(), atol=1e-9)
    else:
        assert_allclose(found.lattice, cell.lattice, rtol=1e-15)
        assert_allclose(found.frac_coords, cell.frac_coords, atol=1e-12)


# --- names and formats --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, identifier",
    [
        ("run7/POSCAR", "run7/POSCAR"),
        ("run7/CONTCAR.gz", "run7/CONTCAR"),
        ("POSCAR.1", "POSCAR.1"),
        ("CONTCAR_relaxed", "CONTCAR_relaxed"),
        ("0-Cr8Fe18Ni4.POSCAR", "0-Cr8Fe18Ni4"),
        ("x.vasp", "x"),
        ("x.poscar", "x"),
        ("Fe_POSCAR", "Fe_POSCAR"),
        ("my.run.POSCAR.gz", "my.run"),
    ],
)
def test_vasp_files_are_known_by_their_names(tmp_path, name, identifier):
    data = poscar_text(NACL).encode()
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (record,) = read(tmp_path, name, COMPRESSORS[".gz"](data) if name.endswith("gz") else data)
    assert record.error is None
    assert record.id == identifier
    assert record.source == str(tmp_path / name)


@pytest.mark.parametrize("content", [cif_text(NACL), "# note\n\n" + cif_text(NACL), extxyz_text(NACL)])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_content_tells_the_format_where_the_name_does_not(tmp_path, content, suffix):
    only_cell(read(tmp_path, "structure.txt" + suffix, COMPRESSORS[suffix](content.encode())))


def test_a_table_without_suffix_is_known_by_its_magic(tmp_path):
    only_cell(read(tmp_path, "part-0", parquet_bytes([NACL])))


def test_a_given_format_decides(tmp_path):
    only_cell(read(tmp_path, "structure.txt", poscar_text(NACL), format="poscar"))
    only_error(read(tmp_path, "POSCAR", poscar_text(NACL), format="cif"))


@pytest.mark.parametrize("suffix", [".gz", ".zst", ".bz2", ".xz"])
def test_compression_is_known_without_its_suffix(tmp_path, suffix):
    only_cell(read(tmp_path, "POSCAR", COMPRESSORS[suffix](poscar_text(NACL).encode())))


@pytest.mark.parametrize(
    "magic, name",
    [
        (b"PK\x03\x04", "a zip archive"),
        (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
        (b"\x1f\x9d\x90", "compressed by compress"),
        (b"\x04\x22\x4d\x18", "compressed by LZ4"),
        (b"\x5d\x00\x00\x80\x00", "compressed by LZMA without"),
    ],
)
@pytest.mark.parametrize("file", ["POSCAR", "a.cif.Z", "a.jsonl", "a.parquet", "unknown"])
def test_a_compression_that_is_not_read_is_named_with_those_that_are(tmp_path, file, magic, name):
    found = only_error(read(tmp_path, file, magic + b"\0\1\2\3" * 20))
    assert type(found) is UnknownFormatError
    assert name in str(found)
    assert "compressed by gzip, zstd, bzip2 or xz" in str(found)


def test_a_decompressed_file_may_keep_its_old_name(tmp_path):
    only_cell(read(tmp_path, "POSCAR.gz", poscar_text(NACL)))


def test_several_compressed_members_are_one_file(tmp_path):
    line = (json_text(NACL) + "\n").encode()
    for suffix in (".gz", ".zst", ".bz2", ".xz"):
        assert len(read(tmp_path, "a.jsonl" + suffix, COMPRESSORS[suffix](line) * 2)) == 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1"])
@pytest.mark.parametrize("format", TEXT_FORMATS)
def test_text_comes_in_any_encoding(tmp_path, format, encoding):
    name, write = WRITERS[format]
    text = write(NACL).decode()
    if format == "poscar":
        text = text.replace("title", "Å")
    if format == "extxyz":
        text = text.replace('pbc="T T T"', "note=Å")
    mark = b"\xff\xfe" if encoding == "utf-16-le" else b""
    data = mark + text.encode(encoding)
    assert only_cell(read(tmp_path, name, data)).formula == NACL.formula


# --- folders and patterns -----------------------------------------------------------------------------------


def test_folders_are_read_in_natural_order_without_hidden_names(folder):
    assert identifiers(folder) == ["POSCAR2", "POSCAR10", "a", "POSCAR1", "POSCAR1"]
    assert count_files(folder) == 5


@pytest.mark.parametrize(
    "pattern, expected",
    [
        ("POSCAR*", ["POSCAR2", "POSCAR10"]),
        ("POSCAR?", ["POSCAR2"]),
        ("**/POSCAR1", ["POSCAR1", "POSCAR1"]),
        ("b/**", ["POSCAR1", "POSCAR1"]),
        ("**", ["POSCAR2", "POSCAR10", "a", "POSCAR1", "POSCAR1"]),
        ("**/*", ["POSCAR2", "POSCAR10", "a", "POSCAR1", "POSCAR1"]),
        ("*", ["POSCAR2", "POSCAR10", "a", "POSCAR1", "POSCAR1"]),
        ("[b]", ["POSCAR1", "POSCAR1"]),
        (".hidden/*", [".hidden/POSCAR"]),
        (".POS*", [".POSCAR"]),
    ],
)
def test_patterns_name_files_and_folders(folder, pattern, expected):
    assert identifiers(folder / pattern) == expected
    assert identifiers(str(folder / pattern)) == expected


def test_patterns_are_relative_to_the_current_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert identifiers("POSCAR*") == ["POSCAR2", "POSCAR10"]
    assert identifiers("**/POSCAR1") == ["POSCAR1", "POSCAR1"]


def test_several_paths_come_in_the_order_given(folder):
    assert identifiers([folder / "b", folder / "POSCAR10", str(folder / "POSCAR2")]) == [
        "POSCAR1",
        "POSCAR1",
        "POSCAR10",
        "POSCAR2",
    ]
    assert identifiers(path for path in [folder / "a.cif"]) == ["a"]


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(tmp_path):
    only_cell(read(tmp_path, "POSCAR[1]*", poscar_text(NACL)))


@pytest.mark.parametrize(
    "missing", ["nothing", "nothing*", "b/*/x*", "[x]", "gone/*", "a.cif/*", "nul\0", "gone/**/x"]
)
def test_a_missing_path_is_raised_before_anything_is_read(folder, missing):
    records = read_structures([folder / "a.cif", folder / missing])
    with pytest.raises(ReadError, match=r"no such file|no file matches"):
        next(records)


def test_links_are_followed_and_loops_end(folder):
    (folder / "b" / "up").symlink_to(folder)
    (folder / "b" / "c" / "loop").symlink_to(folder / "b")
    (folder / "z.cif").symlink_to(folder / "a.cif")
    expected = ["POSCAR2", "POSCAR10", "a", "POSCAR1", "POSCAR1", "z"]
    assert identifiers(folder) == expected
    assert identifiers(folder / "**" / "*") == expected


def test_stray_files_are_records_of_an_unknown_format(folder):
    (folder / "README.txt").write_text("Structures of 2022")
    (folder / "OUTCAR").write_text(" vasp.6.4.1 " * 1000)
    (folder / "plot.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    (folder / "empty.dat").touch()
    records = list(read_structures(folder))
    unknown = [record for record in records if record.error]
    assert {record.id for record in unknown} == {"README.txt", "OUTCAR", "plot.png", "empty.dat"}
    assert all(type(record.error) is UnknownFormatError for record in unknown)
    assert len(records) == 9


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_pipes_sockets_and_devices_are_errors_and_no_hangs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    os.mkfifo("POSCAR.pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("POSCAR.socket")
        start = time.perf_counter()
        records = list(read_structures([".", "/dev/zero", "/dev/null"]))
        assert time.perf_counter() - start < 2
    assert len(records) == 4
    assert all(isinstance(record.error, ReadError) for record in records)


def test_a_broken_link_is_a_record(tmp_path):
    (tmp_path / "a.cif").symlink_to(tmp_path / "gone.cif")
    (tmp_path / "b.cif").symlink_to(tmp_path / "b.cif")
    records = list(read_structures(tmp_path))
    assert len(records) == 2
    assert all(isinstance(record.error, ReadError) for record in records)
    assert "No such file" in str(records[0].error)


def recovered(identifier: str) -> bytes:
    """The one-liner of docs/files.md."""
    return identifier.encode().decode("unicode_escape").encode("latin-1")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_undecodable_file_names_are_printable_and_can_be_recovered(tmp_path):
    names = [b"POSCAR\xff", b"POSCAR\\xff", b"POSCAR\\\xff", b"POSCAR\\\\xff", "POSCARé\\".encode() + b"\xff"]
    for name in names:
        (tmp_path / os.fsdecode(name)).write_text(poscar_text(NACL))
    records = list(read_structures(tmp_path))
    assert {recovered(record.id) for record in records} == set(names)
    assert {recovered(record.source) for record in records} == {
        os.fsencode(tmp_path / os.fsdecode(n)) for n in names
    }
    assert len({record.id for record in records}) == len(names)
    assert next(records.id for records in records if recovered(records.id) == names[0]) == r"POSCAR\xff"
    assert all(record.error is None and record.id.isprintable() for record in records)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_other_names_keep_their_backslashes(tmp_path):
    for name in ("POSCAR\\a", "POSCARé\\xyz"):
        (record,) = read(tmp_path, name, poscar_text(NACL))
        assert record.id == name


def test_a_missing_undecodable_path_is_named_in_printable_text():
    with pytest.raises(ReadError, match=r"gone\\xff: no such file") as caught:
        list(read_structures("gone\udcff"))
    str(caught.value).encode()


def test_files_close_when_the_reading_stops_early(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(COMPRESSORS[".gz"]((json_text(NACL) + "\n").encode() * 10))
    records = read_structures(path)
    next(records)
    records.close()  # type: ignore[attr-defined]  # an unclosed file would be a warning, which is an error here


# --- options and limits -------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{"occupancy": "ignore"}, {"format": "xyz"}])
def test_unknown_options_are_raised_at_once(tmp_path, options):
    with pytest.raises(OptionError, match="choose one of"):
        read_structures(tmp_path, **options)


def test_a_document_above_the_limit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "MAX_DOCUMENT_BYTES", 100_000)
    bomb = poscar_text(NACL).encode() + b"\n" * 200_000
    for suffix in COMPRESSORS:
        found = only_error(read(tmp_path, "POSCAR" + suffix, COMPRESSORS[suffix](bomb)))
        assert "in one document" in str(found)


def test_a_line_above_the_limit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "MAX_LINE_BYTES", 10_000)
    line = json_text(NACL) + "\n"
    for encoding in ("utf-8", "utf-16"):
        records = read(tmp_path, "a.jsonl", (line + "[" + " " * 20_000).encode(encoding))
        assert [record.error is None for record in records] == [True, False]
        assert "a line is longer" in str(records[1].error)


# --- one structure ------------------------------------------------------------------------------------------


def test_read_one_returns_the_only_structure(folder):
    assert read_one(folder / "POSCAR2") == NACL


def test_read_one_refuses_none_and_several(folder):
    (folder / "two.extxyz").write_text(extxyz_text(NACL) * 2)
    (folder / "none.json").write_text("[]")
    (folder / "bad").write_text(poscar_text(NACL).replace("Cl", "Xx"))
    for path, message in [
        ("two.extxyz", "several structures"),
        ("none.json", "no structure"),
        ("gone", "no such file"),
        ("", "a folder"),
    ]:
        with pytest.raises(ReadError, match=message):
            read_one(folder / path)
    (folder / "bad").rename(folder / "POSCARbad")
    with pytest.raises(ElementError, match=r"POSCARbad: line 6: 'Xx'"):
        read_one(folder / "POSCARbad")


@given(st.lists(st.integers(0, 3000), unique=True, min_size=2, max_size=6))
def test_numbers_in_names_sort_by_value(numbers):
    from seitz.io.paths import natural_key

    names = sorted((f"run{n}/POSCAR" for n in numbers), key=natural_key)
    assert names == [f"run{n}/POSCAR" for n in sorted(numbers)]
