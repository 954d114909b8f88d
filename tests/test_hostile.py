"""Input that once crashed, hung or was silently wrong."""

from __future__ import annotations

import dataclasses
import pickle
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from numpy.testing import assert_allclose

from seitz import Cell, featurize, featurize_dilute, featurize_random, host_plan, tessellate
from seitz.alloys import Composition, as_composition
from seitz.errors import (
    CompositionError,
    DefectError,
    ElementError,
    OptionError,
    StructureError,
    SymmetryError,
)
from seitz.symmetry import site_orbits
from structures import bcc, sigma_phase


@pytest.mark.parametrize(
    "formula", ["(Fe1e300)1e300Ni", "Fe1e308(Ni1e308)9", "Fe" * 500_000, "Fe1e308Fe1e308"]
)
def test_formulas_beyond_all_bounds_are_refused(formula):
    with pytest.raises(CompositionError, match=r"infinite|give at most"):
        featurize_random("bcc", formula, mode="exact")


def test_compositions_are_checked_however_they_are_made():
    for wrong in ({}, {26: np.nan}, {26: 2, 28: -1}, {26: 0.0}):
        with pytest.raises(CompositionError):
            Composition(wrong)
    assert as_composition({"Fe": 1e308, "Ni": 1e308}).fractions == {26: 0.5, 28: 0.5}
    assert as_composition({np.int64(26): 1.0}).fractions == {26: 1.0}
    once = as_composition("Fe3Al")
    assert pickle.loads(pickle.dumps(once)) == once


def test_results_of_random_alloys_pickle():
    alloy = featurize_random("bcc", "Fe50Ni50", seed=0)
    again = pickle.loads(pickle.dumps(alloy))
    assert again.composition == alloy.composition
    assert_allclose(again.history, alloy.history)


@pytest.mark.parametrize(
    "changes",
    [
        {"neighbours": np.full(28, 100_000, dtype=np.int32)},
        {"neighbours": np.full(28, -1, dtype=np.int32)},
        {"offsets": np.array([0, 0, 28])},
        {"offsets": np.array([5, 14, 28])},
        {"offsets": np.array([0, 30, 28])},
        {"areas": np.ones(3)},
    ],
)
def test_a_tessellation_that_was_tampered_with_does_not_crash(changes):
    broken = dataclasses.replace(tessellate(bcc()), **changes)
    for descriptor in ("ks2022", "ward2017"):
        with pytest.raises(ValueError, match=r"face|site"):
            broken.featurize([26, 28], descriptor=descriptor)


def test_too_many_threads_are_fewer_not_the_end():
    pytest.importorskip("resource")
    code = (
        "import resource, numpy as np, seitz\n"
        "fe = seitz.Cell(np.eye(3) * 2.87, [[0, 0, 0], [.5, .5, .5]], [26, 26])\n"
        "seitz.featurize([fe])\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 2**26, used + 2**26))\n"
        "print(seitz.featurize([fe] * 500, n_threads=1000).values.shape)\n"
    )
    if sys.platform != "linux":
        pytest.skip("counts its memory in the Linux way")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout == "(500, 256)\n", done.stderr


def test_skewed_lattices_give_right_images_or_an_error():
    def skewed(size: float) -> Cell:
        return Cell([[1, 0, 0], [size + 0.3, 1, 0], [0.3, size + 0.2, 1]], [[0, 0, 0]], [26])

    right = tessellate(skewed(2e4))
    images = right.images.astype(np.float64) @ right.lattice
    assert_allclose(np.linalg.norm(images, axis=1), right.distances, rtol=1e-6)
    with pytest.raises(StructureError, match="so skewed that neighbours of site 0"):
        tessellate(skewed(5e4))
    assert np.isfinite(featurize(skewed(5e4), descriptor="ward2017").values).all()


def test_masked_decorations_are_refused():
    tessellation = tessellate(bcc())
    for function in (tessellation.featurize, tessellation.environments):
        with pytest.raises(ElementError, match="masked"):
            function(np.ma.array([26, 92], mask=[0, 1]))


def test_an_interrupted_alloy_is_given_up_soon():
    options = {"feature_criterion": 1e-15, "max_expansions": 100_000, "seed": 0, "n_threads": 1}
    stopped = threading.Event()

    def stop(done: int, total: int | None) -> None:
        stopped.set()
        raise KeyboardInterrupt

    start = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        featurize_random(["bcc", "fcc", "hcp"], ["Fe", "Fe50Ni50"], progress=stop, **options)
    assert stopped.is_set()
    assert time.perf_counter() - start < 60  # hours without it


def test_lattices_too_small_for_a_symmetry_search_are_refused():
    needle = Cell(np.diag([0.03, 0.04, 1e3]), [[0, 0, 0]], [26])
    with pytest.raises(SymmetryError, match=r"a lattice vector of 0\.03 Å is too short"):
        site_orbits(needle)
    table = featurize([needle, bcc()], symmetry="orbits", on_error="record")
    assert [f.error for f in table.failures] == ["SymmetryError"]


def test_a_turned_structure_is_found_in_a_prototype():
    plan = host_plan(bcc(74, 3.16522), supercell=(3, 3, 3))
    changed = plan.changed({0: "Re", 7: None})
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    turned = Cell(changed.lattice @ turn * 0.9, changed.frac_coords, changed.atomic_numbers)
    found = featurize_dilute(turned, host="bcc")
    assert_allclose(found.values, featurize(turned).values, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"tolerance": "x"}, DefectError),
        ({"tolerance": 10**400}, DefectError),
        ({"host": np.eye(3)}, StructureError),
        ({"missing": "x"}, OptionError),
        ({"n_threads": -5}, OptionError),
    ],
)
def test_wrong_options_of_dilute_are_named(options, error):
    with pytest.raises(error):
        featurize_dilute([sigma_phase()], **({"host": sigma_phase()} | options))
    if "host" not in options and "tolerance" not in options:
        with pytest.raises(error):
            featurize_dilute([], **options)


def test_hosts_and_structures_of_other_worlds_are_told_apart():
    box = Cell(np.eye(3) * 1000, [[0, 0, 0], [0.5, 0.5, 0.5]], [26, 26])
    speck = Cell(np.eye(3) * 0.3, [[0, 0, 0]], [26])
    table = featurize_dilute([box], host=speck, on_error="record")
    assert [f.error for f in table.failures] == ["DefectError"]
    loop: dict[str, object] = {}
    loop["structure"] = loop
    table = featurize([loop, bcc()], on_error="record")
    assert [f.error for f in table.failures] == ["StructureError"]


@pytest.mark.parametrize("name", ["n_sites", "feature_criterion", "composition_criterion", "max_expansions"])
def test_numbers_beyond_all_bounds_are_refused(name):
    with pytest.raises(OptionError, match=name):
        featurize_random("bcc", "Fe", **{name: 10**400}, mode="exact")


@pytest.mark.skipif(sys.platform == "win32", reason="signals are not sent like this there")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_command_leaves_nothing_half_done(tmp_path, number, code):
    target = tmp_path / "out.csv"
    target.write_text("id,mine\n")
    command = [sys.executable, "-m", "seitz", "random", "Fe50Ni50", "-l", "bcc", "--seed", "0"]
    command += ["--feature-criterion", "1e-15", "--max-expansions", "100000", "-o", str(tmp_path / "new.csv")]
    # A shell's background jobs ignore Ctrl-C, and so would what they start.
    process = subprocess.Popen(
        command, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler)
    )
    try:
        time.sleep(3)
        process.send_signal(number)
        assert process.wait(timeout=60) == code
    finally:
        process.kill()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv"]
    assert target.read_text() == "id,mine\n"
