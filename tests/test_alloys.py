"""Random alloys: the infinite one against enumeration, samples against it, and everything that can be asked for."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from seitz import Cell, featurize, featurize_random, read_compositions, tessellate
from seitz.alloys import as_alloy_lattice, as_composition
from seitz.alloys.sampled import Criteria, _changes, sample
from seitz.alloys.tables import read_rows
from seitz.descriptors import descriptor
from seitz.elements import table
from seitz.errors import (
    CompositionError,
    DescriptorError,
    ElementError,
    OccupancyError,
    OptionError,
    ReadError,
    SeitzError,
)
from structures import bcc, fcc, hcp, random_cell, sigma_phase, simple_cubic

NINE = "Hf2.5Zr1Ti25Ta12.5Nb26.75V10Mo20Cr2C0.25"
KS = descriptor("ks2022")
#: Extremes grow with the sample, and norms are squares of fluctuating fractions: they depend on its size.
SIZE_FREE = np.array(
    [
        not name.startswith(("min_NeighDiff", "max_NeighDiff", "range_NeighDiff", "Comp_L", "most_"))
        for name in KS.names
    ]
)


def column(name: str) -> int:
    return KS.names.index(name)


# --- the infinite alloy ------------------------------------------------------------------------------------------


def enumerated(cell: Cell, fractions: list[dict[int, float]]) -> dict[str, np.ndarray]:
    """Neighbour differences over every occupation of a site and of the atoms behind its faces, one by one."""
    values = np.nan_to_num(table().values)[:, :21]
    faces = tessellate(cell)
    rows, weights = [], []
    for site in range(len(cell)):
        k = faces.faces(site)
        share = faces.areas[k] / faces.areas[k].sum()
        around = [list(fractions[j].items()) for j in faces.neighbours[k]]
        for z, x in fractions[site].items():
            for choice in product(*around):
                rows.append(share @ np.abs(values[z] - values[[e for e, _ in choice]]))
                weights.append(x * np.prod([p for _, p in choice]))
    rows, weights = np.array(rows), np.array(weights) / len(cell)
    mean = weights @ rows
    return {
        "mean": mean,
        "var": weights @ np.abs(rows - mean),
        "min": rows.min(axis=0),
        "max": rows.max(axis=0),
        "range": np.ptp(rows, axis=0),
    }


def assert_enumeration(alloy, expected: dict[str, np.ndarray]) -> None:
    for prefix, rows in expected.items():
        found = [alloy[f"{prefix}_NeighDiff_shell1_{p}"] for p in PROPERTIES]
        assert_allclose(found, rows, rtol=1e-10, atol=1e-10, err_msg=prefix)


PROPERTIES = [n.removeprefix("mean_NeighDiff_shell1_") for n in KS.names if n.startswith("mean_NeighDiff")]


def test_a_binary_on_a_lattice_of_four_sites_is_enumerated_exactly():
    assert_enumeration(
        featurize_random(fcc(), "Fe30Ni70", mode="exact"), enumerated(fcc(), [{26: 0.3, 28: 0.7}] * 4)
    )


def test_a_quaternary_on_six_faces_is_enumerated_exactly():
    fractions = {26: 0.1, 28: 0.2, 13: 0.3, 74: 0.4}
    alloy = featurize_random(simple_cubic(), fractions, mode="exact")
    assert_enumeration(alloy, enumerated(simple_cubic(), [fractions]))


def test_sublattices_of_their_own_are_enumerated_exactly():
    cell = Cell(np.diag([3.0, 3.0, 3.4]), [[0, 0, 0], [0.5, 0.5, 0.5]], [26, 13])
    first, second = {26: 0.25, 28: 0.75}, {13: 0.6, 22: 0.4}
    lattice = as_alloy_lattice(cell)
    assert lattice.names == ("1a", "1d")
    alloy = featurize_random(cell, {"1a": "Fe25Ni75", "1d": second}, mode="exact")
    assert_enumeration(alloy, enumerated(cell, [first, second]))
    assert_allclose(list(alloy.target.fractions.values()), [0.125, 0.375, 0.3, 0.2])


def test_the_worked_example():
    alloy = featurize_random("fcc", "Fe50Ni50", mode="exact")
    found = [alloy[f"{p}_NeighDiff_shell1_Number"] for p in ("mean", "var", "min", "max", "range")]
    assert_allclose(found, [1.0, 0.22558594, 0.0, 2.0, 2.0], atol=1e-8)
    assert alloy["most_Number"] == 27.0  # a tie
    assert alloy["NComp"] == 2
    assert alloy.converged and alloy.n_sites == 0 and alloy.history.shape == (0, 256)
    assert (alloy.standard_error == 0).all()


def test_many_components_are_exact_to_a_millionth():
    from seitz.alloys import exact

    coarse = featurize_random("bcc", NINE, mode="exact")
    before, exact.RESOLUTION = exact.RESOLUTION, 16384
    try:
        fine = featurize_random("bcc", NINE, mode="exact")
    finally:
        exact.RESOLUTION = before
    assert_allclose(coarse.values, fine.values, rtol=2e-6)


def test_geometry_is_that_of_the_lattice_and_one_element_has_no_differences():
    for cell in (fcc(), hcp(), sigma_phase()):
        alloy = featurize_random(cell, "Fe", mode="exact")
        pure = featurize(cell.replace(atomic_numbers=np.full(len(cell), 26)))
        assert_allclose(alloy.values, pure.values[0], rtol=1e-9, atol=1e-9)
    sampled = featurize_random(fcc(), "Fe", seed=0)
    assert_allclose(sampled.values, featurize(fcc(26)).values[0], rtol=1e-9, atol=1e-9)
    assert sampled.status == "converged after 3 expansions"


def test_extremes_expected_among_some_sites_lie_inside_the_limits():
    limits = featurize_random("bcc", NINE, mode="exact")
    lowest, highest = column("min_NeighDiff_shell1_Number"), column("max_NeighDiff_shell1_Number")
    sizes = [10, 100, 10_000]
    finite = [featurize_random("bcc", NINE, mode="exact", n_sites=n).values for n in sizes]
    assert all(np.diff([v[lowest] for v in [*finite, limits.values]]) < 0)
    assert all(np.diff([v[highest] for v in [*finite, limits.values]]) > 0)
    samples = [featurize_random("bcc", NINE, seed=s, max_expansions=37) for s in range(30)]
    sizes = [a.n_sites for a in samples]
    expected = featurize_random("bcc", NINE, mode="exact", n_sites=round(np.mean(sizes)))
    found = np.array([a.values[[lowest, highest]] for a in samples])
    assert (np.abs(found.mean(axis=0) - expected.values[[lowest, highest]]) < 0.5 * found.std(axis=0)).all()


# --- sampling ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_samples_have_the_mean_that_the_infinite_alloy_says():
    """40 alloys on 4 lattices: at least 99 % of means within three standard errors."""
    rng = np.random.default_rng(0)
    elements = [13, 22, 23, 24, 25, 26, 27, 28, 29, 40, 41, 42, 72, 73, 74]
    within: list[np.ndarray] = []
    for lattice in (fcc(), bcc(), hcp(), sigma_phase()):
        for _ in range(40):
            picked = rng.choice(elements, rng.integers(2, 7), replace=False)
            fractions = dict(
                zip(picked.tolist(), rng.dirichlet(np.full(len(picked), 3.0)).tolist(), strict=True)
            )
            if min(fractions.values()) < 0.02:
                fractions = dict.fromkeys(fractions, 1.0) | {int(picked[0]): 2.0}
            exact = featurize_random(lattice, fractions, mode="exact").values
            runs = np.array([featurize_random(lattice, fractions, seed=s).values for s in range(30)])
            error = runs.std(axis=0, ddof=1) / 30**0.5
            moving = SIZE_FREE & (error > 1e-9 * np.maximum(1.0, np.abs(exact)))
            within.append((np.abs(runs.mean(axis=0) - exact) < 3 * error)[moving])
            still = SIZE_FREE & ~moving
            assert_allclose(runs.mean(axis=0)[still], exact[still], rtol=1e-6, atol=1e-6)
    assert len(within) == 160
    assert np.concatenate(within).mean() >= 0.99


def test_stored_runs_of_the_published_routine_are_compatible(shared_records):
    for record in shared_records("reference/random_solutions.jsonl.gz"):
        cell = Cell(record["lattice"], record["frac_coords"], [26] * len(record["frac_coords"]))
        theirs = np.array(record["runs"], dtype=np.float64)
        runs = [featurize_random(cell, record["composition"], seed=s) for s in range(12)]
        ours = np.array([run.values for run in runs])
        # Their ensembles are smaller than ours, and three runs say little about their spread.
        ratio = np.mean([run.n_sites for run in runs]) / np.min(record["sites"])
        variance = np.maximum(theirs.var(axis=0, ddof=1), ours.var(axis=0, ddof=1) * max(1.0, ratio))
        error = np.sqrt(variance / 3 + ours.var(axis=0, ddof=1) / 12)
        apart = np.abs(ours.mean(axis=0) - theirs.mean(axis=0))
        k = SIZE_FREE & (error > 1e-6 * np.maximum(1.0, np.abs(theirs[0])))
        assert (apart[k] < 3 * error[k]).mean() >= 0.99
        assert (apart[k] < 4 * error[k]).all()
        still = SIZE_FREE & ~k
        assert_allclose(ours.mean(axis=0)[still], theirs.mean(axis=0)[still], rtol=1e-5, atol=1e-5)


def test_a_trace_element_is_never_lost():
    """The published routine lost 0.1 at.% in 48 of 60 runs."""
    for seed in range(5):
        alloy = featurize_random("bcc", "Fe99.9C0.1", seed=seed)
        assert alloy.converged
        assert alloy["NComp"] == 2
        assert alloy.composition.fractions[6] * alloy.n_sites >= 10 - 1e-9


def test_changes_count_in_absolute_value():
    """A vector that swings up and down again has not converged, although its changes add up to nothing."""
    history = np.array([[1.0, 5.0], [2.0, 5.0], [1.0, 5.0], [1.0, 5.1]])
    found = _changes(history, np.array([10.0, 1.0]))
    assert np.isinf(found[:2]).all()
    assert_allclose(found[2:], [[0.1, 0.0], [0.1, 0.1]])
    assert (_changes(history, np.array([10.0, 0.0]))[2:, 1] == 0).all()  # what never varies cannot hold it up


def test_the_first_ensemble_that_meets_every_criterion_is_the_last():
    alloy = featurize_random("fcc", "Al50Au50", seed=3)
    per_expansion = alloy.n_sites // len(alloy.history)
    gold = np.cumsum([row.mean() for row in (alloy.expansions["mean_Number"] - 13) / (79 - 13)])
    counts = np.arange(1, len(alloy.history) + 1)
    share = gold / counts
    rarest = np.minimum(share, 1 - share) * counts * per_expansion
    met = (alloy.largest_change < 0.005) & (np.abs(share - 0.5) <= 0.01) & (rarest >= 10 - 1e-6)
    assert met[-1] and not met[:-1].any()
    assert alloy.worst_feature[:2] == ("", "") and alloy.worst_feature[-1] in alloy.names


def test_ties_are_broken_by_the_target_in_exact_mode_only():
    exact = featurize_random("bcc", "Fe50Ni50", mode="exact")
    assert exact["most_Number"] == 27
    lucky = {featurize_random("bcc", "Fe50Ni50", seed=s)["most_Number"] for s in range(12)}
    assert lucky <= {26.0, 27.0, 28.0} and len(lucky) > 1


@pytest.mark.parametrize("cell", [simple_cubic(), fcc(), bcc(), hcp(), sigma_phase()])
def test_expansions_have_no_site_that_meets_itself_or_another_twice(cell):
    faces, sublattices = as_alloy_lattice(cell).expanded(50)
    assert len(faces) >= 50 and len(sublattices) == len(faces)
    pairs = list(zip(faces.sites.tolist(), faces.neighbours.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    assert all(a != b for a, b in pairs)


def test_the_limit_of_expansions_ends_with_a_status():
    alloy = featurize_random("bcc", "Fe99.9C0.1", seed=1, max_expansions=20)
    assert not alloy.converged
    assert alloy.status.startswith("stopped at the limit of 20 expansions: the rarest element occurred")
    assert len(alloy.expansions) == len(alloy.history) == 20
    other = featurize_random("bcc", "Al50Au50", seed=1, max_expansions=4)
    assert "of its range, 0.005 is allowed" in other.status or "composition is off" in other.status


def test_a_seed_gives_the_same_bytes_for_any_number_of_threads():
    alloys = ["Fe50Ni50", "Al20Cu80", "Ti"]
    runs = [featurize_random(["bcc", "fcc"], alloys, seed=7, n_threads=n) for n in (1, 2, 5)]
    for other in runs[1:]:
        assert_array_equal(other.table.values, runs[0].table.values)
        for mine, theirs in zip(other, runs[0], strict=True):
            assert_array_equal(mine.history, theirs.history)
            assert_array_equal(mine.expansions.values, theirs.expansions.values)
    single = featurize_random("bcc", "Fe50Ni50", seed=7, n_threads=2)
    assert_array_equal(single.values, runs[0][0].values)
    assert not np.array_equal(single.values, featurize_random("bcc", "Fe50Ni50", seed=8).values)
    assert not np.array_equal(
        featurize_random("bcc", "Fe50Ni50").values, featurize_random("bcc", "Fe50Ni50").values
    )


def test_an_ensemble_is_its_expansions_together():
    lattice, rng = as_alloy_lattice(bcc()), np.random.default_rng(0)
    criteria = Criteria(max_expansions=5, feature=1e-9)
    found = sample(lattice, np.array([[0.4, 0.6]]), np.array([26, 13], dtype=np.int32), KS, criteria, rng, 1)
    faces = found.tessellation
    rows = np.concatenate([faces.environments(numbers).values for numbers in found.numbers])
    number = rows[:, 5]
    assert_allclose(found.history[-1][column("mean_NeighDiff_shell1_Number")], number.mean(), rtol=1e-12)
    deviation = np.abs(number - number.mean()).mean()
    assert_allclose(found.history[-1][column("var_NeighDiff_shell1_Number")], deviation, rtol=1e-12)
    share = (found.numbers == 26).mean()
    assert_allclose(found.history[-1][column("mean_Number")], 26 * share + 13 * (1 - share), rtol=1e-12)
    one = faces.featurize(found.numbers[:1])
    assert_allclose(found.history[0], one.values[0], rtol=1e-12, atol=1e-12)


def test_sublattices_keep_their_own_elements():
    composition = {"2a": "Fe", "4f": "Cr", "8i1": "Cr50Mo50", "8i2": "Fe", "8j": "Fe50Co50"}
    exact = featurize_random("sigma", composition, mode="exact")
    runs = np.array([featurize_random("sigma", composition, seed=s).values for s in range(6)])
    k = SIZE_FREE & (runs.std(axis=0) > 1e-9)
    error = runs.std(axis=0, ddof=1)[k]
    assert (np.abs(runs.mean(axis=0)[k] - exact.values[k]) < 3 * error).mean() > 0.95
    alloy = featurize_random("sigma", composition, seed=0)
    assert set(alloy.composition.fractions) == {26, 24, 42, 27}


def test_sublattices_written_as_text():
    given = {"1a": "Fe25Ni75", "1b": "Al"}
    cell = Cell(np.eye(3) * 3.0, [[0, 0, 0], [0.5, 0.5, 0.5]], [26, 13])
    found, expected = (featurize_random(cell, c, mode="exact") for c in ("1a = Fe25Ni75; 1b=Al;", given))
    assert_array_equal(found.values, expected.values)
    for wrong in ("1a=Fe", "1a=Fe; 1a=Ni", "1a=; 1b=Al", "Fe; 1b=Al", "1c=Fe; 1b=Al"):
        with pytest.raises(CompositionError, match="sublattice"):
            featurize_random(cell, wrong, mode="exact")


# --- compositions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Fe50Ni50", {26: 0.5, 28: 0.5}),
        ("FeNi3", {26: 0.25, 28: 0.75}),
        (" Fe 1 Ni 3 ", {26: 0.25, 28: 0.75}),
        ("(FeNi)3Al2", {26: 0.375, 28: 0.375, 13: 0.25}),
        ("[Co(CrFe)0.5]2Al", {27: 0.5, 24: 0.125 * 2, 26: 0.125 * 2, 13: 0.25 - 0.25 + 0.0}),
        ({"Fe": 1, "Ni": 3}, {26: 0.25, 28: 0.75}),
        ({26: 0.25, "Ni": 0.75}, {26: 0.25, 28: 0.75}),
        ({"Fe2+": 1.0, "Fe3+": 1.0}, {26: 1.0}),
        ({"Fe": 1.0, "Ni": 0.0}, {26: 1.0}),
        ("Fe1e-1Ni0.9", {26: 0.1, 28: 0.9}),
    ],
)
def test_compositions_are_read(given, expected):
    if given == "[Co(CrFe)0.5]2Al":
        expected = {27: 0.4, 24: 0.2, 26: 0.2, 13: 0.2}
    found = as_composition(given).fractions
    assert set(found) == set(expected)
    for z, x in expected.items():
        assert found[z] == pytest.approx(x)


def test_compositions_of_pymatgen_are_taken():
    core = pytest.importorskip("pymatgen.core")
    assert as_composition(core.Composition("Fe3Al")).formula == "Fe75Al25"


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("", CompositionError, "is empty"),
        ({}, CompositionError, "is empty"),
        ("Fe0", CompositionError, "is empty"),
        ("Fe-1Ni2", CompositionError, "amounts cannot be negative"),
        ({"Fe": -1.0, "Ni": 2.0}, CompositionError, "Fe: -1.0 is no amount"),
        ({"Fe": float("nan")}, CompositionError, "is no amount"),
        ({"Fe": True}, CompositionError, "is no amount"),
        ("Fe50Xx50", ElementError, "'Xx' is no chemical element"),
        ({"Xx": 1}, ElementError, "'Xx' is no chemical element"),
        ({200: 1}, ElementError, "atomic number 200"),
        ("(FeNi", CompositionError, "a bracket is not closed"),
        ("FeNi)2", CompositionError, "closed that was never opened"),
        ("2Fe", CompositionError, "the number 2 stands behind no element"),
        ("Fe@Ni", CompositionError, "'@' has no meaning"),
        ("(" * 100 + "Fe" + ")" * 100, CompositionError, "nested deeper"),
        (7, CompositionError, "'int' is no composition"),
        ("Fe1e999", CompositionError, "infinite"),
        ("fe50ni50", CompositionError, r"'fe' has no meaning in a formula: did you mean Fe\?"),
        ("Fe50v50", CompositionError, r"'v' has no meaning in a formula: did you mean V\?"),
        ("Fe(nib)2", CompositionError, r"'ni' has no meaning in a formula: did you mean Ni\?"),
        ("x50", CompositionError, "'x' has no meaning in a formula$"),
        ({"Fe": "a"}, CompositionError, "^Fe: 'a' is no amount"),
        ({"Fe": "a", "Ni": {"Ni": 1}}, CompositionError, "^Fe: 'a' is no amount"),
    ],
)
def test_wrong_compositions_are_named(given, error, message):
    with pytest.raises(error, match=message):
        featurize_random("bcc", given)


def test_tables_of_compositions_are_read(tmp_path):
    one = tmp_path / "alloys.csv"
    one.write_text("id,composition,hardness\na,Fe50Ni50,1\nb,Fe3Al,2\nb,Ti,3\n,V,4\n")
    found = read_compositions(one)
    assert list(found) == ["a", "b", "b (line 4)", "3"]
    assert found["b"].formula == "Fe75Al25"
    result = featurize_random(["bcc", "fcc"], found, mode="exact")
    assert result.ids[:2] == ("a@BCC", "b@BCC") and len(result) == 8
    two = tmp_path / "columns.csv"
    two.write_text("name,Fe,Ni,Al\nx,50,50,\ny,10,,90\n")
    assert read_compositions(two)["y"].formula == "Fe10Al90"
    one.write_text("composition\nFe50Ni50\nFe-\n")
    with pytest.raises(CompositionError, match=r"alloys\.csv, line 3: "):
        read_compositions(one)
    one.write_text("a,b\n1,2\n")
    with pytest.raises(CompositionError, match="no column is called composition"):
        read_compositions(one)
    with pytest.raises(ReadError):
        read_compositions(tmp_path / "none.csv")
    one.write_text("Fe,Ni\n1,2\n3,x\n")
    with pytest.raises(CompositionError, match=r"alloys\.csv, line 3: Ni: 'x' is no amount"):
        read_compositions(one)


def test_unchecked_rows_of_a_table_cost_no_other(tmp_path):
    path = tmp_path / "alloys.csv"
    path.write_text("composition\nFe50Ni50\nXx\n2a=Fe\n")
    rows = read_rows(path)
    options = {"names": list(rows), "mode": "exact"}
    result = featurize_random("bcc", list(rows.values()), on_error="record", **options)
    assert [alloy and alloy.target.formula for alloy in result] == ["Fe50Ni50", None, "Fe100"]
    assert [(f.id, f.error) for f in result.failures] == [("1@BCC", "ElementError")]
    assert "alloys.csv, line 3: 'Xx': 'Xx' is no" in result.failures[0].message
    with pytest.raises(ElementError, match=r"1@BCC: .*alloys\.csv, line 3: "):
        featurize_random("bcc", list(rows.values()), **options)


# --- errors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"feature_criterion": 0},
        {"feature_criterion": -0.1},
        {"feature_criterion": float("nan")},
        {"composition_criterion": 0.0},
        {"minimum_occurrences": 0},
        {"minimum_occurrences": 2.5},
        {"max_expansions": 0},
        {"minimum_sites_per_expansion": True},
        {"minimum_sites_per_expansion": 10**9},
        {"mode": "guess"},
        {"seed": -1},
        {"seed": "a"},
        {"n_sites": 0},
        {"n_sites": 100},
        {"missing": "x"},
        {"on_error": "x"},
        {"n_threads": 0},
    ],
)
def test_wrong_options_are_named(options):
    with pytest.raises(OptionError, match=next(iter(options))):
        featurize_random("bcc", "Fe", **options)


def test_wrong_lattices_are_named():
    shared = Cell(np.eye(3) * 3, [[0, 0, 0]], [26], {0: {26: 0.5, 28: 0.5}})
    with pytest.raises(OccupancyError, match="partially occupied"):
        featurize_random(shared, "Fe")
    with pytest.raises(SeitzError, match="bccc"):
        featurize_random("bccc", "Fe")
    with pytest.raises(
        CompositionError, match="has the sublattices 2a, 4f, 8i1, 8i2, 8j: 4x is none of them"
    ):
        featurize_random("sigma", {"2a": "Fe", "4x": "Cr"})
    with pytest.raises(CompositionError, match="4f, 8i1, 8i2, 8j is left out"):
        featurize_random("sigma", {"2a": "Fe"})
    with pytest.raises(DescriptorError, match="ward2017 has features that need one structure"):
        featurize_random("bcc", "Fe", descriptor="ward2017")


def test_one_bad_alloy_of_many_costs_one():
    result = featurize_random(["bcc", "nowhere"], ["Fe", "Xx"], mode="exact", on_error="record")
    assert [f.index for f in result.failures] == [1, 2, 3]
    assert result[0] is not None and result[1] is None
    assert np.isnan(result.table.values[1]).all()
    assert repr(result) == "RandomAlloys(4, 3 failed)"
    with pytest.raises(ElementError, match="Xx@BCC: 'Xx'"):
        featurize_random(["bcc"], ["Fe", "Xx"], mode="exact")


def test_elements_without_data_follow_the_policy():
    assert featurize_random("bcc", "Fe50He50", mode="exact").warnings
    blank = featurize_random("bcc", "Fe50He50", mode="exact", missing="nan")
    assert np.isnan(blank.values).any() and not np.isnan(blank.values).all()
    sampled = featurize_random("bcc", "Fe50He50", seed=0, missing="nan")
    assert np.isnan(sampled.history[:, np.isnan(sampled.values)]).all()
    with pytest.raises(SeitzError, match="He has no"):
        featurize_random("bcc", "Fe50He50", mode="exact", missing="raise")


def test_any_lattice_will_do():
    cell = random_cell(np.random.default_rng(2), 7)
    exact = featurize_random(cell, "Fe40Al60", mode="exact").values
    runs = np.array([featurize_random(cell, "Fe40Al60", seed=s).values for s in range(6)])
    k = SIZE_FREE & (runs.std(axis=0) > 1e-9)
    assert (np.abs(runs.mean(axis=0)[k] - exact[k]) < 3 * runs.std(axis=0, ddof=1)[k]).mean() > 0.95
