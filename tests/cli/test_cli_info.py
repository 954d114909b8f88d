from __future__ import annotations

import json
import math

import pytest
from command_samples import json_line, poscar, random_cell

from seitz import Cell, as_cell, tessellate


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory):
    from seitz.cli import main

    folder = tmp_path_factory.mktemp("demo") / "crystals"
    assert main(["demo", "--write", str(folder)]) == 0
    return folder


def report(seitz, path, *options):
    done = seitz("info", path, "--json", *options)
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_rock_salt_is_described_as_in_a_textbook(seitz, demo_folder):
    nacl = report(seitz, demo_folder / "NaCl.cif")
    assert nacl["formula"] == "NaCl" and nacl["n_formula_units"] == 4
    assert (nacl["space_group"], nacl["space_group_symbol"]) == (225, "Fm-3m")
    assert nacl["crystal_system"] == "cubic"
    assert nacl["density"] == pytest.approx(2.163, abs=2e-3)  # g/cm³, measured 2.163 to 2.165
    assert nacl["packing_efficiency"] == pytest.approx(math.pi / 6, rel=1e-9)
    sodium, chlorine = nacl["orbits"]
    assert sodium["sites"] == [0, 1, 2, 3] and sodium["occupants"] == "Na"
    assert (sodium["n_faces"], sodium["n_small_faces"]) == (6, 0)
    assert sodium["effective_coordination"] == pytest.approx(6, rel=1e-9)
    (shell,) = chlorine["shells"]
    assert shell["neighbour"] == "Na" and shell["n_faces"] == 6
    assert shell["nearest"] == pytest.approx(2.8201, rel=1e-9)
    assert shell["share"] == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "density", "group"),
    [
        ("Fe_bcc.json", 7.874, 229),
        ("Mg_hcp.POSCAR", 1.738, 194),
        ("Si_diamond.cif", 2.329, 227),
        ("SiO2_quartz.cif", 2.648, 154),
        ("SrTiO3_perovskite.vasp", 5.117, 221),
        ("MgAl2O4_spinel.cif", 3.578, 227),
        ("Y3Al5O12_garnet.cif", 4.56, 230),
        ("ZnO_wurtzite.extxyz", 5.675, 186),
        ("Cr8Fe22_sigma.POSCAR", 7.74, 136),
        ("Cu2MnAl_Heusler.cif", 6.59, 225),
        ("CuZn_brass.cif", 8.51, 225),
    ],
)
def test_bundled_crystals_have_their_density_and_space_group(seitz, demo_folder, name, density, group):
    found = report(seitz, demo_folder / name)
    assert found["density"] == pytest.approx(density, rel=2e-3)
    assert found["space_group"] == group


def test_orbits_hold_every_site_once_and_fill_the_volume(seitz, demo_folder):
    for path in sorted(demo_folder.iterdir()):
        found = report(seitz, path)
        sites = sorted(site for orbit in found["orbits"] for site in orbit["sites"])
        assert sites == list(range(found["n_sites"]))
        filled = sum(len(orbit["sites"]) * orbit["cell_volume"] for orbit in found["orbits"])
        assert filled == pytest.approx(found["volume"], rel=1e-9)


def test_shells_hold_every_face_but_the_small_ones(seitz, tmp_path):
    path = tmp_path / "any.POSCAR"
    path.write_text(poscar(random_cell(5, n_sites=12)))
    found = report(seitz, path, "--sites")
    counts = tessellate(as_cell(path)).n_faces
    for orbit, n_faces in zip(found["orbits"], counts, strict=True):
        assert sum(shell["n_faces"] for shell in orbit["shells"]) == orbit["n_faces"]
        assert orbit["n_faces"] + orbit["n_small_faces"] == n_faces
        assert 0.8 < sum(shell["share"] for shell in orbit["shells"]) <= 1 + 1e-12


def test_the_text_fits_100_columns_and_shows_the_orbits(seitz, demo_folder):
    done = seitz("info", demo_folder / "Cr8Fe22_sigma.POSCAR")
    assert done.code == 0 and done.err == ""
    assert max(map(len, done.out.splitlines())) <= 100
    for text in ("Cr4Fe11 × 2", "P4_2/mnm (136), tetragonal", "7.742 g/cm³", "352.71 Å³, 30 sites", "8×Fe"):
        assert text in done.out


def test_sites_lists_every_site(seitz, demo_folder):
    done = seitz("info", demo_folder / "ZnO_wurtzite.extxyz", "--sites")
    assert max(map(len, done.out.splitlines())) <= 100
    assert "0.3333 0.6667 0.3817" in done.out


def test_long_site_tables_are_cut_and_say_so(seitz, tmp_path):
    cell = random_cell(0, n_sites=40)
    inverted = Cell(cell.lattice, [*cell.frac_coords, *-cell.frac_coords], [26] * 80)
    many = Cell(inverted.lattice, [*inverted.frac_coords, *random_cell(3, 70).frac_coords], [26] * 150)
    path = tmp_path / "many.POSCAR"
    path.write_text(poscar(many))
    done = seitz("info", path)
    assert done.code == 0
    assert "90 more" in done.out and "--sites" in done.out


def test_shared_sites_show_their_occupants(seitz, demo_folder):
    done = seitz("info", demo_folder / "CuZn_brass.cif")
    assert done.code == 0
    assert "Cu0.7Zn0.3" in done.out and "Zn0.3Cu0.7 × 4" in done.out


def test_one_of_several_structures_is_chosen_by_its_id(seitz, tmp_path):
    path = tmp_path / "two.jsonl"
    path.write_text(json_line("first", random_cell(1)) + json_line("second", random_cell(2)))
    done = seitz("info", path)
    assert done.code == 2 and "--id (first, second)" in done.err
    assert report(seitz, path, "--id", "second")["volume"] == pytest.approx(random_cell(2).volume)
    done = seitz("info", path, "--id", "third")
    assert done.code == 1 and "no structure with the id 'third'" in done.err


def test_every_error_is_one_line(seitz, tmp_path):
    bad, twice = tmp_path / "bad.POSCAR", tmp_path / "twice.POSCAR"
    (tmp_path / "empty").mkdir()
    bad.write_text("no\n")
    twice.write_text(poscar(random_cell(1).replace(frac_coords=[[0.5, 0, 0]] * 6)))
    for path in (bad, twice, tmp_path / "nowhere", tmp_path / "empty"):
        done = seitz("info", path)
        assert done.code == (2 if path.name == "nowhere" else 1)
        assert done.err.startswith("error: ") and done.err.count("\n") == 1
        assert done.out == ""


def test_the_tolerance_of_the_symmetry_is_an_option(seitz, tmp_path):
    shifted = Cell([[4, 0, 0], [0, 4, 0], [0, 0, 4]], [[0, 0, 0], [0.5, 0.5, 0.503]], [55, 17])
    path = tmp_path / "shifted.POSCAR"
    path.write_text(poscar(shifted))
    assert report(seitz, path)["space_group"] == 99
    assert report(seitz, path, "--symprec", "0.05")["space_group"] == 221
    assert seitz("info", path, "--symprec", "-1").code == 2
