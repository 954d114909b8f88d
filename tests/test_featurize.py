from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from pymatgen.core import Lattice, Structure

from seitz import Cell, errors, featurize, featurize_batches
from seitz.errors import OptionError, ReadError
from seitz.prototypes import prototype
from seitz.symmetry import site_orbits
from structures import bcc, fcc, perovskite, random_cell, rocksalt, sigma_phase

HELIUM = Cell(np.eye(3) * 4, [[0, 0, 0], [0.5, 0.5, 0.5]], [2, 26])
OVERLAP = Cell(np.eye(3) * 4, [[0, 0, 0], [0, 0, 1e-5]], [26, 26])


def test_one_structure_is_one_row_although_it_may_be_iterable():
    cell = rocksalt()
    structure = Structure(Lattice(cell.lattice), cell.atomic_numbers.tolist(), cell.frac_coords)
    for form in (cell, structure, structure.to_ase_atoms(), structure.as_dict()):
        assert_allclose(featurize(form).values, featurize(cell).values, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("thing", [None, 3])
def test_what_is_no_structure_at_all_is_refused(thing):
    with pytest.raises(errors.StructureError, match="is no structure"):
        featurize(thing)


def test_an_object_that_fails_while_it_is_read_costs_one_row():
    class Broken:
        frac_coords = lattice = None

    table = featurize([bcc(), Broken(), fcc()], on_error="record")
    assert [(f.index, f.error) for f in table.failures] == [(1, "StructureError")]
    assert np.isfinite(table.values[[0, 2]]).all()


def test_no_structures_are_an_empty_table_with_columns():
    table = featurize([])
    assert (table.values.shape, table.ids, len(table.names)) == ((0, 256), (), 256)


def test_identifiers_come_from_the_records():
    record = {"lattice": np.eye(3) * 3, "frac_coords": [[0, 0, 0]], "atomic_numbers": [26]}
    table = featurize([record | {"id": "mp-13"}, record | {"material_id": "a"}, record, fcc()])
    assert table.ids == ("mp-13", "a", "2", "3")


def test_a_generator_is_consumed_lazily():
    seen = []

    def stream():
        for i in range(10):
            seen.append(i)
            yield bcc()

    batches = featurize_batches(stream(), batch_size=3)
    assert not seen
    assert len(next(batches)) == 3
    assert len(seen) == 3
    assert [len(part) for part in batches] == [3, 3, 1]


def test_the_first_bad_structure_stops_the_work_by_default():
    with pytest.raises(errors.OverlapError, match=r"structure 1: sites 0 and 1 are .* apart"):
        featurize([bcc(), OVERLAP, fcc()])
    with pytest.raises(errors.StructureError, match="structure 1: 'int' is no structure"):
        featurize([bcc(), 42])


def test_recorded_failures_leave_nan_rows_and_touch_nothing_else():
    good = [bcc(), fcc(), sigma_phase()]
    mixed = [OVERLAP, good[0], {"lattice": 1}, good[1], None, good[2], OVERLAP]
    table = featurize(mixed, on_error="record")
    assert [f.index for f in table.failures] == [0, 2, 4, 6]
    assert [f.error for f in table.failures] == [
        "OverlapError",
        "StructureError",
        "StructureError",
        "OverlapError",
    ]
    assert np.isnan(table.values[[0, 2, 4, 6]]).all()
    assert np.array_equal(table.values[[1, 3, 5]], featurize(good).values)
    assert "4 failed" in repr(table)


def test_failures_keep_their_row_across_batches():
    stream = [bcc()] * 1500 + [OVERLAP] + [fcc()] * 3
    table = featurize(stream, on_error="record")
    assert [(f.index, f.id) for f in table.failures] == [(1500, "1500")]


def test_all_structures_may_fail():
    table = featurize([OVERLAP, None], on_error="record")
    assert np.isnan(table.values).all()
    assert len(table.failures) == 2


@pytest.mark.parametrize("name", ["symmetry", "missing", "occupancy", "on_error", "finder"])
def test_unknown_options_name_the_choices(name):
    with pytest.raises(errors.OptionError, match=f"{name}='what': choose one of"):
        featurize(bcc(), **{name: "what"})


def test_progress_reports_done_and_total():
    calls: list[tuple[int, int | None]] = []
    featurize([bcc()] * 1500, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1024, 1500), (1500, 1500)]
    calls.clear()
    featurize((c for c in [bcc()] * 3), progress=lambda done, total: calls.append((done, total)))
    assert calls == [(3, None)]


# --- missing properties ---------------------------------------------------------------------------------------------


def test_missing_values_read_as_zero_are_listed():
    table = featurize([bcc(), HELIUM])
    assert np.isfinite(table.values).all()
    (warning,) = table.warnings
    assert (warning.index, warning.id) == (1, "1")
    assert "He has no MeltingT, Electronegativity, IonicElectronegativity (read as 0)" in warning.message
    assert table["min_Electronegativity"][1] == 0.0
    assert table["MaxIonicChar"][1] == 0.0


def test_missing_values_can_blank_exactly_the_features_they_touch():
    table = featurize([bcc(), HELIUM], missing="nan")
    assert np.isfinite(table.values[0]).all()
    touched = {name for name, value in zip(table.names, table.values[1], strict=True) if np.isnan(value)}
    expected = {
        f.name
        for f in table.descriptor.features
        if {"MeltingT", "Electronegativity", "IonicElectronegativity"} & set(f.properties)
    }
    assert touched == expected
    assert len(touched) == 24


def test_missing_values_can_refuse_the_structure():
    with pytest.raises(errors.MissingPropertyError, match="structure 1: He has no"):
        featurize([bcc(), HELIUM], missing="raise")
    table = featurize([bcc(), HELIUM, OVERLAP, fcc()], missing="raise", on_error="record")
    assert [(f.index, f.error) for f in table.failures] == [(1, "MissingPropertyError"), (2, "OverlapError")]
    assert np.isfinite(table.values[[0, 3]]).all()


def test_occupants_of_a_shared_site_count_as_elements_with_missing_values():
    shared = bcc().replace(occupancies={0: {26: 0.7, 2: 0.3}})
    assert "He" in featurize(shared, occupancy="average").warnings[0].message


# --- symmetry and disorder ------------------------------------------------------------------------------------------


def test_orbits_give_the_features_of_all_sites_where_they_are_exact():
    batch = [bcc(), fcc(), rocksalt(), perovskite(), sigma_phase()]
    for finder in ("moyopy", "spglib"):
        with_orbits = featurize(batch, symmetry="orbits", finder=finder).values
        assert_allclose(with_orbits, featurize(batch).values, rtol=1e-8, atol=1e-8)


def test_a_search_that_fails_for_two_atoms_at_one_place_names_them():
    crowded = Cell(np.eye(3) * 4, [[0, 0, 0], [0, 0, 0], [0.5, 0.5, 0.5]], [26] * 3)
    with pytest.raises(errors.SymmetryError):
        site_orbits(crowded, finder="spglib")
    for finder in ("moyopy", "spglib"):
        table = featurize([crowded, bcc()], symmetry="orbits", finder=finder, on_error="record")
        assert [f.error for f in table.failures] == ["OverlapError"]
        assert "sites 0 and 1" in table.failures[0].message
    assert np.isfinite(table.values[1]).all()


def test_an_averaged_site_of_equal_occupants_is_that_element():
    cell = rocksalt()
    same = cell.replace(occupancies={0: {11: 0.5}, 4: {17: 1.0}})
    halved = featurize(same, occupancy="average").values[0]
    assert np.isfinite(halved).all()
    full = cell.replace(occupancies={i: {int(z): 1.0} for i, z in enumerate(cell.atomic_numbers)})
    assert_allclose(featurize(full, occupancy="average").values, featurize(cell).values, rtol=1e-12)


def test_ties_of_the_most_frequent_element_are_averaged():
    table = featurize(rocksalt())
    assert table["most_Number"][0] == 14.0  # (11 + 17) / 2


def test_ordered_and_disordered_structures_mix_in_a_batch():
    shared = bcc().replace(occupancies={0: {26: 0.5, 28: 0.5}})
    table = featurize([bcc(), shared, fcc()], occupancy="average")
    assert np.array_equal(table.values[[0, 2]], featurize([bcc(), fcc()]).values)
    assert table["NComp"].tolist() == [1, 2, 1]


def test_paths_and_folders_are_read(tmp_path):
    for i, cell in enumerate([rocksalt(), perovskite()]):
        structure = Structure(Lattice(cell.lattice), cell.atomic_numbers.tolist(), cell.frac_coords)
        structure.to(filename=str(tmp_path / f"{i}.cif"))
    (tmp_path / "notes.txt").write_text("nothing here")
    table = featurize(tmp_path, on_error="record")
    assert table.ids == ("0", "1", "notes.txt")
    assert [f.error for f in table.failures] == ["UnknownFormatError"]
    assert_allclose(table.values[:2], featurize([rocksalt(), perovskite()]).values, rtol=1e-5, atol=1e-5)
    assert len(featurize([tmp_path / "1.cif", str(tmp_path / "0.cif")])) == 2


def test_a_large_structure_uses_the_same_path():
    cell = random_cell(np.random.default_rng(1), 2500)
    assert np.isfinite(featurize([bcc(), cell, fcc()]).values).all()


def test_names_are_those_given_or_of_the_series():
    assert featurize([fcc(), fcc()], ids=["a", 7]).ids == ("a", "7")
    series = pd.Series([fcc(), fcc()], index=["x", "y"])
    assert featurize(series).ids == ("x", "y")
    for wrong in (["a"], ["a", "b", "c"]):
        with pytest.raises(OptionError, match="ids: there are"):
            featurize([fcc(), fcc()], ids=wrong)


def test_prototypes_are_structures_by_name():
    expected = featurize(prototype("sigma").cell).values
    for given in ("sigma", ["sigma"], prototype("sigma")):
        assert_allclose(featurize(given).values, expected)
    with pytest.raises(
        ReadError, match="sgima: no such file, and no prototype is called 'sgima'; close to it: sigma"
    ):
        featurize("sgima")


def test_atoms_too_close_together_are_warned_of():
    crowded = Cell(np.eye(3) * 4, [[0, 0, 0], [0.2, 0, 0]], [26, 28])
    for descriptor in ("ks2022", "ward2017"):
        table = featurize([fcc(), crowded], descriptor=descriptor, n_threads=1)
        assert [w.index for w in table.warnings] == [1]
        assert (
            "sites 0 and 1, Fe and Ni, are only 0.31 of the sum of their covalent radii apart"
            in table.warnings[0].message
        )
    own_image = Cell(np.diag([1.0, 4, 4]), [[0, 0, 0]], [26])
    assert "sites 0 and 0 (an image of it)" in featurize(own_image).warnings[0].message


def test_a_folder_without_structures_is_told(tmp_path):
    with pytest.raises(ReadError, match="no structure found in"):
        featurize(tmp_path)
    assert len(featurize([])) == 0
