"""Changed hosts: every vector must be that of the changed structure itself."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from seitz import (
    Cell,
    Displacement,
    HostPlan,
    Interstitial,
    Substitution,
    Vacancy,
    as_cell,
    featurize,
    featurize_dilute,
    host_plan,
)
from seitz.defects import map_onto_host
from seitz.elements import atomic_number
from seitz.errors import DefectError, ElementError, OverlapError, StructureError
from seitz.symmetry import environment_classes, site_orbits
from structures import (
    bcc,
    caesium_chloride,
    cells,
    diamond,
    fcc,
    hcp,
    perovskite,
    random_cell,
    rocksalt,
    sigma_phase,
    supercell,
)

LIMIT = {"rtol": 1e-9, "atol": 1e-10}  # what vanishes by symmetry is rounding of numbers up to thousands


def primitive(cell: Cell) -> Cell:
    """Primitive cell of a monatomic cubic structure."""
    rows = [[0, 1, 1], [1, 0, 1], [1, 1, 0]] if len(cell) == 4 else [[-1, 1, 1], [1, -1, 1], [1, 1, -1]]
    return Cell(np.array(rows) / 2 @ cell.lattice, [[0, 0, 0]], cell.atomic_numbers[:1])


def alpha_uranium() -> Cell:
    """α-U, Cmcm 4c (Barrett, Mueller & Hitterman, Phys. Rev. 129, 625, 1963)."""
    y = 0.1024
    coords = [[0, y, 0.25], [0, -y, 0.75], [0.5, 0.5 + y, 0.25], [0.5, 0.5 - y, 0.75]]
    return Cell(np.diag([2.854, 5.869, 4.955]), coords, [92] * 4)


HOSTS = {
    "bcc 3x3x3": supercell(bcc(), (3, 3, 3)),
    "fcc 2x2x2": supercell(fcc(), (2, 2, 2)),
    "hcp 3x3x2": supercell(hcp(), (3, 3, 2)),
    "diamond 2x2x2": supercell(diamond(), (2, 2, 2)),
    "B2 3x3x3": supercell(caesium_chloride(), (3, 3, 3)),
    "NaCl 2x2x2": supercell(rocksalt(), (2, 2, 2)),
    "perovskite 2x2x2": supercell(perovskite(), (2, 2, 2)),
    "α-U 3x2x2": supercell(alpha_uranium(), (3, 2, 2)),
    "σ": sigma_phase(),
}
#: A solute meets a site through two faces.
SHARED_FACES = {
    "fcc 2x1x1": supercell(fcc(), (2, 1, 1)),
    "fcc 2x2x1": supercell(fcc(), (2, 2, 1)),
    "fcc primitive 3x2x2": supercell(primitive(fcc()), (3, 2, 2)),
    "bcc primitive 3x2x2": supercell(primitive(bcc()), (3, 2, 2)),
}
#: A solute meets its own image.
SELF_IMAGES = {
    "bcc 1x1x1": bcc(),
    "bcc 2x1x1": supercell(bcc(), (2, 1, 1)),
    "bcc 2x2x1": supercell(bcc(), (2, 2, 1)),
    "hcp 2x1x1": supercell(hcp(), (2, 1, 1)),
    "B2 2x1x1": supercell(caesium_chloride(), (2, 1, 1)),
    "α-U 1x1x1": alpha_uranium(),
    "fcc primitive": primitive(fcc()),
}
ALL = HOSTS | SHARED_FACES | SELF_IMAGES


def assert_plan_is_right(host: Cell, sets: list) -> None:
    plan = host_plan(host)
    expected = featurize([plan.changed(changes) for changes in sets])
    assert_allclose(plan.featurize(sets).values, expected.values, **LIMIT)


@pytest.mark.parametrize("name", ALL)
def test_a_solute_on_every_orbit(name):
    host = ALL[name]
    plan = host_plan(host)
    table = plan.all_substitutions(["Al", 42, "Pt"])
    sites = plan.orbits.representatives
    expected = []
    for site in sites:
        for z in (13, 42, 78):
            numbers = host.atomic_numbers.copy()
            numbers[site] = z
            expected.append(host.replace(atomic_numbers=numbers))
    assert table.ids[:2] == (f"Al@{sites[0]}", f"Mo@{sites[0]}")
    assert_allclose(table.values, featurize(expected).values, **LIMIT)
    assert_allclose(featurize_dilute(expected, host=host).values, table.values, **LIMIT)


@pytest.mark.parametrize(
    "name", [n for n, c in ALL.items() if len(set(c.atomic_numbers.tolist())) == 1 and len(c) > 2]
)
def test_the_pure_host_is_implicit(name):
    host = ALL[name]
    numbers = host.atomic_numbers.copy()
    numbers[1] = 13
    dilute = host.replace(atomic_numbers=numbers)
    assert_allclose(featurize_dilute(dilute).values, featurize(dilute).values, **LIMIT)


@pytest.mark.parametrize("name", ALL)
def test_two_solutes_at_every_distance(name):
    host = ALL[name]
    others = range(1, min(len(host), 60))
    sets = [{0: "Al", site: z} for site in others for z in ("Al", "Pt")]
    if sets:
        assert_plan_is_right(host, sets)


@pytest.mark.parametrize("name", ALL)
def test_vacancies_anywhere_alone_and_in_company(name):
    host = ALL[name]
    if len(host) < 4:
        return
    sites = range(min(len(host), 32))
    sets: list = [[Vacancy(site)] for site in sites]
    sets += [[Vacancy(0), Substitution(site, "Al")] for site in sites if site]
    sets += [[Vacancy(0), Vacancy(site)] for site in sites if site]
    assert_plan_is_right(host, sets)


@pytest.mark.parametrize("name", ALL)
def test_interstitials_alone_and_in_company(name):
    host = ALL[name]
    rng = np.random.default_rng(5)
    n = np.linalg.norm(host.lattice, axis=1) / 2.9  # about the number of cubes along each axis
    octahedral, tetrahedral = np.array([0.5, 0.5, 0]) / n, np.array([0.5, 0.25, 0]) / n
    sets: list = [[Interstitial(place, "C")] for place in (octahedral, tetrahedral, *rng.random((6, 3)))]
    sets += [[Interstitial(place, "H"), Substitution(0, "Al")] for place in rng.random((3, 3))]
    sets += [[Interstitial(place, "H"), Interstitial(place + 0.05, "H")] for place in rng.random((3, 3))]
    if len(host) > 1:
        sets += [[Interstitial(place, "O"), Vacancy(len(host) - 1)] for place in rng.random((3, 3))]
    assert_plan_is_right(host, sets)


@settings(max_examples=60)
@given(cells(max_sites=10), st.integers(0, 2**32 - 1))
def test_any_changes_of_any_cell(cell, seed):
    rng = np.random.default_rng(seed)
    changes: list = []
    for site in range(len(cell)):
        kind = rng.integers(0, 6)
        if kind == 0:
            changes.append(Substitution(site, int(rng.integers(1, 95))))
        elif kind == 1 and site:
            changes.append(Vacancy(site))
        elif kind == 2:
            changes.append(Displacement(site, cell.frac_coords[site] + rng.uniform(-0.02, 0.02, 3)))
    if rng.random() < 0.5:
        changes.append(Interstitial(rng.random(3), 6))
    plan = host_plan(cell)
    try:
        expected = featurize(plan.changed(changes))
    except OverlapError:
        with pytest.raises(OverlapError):
            plan.featurize([changes])
        return
    assert_allclose(plan.featurize([changes]).values, expected.values, rtol=1e-8, atol=1e-8)


# --- hosts that must be found ------------------------------------------------------------------------------------


def disguised(cell: Cell, rng: np.random.Generator) -> Cell:
    """The same crystal, sites in another order, shifted, turned, wrapped, on other lattice vectors."""
    order = rng.permutation(len(cell))
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    basis = np.array([[1, 1, 0], [0, 1, 0], [0, -1, 1]])
    coords = (cell.frac_coords[order] + rng.random(3)) @ np.linalg.inv(basis)
    return Cell(basis @ cell.lattice @ turn, coords % 1.0, cell.atomic_numbers[order])


@pytest.mark.parametrize("name", HOSTS)
def test_a_host_is_found_however_the_structure_is_described(name):
    host = HOSTS[name]
    rng = np.random.default_rng(3)
    plan = host_plan(host)
    sets = [
        {1: "Al"},
        [Vacancy(2)],
        [Vacancy(0), Substitution(3, "Pt")],
        [Interstitial([0.13, 0.21, 0.07], "C")],
    ]
    variants = [disguised(plan.changed(changes), rng) for changes in sets]
    table = featurize_dilute(variants, host=host)
    assert_allclose(table.values, featurize(variants).values, **LIMIT)
    for variant, changes in zip(variants, sets, strict=True):
        found = map_onto_host(variant, host)
        assert len(found.changes) == len(changes)
        assert {type(c) for c in found.changes} == (
            {Substitution} if isinstance(changes, dict) else {type(c) for c in changes}
        )


@pytest.mark.parametrize(
    ("unit", "multiples"), [(bcc(), (3, 3, 3)), (hcp(), (3, 3, 2)), (rocksalt(), (2, 2, 2))]
)
def test_a_host_may_be_a_unit_cell_and_atoms_may_be_relaxed(unit, multiples):
    rng = np.random.default_rng(8)
    whole = supercell(unit, multiples)
    vacant = host_plan(whole).changed([Vacancy(5), Substitution(1, "Al")])
    relaxed = Cell(
        vacant.lattice * 1.004,
        vacant.frac_coords + rng.normal(0, 0.03, vacant.frac_coords.shape) @ np.linalg.inv(vacant.lattice),
        vacant.atomic_numbers,
    )
    near = vacant.frac_coords.copy()
    near[:6] += rng.normal(0, 0.03, (6, 3)) @ np.linalg.inv(vacant.lattice)
    some_relaxed = vacant.replace(frac_coords=near)
    structures = [vacant, relaxed, some_relaxed]
    assert_allclose(
        featurize_dilute(structures, host=unit).values, featurize(structures).values, rtol=1e-9, atol=1e-9
    )
    found = map_onto_host(some_relaxed, unit)
    assert sum(isinstance(c, Displacement) for c in found.changes) == 6
    assert sum(isinstance(c, Vacancy) for c in found.changes) == 1


def test_real_vacancies_and_their_parents(shared_records):
    """Every pair: the unrelaxed vacancy made from the parent, and the relaxed one with its host to be found."""
    n = n_mapped = 0
    for record in shared_records("jarvis_vacancies/data.jsonl.gz"):
        parent, relaxed = as_cell(record["bulk"]), as_cell(record)
        site = int(np.flatnonzero(parent.atomic_numbers == atomic_number(record["vacancy_element"]))[0])
        try:
            mapping = map_onto_host(relaxed, parent)
        except DefectError:
            mapping = None  # the rounded parent and the relaxed cell are no longer one crystal
        else:
            found = featurize_dilute(relaxed, host=parent)
            assert_allclose(
                found.values, featurize(relaxed).values, rtol=1e-8, atol=1e-8, err_msg=record["id"]
            )
            vacant = [c.site for c in mapping.changes if isinstance(c, Vacancy)]
            n_mapped += len(vacant) == 1
            site = vacant[0] if len(vacant) == 1 else site
        plan = host_plan(parent)
        found = plan.featurize({site: None})
        expected = featurize(plan.changed({site: None}))
        assert_allclose(found.values, expected.values, **LIMIT, err_msg=record["id"])
        n += 1
    assert n == 414
    assert n_mapped > 300


# --- errors, and what users do with plans -------------------------------------------------------------------------


def test_plans_are_picklable_and_name_their_rows():
    plan = pickle.loads(pickle.dumps(host_plan(sigma_phase())))
    assert repr(plan) == "HostPlan(Cr12Fe18, 30 sites, 5 distinct rows)"
    table = plan.featurize([{0: "Al", 7: None}, [Interstitial([0.1, 0.2, 0.25], 6)], []])
    assert table.ids == ("Al@0+vacancy@7", "C@(0.1,0.2,0.25)", "host")
    assert_allclose(table.values[2], featurize(sigma_phase()).values[0], **LIMIT)
    assert plan.featurize([]).values.shape == (0, 256)
    assert plan.featurize(Substitution(0, "Al"), ids=["mine"]).ids == ("mine",)


def test_every_site_of_an_orbit_gives_the_same_row():
    plan = host_plan(sigma_phase())
    members = np.flatnonzero(plan.orbits.labels == plan.orbits.representatives[3])
    rows = plan.featurize([{int(site): "Al"} for site in members]).values
    assert_allclose(rows, np.broadcast_to(rows[0], rows.shape), **LIMIT)
    chosen = plan.all_substitutions(["Al"], orbits=[3])
    assert_allclose(chosen.values[0], rows[0], **LIMIT)


@pytest.mark.parametrize("solute", ["Al", 13, np.int64(13)])
def test_one_solute_needs_no_list(solute):
    table = host_plan(bcc()).all_substitutions(solute)
    assert table.ids == ("Al@0",)
    assert_array_equal(table.values, host_plan(bcc()).all_substitutions(["Al"]).values)


def test_other_descriptors_and_missing_properties_are_those_of_featurize():
    plan = host_plan(sigma_phase())
    for descriptor in ("ward2017", "ks2022_structural"):
        table = plan.featurize([{0: "Al"}], descriptor=descriptor)
        expected = featurize(plan.changed({0: "Al"}), descriptor=descriptor)
        assert_allclose(table.values, expected.values, **LIMIT)
        assert_allclose(
            plan.all_substitutions([13], orbits=[0], descriptor=descriptor).values, table.values, **LIMIT
        )
    table = plan.featurize([{0: "He"}, {0: "Al"}], missing="nan")
    assert np.isnan(table.values[0]).any()
    assert not np.isnan(table.values[1]).any()
    assert [w.id for w in table.warnings] == ["He@0"]
    gone = host_plan(Cell(np.eye(3) * 3, [[0, 0, 0]], ["He"])).featurize({0: "Al"})
    assert gone.warnings == ()


def test_shared_sites_of_a_host_stay_shared():
    mixed = sigma_phase().replace(occupancies={4: {26: 0.5, 28: 0.5}, 9: {24: 0.25, 26: 0.75}})
    plan = host_plan(mixed, occupancy="average")
    moved = mixed.frac_coords[9] + [0.01, 0, 0]
    sets = [{0: "Al"}, {4: "Al"}, [Vacancy(9)], [Displacement(9, moved)]]
    changed = [plan.changed(changes) for changes in sets]
    assert_allclose(plan.featurize(sets).values, featurize(changed, occupancy="average").values, **LIMIT)
    assert changed[3].occupancies[29] == {24: 0.25, 26: 0.75}


def test_one_bad_structure_costs_one_row():
    host = supercell(bcc(), (3, 3, 3))
    plan = host_plan(host)
    good, stranger = plan.changed({0: "Al"}), random_cell(np.random.default_rng(0), 50)
    table = featurize_dilute([good, stranger, good], host=host, on_error="record")
    assert [f.index for f in table.failures] == [1]
    assert table.failures[0].error == "DefectError"
    assert np.isnan(table.values[1]).all()
    assert_array_equal(table.values[0], table.values[2])
    with pytest.raises(DefectError, match="structure 1: the lattice is no superlattice"):
        featurize_dilute([good, stranger], host=host)


def test_a_structure_that_is_no_variant_names_its_sites():
    host = supercell(bcc(), (2, 2, 2))
    rng = np.random.default_rng(1)
    stranger = random_cell(rng, 16).replace(lattice=host.lattice)
    with pytest.raises(
        DefectError, match=r"only \d+ of the host's 16 sites are found in the structure; sites \d+"
    ):
        featurize_dilute(stranger, host=host, tolerance=0.05)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({99: "Al"}, DefectError, "structure 0: 99 is no site of the host, whose sites are 0 to 1"),
        ({True: "Al"}, DefectError, "True is no site"),
        ({0: "Xx"}, ElementError, "'Xx' is no chemical element"),
        ({0: 113}, ElementError, "113 is no element: give a symbol, or a number from 1 to 112"),
        ([Vacancy(0), Substitution(0, 13)], DefectError, "site 0 is changed twice"),
        ([Vacancy(0), Vacancy(1)], DefectError, "no atom is left"),
        ([Interstitial([0, 0], "C")], DefectError, "give three fractional coordinates"),
        ([Interstitial([0, np.nan, 0], "C")], DefectError, "is not finite"),
        ("Al", DefectError, "'str' is no list of changes"),
        ([[Vacancy(0)], Vacancy(1)], DefectError, "entry 1 is a single change among sets"),
        ([["Al"]], DefectError, "entry 0 holds 'str'"),
        ([Interstitial([0, 0, 0], "C")], OverlapError, "sites 0 and 2 are"),
    ],
)
def test_changes_that_make_no_sense_are_named(changes, error, message):
    with pytest.raises(error, match=message):
        host_plan(bcc()).featurize(changes)


def test_wrong_hosts_are_named():
    with pytest.raises(DefectError, match="Cl and Cs are equally frequent"):
        featurize_dilute(caesium_chloride())
    with pytest.raises(DefectError, match="7 is no orbit of the host, whose orbits are 0 to 4"):
        host_plan(sigma_phase()).all_substitutions(["Al"], orbits=[7])
    with pytest.raises(StructureError):
        featurize_dilute(bcc(), host={"lattice": 1})
    with pytest.raises(DefectError, match="1 ids were given for 2 sets"):
        host_plan(bcc()).featurize([{0: "Al"}, {1: "Al"}], ids=["a"])
    assert isinstance(host_plan(bcc()), HostPlan)


@pytest.mark.parametrize("unit", [fcc(), rocksalt(), hcp(), bcc()])
def test_rounding_makes_no_environments(unit):
    plan = host_plan(unit, supercell=(3, 3, 3))
    assert plan.n_distinct_rows == 1  # Na and Cl differ, but their rows do not
    assert len(environment_classes(plan.cell)) == len(plan.orbits)


def test_orbits_of_a_supercell_are_those_of_its_unit():
    plan, whole = (
        host_plan(sigma_phase(), supercell=(1, 2, 1)),
        site_orbits(sigma_phase().supercell((1, 2, 1))),
    )
    assert_array_equal(plan.orbits.labels, whole.labels)
    assert plan.orbits.wyckoffs == whole.wyckoffs
