from __future__ import annotations

import numpy as np
import pytest
from command_samples import json_line, poscar, random_cell
from numpy.testing import assert_array_equal

import seitz
from seitz.errors import OptionError, ReadError
from seitz.parallel_files import featurize_files


def test_batches_join_to_the_table_of_the_library(many_files):
    batches = list(featurize_files(many_files, n_threads=2, on_error="record"))
    ids = [identifier for batch in batches for identifier in batch.table.ids]
    values = np.concatenate([batch.table.values for batch in batches])
    assert ids[:101] == [f"{k:04}" for k in range(101)]
    assert ids[101:1601] == [f"line{k}" for k in range(1500)]
    expected = seitz.featurize([random_cell(seed, n_sites=4) for seed in range(20)]).values
    assert_array_equal(values[:101], expected[np.arange(101) % 20])
    assert_array_equal(values[101:1601], expected[np.arange(1500) % 20])
    assert sum(batch.n_files for batch in batches) == 904


def test_a_small_run_starts_no_process(good_folder, monkeypatch):
    monkeypatch.setattr("seitz.parallel_files._Worker", None)
    (batch,) = featurize_files(good_folder, n_threads=8)
    assert len(batch.table) == 12 and batch.n_sites == 72


def test_the_error_names_file_and_reason(good_folder):
    same = random_cell(0).replace(frac_coords=np.zeros((6, 3)))
    (good_folder / "7.POSCAR").write_text(poscar(same))
    with pytest.raises(seitz.errors.OverlapError, match=r"7\.POSCAR: sites 0 and"):
        list(featurize_files(good_folder))


def test_a_file_that_vanishes_after_listing_is_a_failure(good_folder):
    def vanish(path):
        if path.endswith("11.POSCAR"):
            (good_folder / "3.POSCAR").unlink()
        return False

    (batch,) = featurize_files(good_folder, skip=vanish, on_error="record")
    (failure,) = batch.table.failures
    assert failure.index == 3 and "no such file" in failure.message


def test_structures_without_limit_come_in_small_batches(tmp_path):
    path = tmp_path / "long.jsonl"
    path.write_text("".join(json_line(str(k), random_cell(k % 5)) for k in range(2500)))
    for threads in (1, 2):
        sizes = [len(batch.table) for batch in featurize_files(path, n_threads=threads)]
        assert sum(sizes) == 2500 and max(sizes) <= 1024


def test_wrong_options_are_refused_before_any_work(good_folder):
    for wrong in ({"on_error": "x"}, {"symmetry": "x"}, {"occupancy": "x"}, {"n_threads": 0}):
        with pytest.raises(OptionError):
            next(featurize_files(good_folder, **wrong))
    with pytest.raises(ReadError):
        next(featurize_files(good_folder / "nowhere"))
