"""Whatever a file holds, records come out: never another exception, and never a hang."""

from __future__ import annotations

import random

import numpy as np
import pytest
from fuzz_readers import check, mutate, seeds
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import COMPRESSORS, FILES, NACL, WRITERS, json_text, read

from seitz.cell import Cell
from seitz.errors import ReadError

SMALL = Cell(np.eye(3) * 3, [[0, 0, 0], [0.5, 0.5, 0.5]], [26, 28])


@pytest.mark.parametrize("format", WRITERS)
def test_a_file_cut_at_any_byte_gives_records(tmp_path, format):
    name, write = WRITERS[format]
    data = write(SMALL)
    path = tmp_path / name
    step = 1 if len(data) < 2000 else len(data) // 1000
    for end in range(0, len(data), step):
        path.write_bytes(data[:end])
        check(path, "raise")


@pytest.mark.parametrize("suffix", [suffix for suffix in COMPRESSORS if suffix])
@pytest.mark.parametrize("format", WRITERS)
def test_a_compressed_file_cut_at_any_byte_gives_records(tmp_path, format, suffix):
    name, write = WRITERS[format]
    data = COMPRESSORS[suffix](write(SMALL))
    path = tmp_path / (name + suffix)
    for end in range(0, len(data), max(1, len(data) // 200)):
        path.write_bytes(data[:end])
        check(path, "raise")


@pytest.mark.parametrize("suffix", [suffix for suffix in COMPRESSORS if suffix])
def test_the_records_before_the_cut_of_a_stream_are_kept(tmp_path, suffix):
    rng = random.Random(0)
    lines = (json_text(NACL).replace("5.64", repr(rng.uniform(5, 6))) + "\n" for _ in range(12_000))
    data = COMPRESSORS[suffix]("".join(lines).encode())
    records = read(tmp_path, "a.jsonl" + suffix, data[: len(data) * 9 // 10])
    assert len(records) > 3000  # bzip2 loses its last block of 900 kB
    assert all(record.error is None for record in records[:-1])
    assert type(records[-1].error) is ReadError
    assert "cut or damaged" in str(records[-1].error)


@pytest.mark.parametrize("suffix", [suffix for suffix in COMPRESSORS if suffix])
def test_a_flipped_bit_in_compressed_data_is_no_structure_or_an_error(tmp_path, suffix):
    data = COMPRESSORS[suffix](WRITERS["poscar"][1](NACL))
    for position in range(len(data)):
        damaged = data[:position] + bytes([data[position] ^ 16]) + data[position + 1 :]
        (tmp_path / ("POSCAR" + suffix)).write_bytes(damaged)
        check(tmp_path / ("POSCAR" + suffix), "raise")


@pytest.mark.parametrize("format", WRITERS)
@given(data=st.binary(max_size=300))
@settings(FILES, max_examples=40)
def test_random_bytes_give_records(tmp_path, format, data):
    for record in read(tmp_path, WRITERS[format][0], data):
        assert record.error is not None


@pytest.mark.parametrize("format", WRITERS)
@given(text=st.text(max_size=200))
@settings(FILES, max_examples=30)
def test_random_text_gives_records(tmp_path, format, text):
    for record in read(tmp_path, WRITERS[format][0], text.encode("utf-8", "surrogatepass")):
        assert record.error is not None


@pytest.mark.parametrize("format", WRITERS)
def test_a_thousand_mutations_give_records(tmp_path, format):
    rng = random.Random(7)
    corpus = seeds(format)
    path = tmp_path / WRITERS[format][0]
    for _ in range(1000):
        path.write_bytes(mutate(rng.choice(corpus), corpus, rng))
        check(path, rng.choice(("raise", "average")))


@pytest.mark.parametrize("format", [name for name in WRITERS if name != "parquet"])
def test_binary_content_is_named_as_such(tmp_path, format):
    name, write = WRITERS[format]
    (record,) = read(tmp_path, name, b"\0\1\2\3" + write(NACL))
    assert record.error is not None
