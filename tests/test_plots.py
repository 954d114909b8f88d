"""Figures hold the numbers they show, cells close, and files are complete or absent."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

import seitz
from seitz.alloys.ranges import feature_ranges
from seitz.errors import DescriptorError, MissingExtraError, OptionError, WriteError
from seitz.plots.saving import fitted
from structures import HIGH_SYMMETRY, cells, fluorite, hcp, random_cell, sigma_phase

go = pytest.importorskip(
    "plotly.graph_objects", reason="figures are drawn with plotly: pip install 'seitz[plot]'"
)
plots = seitz.plots

FEATURE = "mean_NeighDiff_shell1_MeltingT"


@pytest.fixture(scope="module")
def alloy():
    return seitz.featurize_random("bcc", "Ti50Zr30Ta20", seed=3)


@pytest.fixture(scope="module")
def exact():
    return seitz.featurize_random("bcc", "Ti50Zr50", mode="exact")


def trace(figure, name):
    """The one trace whose name begins so."""
    (found,) = [trace for trace in figure.data if trace.name and trace.name.startswith(name)]
    return found


# --- polyhedra ---------------------------------------------------------------------------------------------------


def area_vectors(faces):
    """(n_faces, 3) area times outward normal."""
    return np.array(
        [
            0.5 * np.cross(face, np.roll(face, -1, axis=0)).sum(axis=0) if len(face) else np.zeros(3)
            for face in faces
        ]
    )


def check_polyhedron(tessellation, site):
    faces = plots.polyhedron(tessellation, site)
    mine = tessellation.faces(site)
    assert len(faces) == mine.stop - mine.start
    vectors = area_vectors(faces)
    np.testing.assert_allclose(
        np.linalg.norm(vectors, axis=1), tessellation.areas[mine], rtol=1e-6, atol=1e-6
    )
    ends = tessellation.frac_coords[tessellation.neighbours[mine]] + tessellation.images[mine]
    outward = (ends - tessellation.frac_coords[site]) @ tessellation.lattice
    assert ((vectors * outward).sum(axis=1) >= 0).all(), "corners run counter-clockwise, seen from outside"
    volume = sum(face[0] @ vector for face, vector in zip(faces, vectors, strict=True) if len(face)) / 3
    assert volume == pytest.approx(tessellation.cell_volumes[site], rel=1e-8)
    whole = [face for face in faces if len(face)]
    corners = {tuple(corner) for face in whole for corner in face.tolist()}
    sides = [
        (tuple(a), tuple(b))
        for face in whole
        for a, b in zip(face.tolist(), np.roll(face, -1, 0).tolist(), strict=True)
    ]
    assert len(set(sides)) == len(sides)
    assert {(b, a) for a, b in sides} == set(sides), "every edge belongs to two faces"
    assert len(corners) - len(sides) // 2 + len(whole) == 2


@pytest.mark.parametrize("name", HIGH_SYMMETRY)
def test_cells_of_high_symmetry_close(name):
    tessellation = seitz.tessellate(HIGH_SYMMETRY[name])
    for site in range(len(tessellation)):
        check_polyhedron(tessellation, site)


@settings(max_examples=30)
@given(cells(max_sites=6))
def test_random_cells_close(cell):
    check_polyhedron(seitz.tessellate(cell), 0)


@pytest.mark.parametrize("noise", [1e-12, 1e-9, 1e-7, 1e-5, 1e-3])
def test_nearly_symmetric_cells_have_the_right_areas_and_volumes(noise):
    rng = np.random.default_rng(5)
    for cell in (HIGH_SYMMETRY["fcc"], HIGH_SYMMETRY["sc"], fluorite()):
        shaken = cell.replace(frac_coords=cell.frac_coords + noise * rng.standard_normal((len(cell), 3)))
        tessellation = seitz.tessellate(shaken)
        for site in range(len(cell)):
            faces = plots.polyhedron(tessellation, site)
            areas = np.linalg.norm(area_vectors(faces), axis=1)
            np.testing.assert_allclose(
                areas, tessellation.areas[tessellation.faces(site)], rtol=1e-6, atol=1e-6
            )
            assert all(len(face) > 2 or face.shape == (0, 3) for face in faces)


def test_a_skewed_cell_and_a_slab_close():
    cell = random_cell(np.random.default_rng(2), 3)
    skewed = cell.replace(
        lattice=np.array([[1, 0, 0], [7, 1, 0], [-5, 3, 1]]) @ cell.lattice,
        frac_coords=cell.frac_coords @ np.linalg.inv([[1, 0, 0], [7, 1, 0], [-5, 3, 1]]),
    )
    slab = seitz.Cell(np.diag([3.0, 3.0, 60.0]), [[0, 0, 0], [0.5, 0.5, 0.03]], [29, 29])
    for structure in (skewed, slab):
        check_polyhedron(seitz.tessellate(structure), 1)


def test_the_cells_that_everyone_knows():
    shapes = {
        name: sorted(len(face) for face in plots.polyhedron(seitz.tessellate(HIGH_SYMMETRY[name]), 0))
        for name in ("sc", "bcc", "fcc", "diamond")
    }
    assert shapes["sc"] == [4] * 6
    assert shapes["bcc"] == [4] * 6 + [6] * 8
    assert shapes["fcc"] == [4] * 12
    assert shapes["diamond"] == [3] * 12 + [6] * 4


def test_a_site_that_is_not_there_is_refused():
    with pytest.raises(IndexError, match="site 4 of 4"):
        plots.polyhedron(seitz.tessellate(HIGH_SYMMETRY["fcc"]), 4)


# --- random alloys -----------------------------------------------------------------------------------------------


def test_convergence_shows_every_feature_in_units_of_its_range(alloy):
    figure = plots.convergence(alloy)
    lines = [line for line in figure.data if line.mode == "lines"]
    assert len(lines) == 256
    worst = alloy.worst_feature[-1]
    highlighted = trace(figure, f"changed most at the end: {worst}")
    assert [line.name for line in lines if line.showlegend] == [highlighted.name]
    assert highlighted.line.width > lines[0].line.width
    assert {line.name for line in lines} - {highlighted.name} == set(alloy.names) - {worst}
    k = alloy.names.index(FEATURE)
    expected = (alloy.history[:, k] - alloy.values[k]) / feature_ranges(alloy.descriptor)[k]
    line = trace(figure, FEATURE)
    np.testing.assert_allclose(line.y, expected, atol=1e-6)
    np.testing.assert_array_equal(
        line.x, np.arange(1, len(alloy.history) + 1) * alloy.n_sites / len(alloy.history)
    )
    assert FEATURE in line.hovertemplate
    assert line.y[-1] == 0.0


def test_the_band_of_the_criterion_is_drawn(alloy):
    figure = plots.convergence(alloy, criterion=0.02)
    (band,) = [shape for shape in figure.layout.shapes if shape.type == "rect"]
    assert (band.y0, band.y1) == (-0.02, 0.02)
    assert any("0.02" in note.text for note in figure.layout.annotations)
    assert "sites" in figure.layout.xaxis.title.text


def test_features_without_a_value_are_left_out_of_the_picture(alloy):
    history = alloy.history.copy()
    history[:, 3] = np.nan
    figure = plots.convergence(dataclasses.replace(alloy, history=history))
    assert alloy.names[3] not in {line.name for line in figure.data}
    with pytest.raises(OptionError, match=alloy.names[3]):
        plots.evolution(dataclasses.replace(alloy, history=history), alloy.names[3])


def test_long_histories_are_thinned_but_keep_both_ends(alloy):
    history = np.linspace(1.0, 0.0, 2000)[:, None] * np.ones(len(alloy.descriptor))
    long = dataclasses.replace(alloy, history=history, n_sites=2000 * 128)
    line = trace(plots.convergence(long), FEATURE)
    assert len(line.x) <= 1000
    assert (line.x[0], line.x[-1]) == (128, 2000 * 128)


def test_a_single_expansion_can_be_drawn():
    single = seitz.featurize_random("bcc", "Ti50Zr50", seed=1, max_expansions=1)
    assert len(plots.convergence(single).data) == 256
    assert {t.name for t in plots.evolution(single, FEATURE).data} == {
        "single expansions",
        "growing ensemble",
    }
    assert plots.distribution(single, FEATURE).data[0].y.sum() == 1


def test_evolution_of_a_feature(alloy):
    figure = plots.evolution(alloy, FEATURE)
    k = alloy.names.index(FEATURE)
    np.testing.assert_array_equal(trace(figure, "growing").y, alloy.history[:, k])
    np.testing.assert_array_equal(trace(figure, "single").y, alloy.expansions.values[:, k])
    band, n = trace(figure, "± one"), len(alloy.history)
    assert band.y[n - 1] - alloy.values[k] == pytest.approx(alloy.standard_error[k])
    assert alloy.values[k] - band.y[n] == pytest.approx(alloy.standard_error[k])
    assert band.y[0] - alloy.history[0, k] == pytest.approx(alloy.standard_error[k] * np.sqrt(n))
    assert figure.layout.yaxis.title.text == f"{FEATURE} / K"


def test_evolution_of_a_function(alloy):
    def energy(vectors):
        return 0.01 * vectors[:, 40] - vectors[:, 20]

    figure = plots.evolution(alloy, energy, label="formation energy / eV")
    single = energy(alloy.expansions.values)
    np.testing.assert_allclose(trace(figure, "growing").y, energy(alloy.history))
    np.testing.assert_allclose(trace(figure, "single").y, single)
    band, n = trace(figure, "± one"), len(single)
    assert len(band.x) == 2 * (n - 1)  # one value has no spread
    expected = single.std(ddof=1) / np.sqrt(n)
    assert band.y[n - 2] - energy(alloy.history)[-1] == pytest.approx(expected, rel=1e-6)
    assert figure.layout.yaxis.title.text == "formation energy / eV"
    assert plots.evolution(alloy, energy).layout.yaxis.title.text == "energy"


def test_distribution_counts_every_expansion(alloy):
    figure = plots.distribution(alloy, FEATURE)
    bars, k = trace(figure, "single"), alloy.names.index(FEATURE)
    assert bars.y.sum() == len(alloy.expansions)
    single = alloy.expansions.values[:, k]
    for centre, width, count in zip(bars.x[:-1], bars.width[:-1], bars.y[:-1], strict=True):
        assert count == ((single >= centre - width / 2) & (single < centre + width / 2)).sum()
    np.testing.assert_allclose(trace(figure, "whole ensemble").x, alloy.values[k])
    np.testing.assert_allclose(trace(figure, "mean of").x, single.mean())
    assert figure.layout.xaxis.title.text == f"{FEATURE} / K"


def test_a_constant_feature_has_one_bar(alloy):
    bars = trace(plots.distribution(alloy, "NComp"), "single")
    assert bars.y.max() == bars.y.sum()


@pytest.mark.parametrize("draw", [plots.evolution, plots.distribution])
def test_what_is_no_feature_or_function_of_vectors_is_named(alloy, exact, draw):
    with pytest.raises(DescriptorError, match="ks2022 has no feature 'mean_Beauty'"):
        draw(alloy, "mean_Beauty")
    with pytest.raises(OptionError, match="neither the name of a feature nor a function"):
        draw(alloy, 7)
    with pytest.raises(OptionError, match=r"returned shape \(\) for"):
        draw(alloy, lambda vectors: 1.0)
    with pytest.raises(OptionError, match="'str'"):
        draw(alloy, lambda vectors: "cold")
    with pytest.raises(OptionError, match="not finite for expansion 0"):
        draw(alloy, lambda vectors: np.full(len(vectors), np.nan))
    with pytest.raises(OptionError, match='mode="sampled"'):
        draw(exact, FEATURE)


def test_a_function_may_not_change_the_alloy(alloy):
    before = alloy.history.copy()

    def careless(vectors):
        vectors *= 0
        return vectors[:, 0]

    plots.evolution(alloy, careless)
    np.testing.assert_array_equal(alloy.history, before)


def test_what_has_no_history_is_refused(exact):
    with pytest.raises(OptionError, match='mode="sampled"'):
        plots.convergence(exact)
    with pytest.raises(OptionError, match=r"no result of seitz\.featurize_random"):
        plots.convergence("bcc")


@pytest.mark.parametrize("criterion", [0, -1, np.inf, np.nan, True, "tight"])
def test_a_criterion_is_a_positive_number(alloy, criterion):
    with pytest.raises(OptionError, match="criterion="):
        plots.convergence(alloy, criterion=criterion)


# --- cells in space ----------------------------------------------------------------------------------------------


def meshes(figure):
    """Cells (the edges beside them tell) and atoms."""
    edged = {t.legendgroup for t in figure.data if t.name and t.name.startswith("edges")}
    found = [t for t in figure.data if t.type == "mesh3d"]
    drawn = [
        t for group in sorted(edged, key=int) for t in [next(m for m in found if m.legendgroup == group)]
    ]
    return drawn, [t for t in found if t not in drawn]


def mesh_volume(mesh):
    points = np.column_stack([mesh.x, mesh.y, mesh.z]).astype(float)
    a, b, c = (points[np.asarray(index)] for index in (mesh.i, mesh.j, mesh.k))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def test_one_cell_of_every_orbit_of_sigma():
    sigma = sigma_phase()
    figure = plots.cells(sigma, gap=0.1)
    drawn, atoms = meshes(figure)
    assert [mesh.name for mesh in drawn] == ["Fe a × 2", "Cr f × 4", "Cr i × 8", "Fe i × 8", "Fe j × 8"]
    assert all(mesh.showlegend for mesh in drawn)
    assert len({mesh.color for mesh in drawn}) == 5
    tessellation, orbits = seitz.tessellate(sigma), seitz.symmetry.site_orbits(sigma)
    for mesh, site in zip(drawn, orbits.representatives, strict=True):
        assert mesh_volume(mesh) == pytest.approx(0.9**3 * tessellation.cell_volumes[site], rel=1e-5)
        assert f"{tessellation.cell_volumes[site]:.3f} Å³" in mesh.hovertext[0]
        assert f"{tessellation.n_faces[site]} faces" in mesh.hovertext[0]
        assert len(mesh.facecolor) == len(mesh.i)
    assert len(atoms) == 5
    outline = trace(figure, "unit cell")
    assert np.nanmax(outline.x) == pytest.approx(8.8)
    assert "P4_2/mnm (136)" in figure.layout.title.text


def test_all_cells_fill_the_volume_and_every_atom_has_a_ball():
    cell = HIGH_SYMMETRY["diamond"]
    drawn, atoms = meshes(plots.cells(cell, sites="all", gap=0))
    assert mesh_volume(drawn[0]) == pytest.approx(cell.volume, rel=1e-5)
    radius = 1.11 / 3
    assert mesh_volume(atoms[0]) == pytest.approx(8 * 4 / 3 * np.pi * radius**3, rel=0.05)


def test_edges_are_drawn_once():
    edges = trace(plots.cells(HIGH_SYMMETRY["bcc"]), "edges")
    assert np.isnan(edges.x.astype(float)).sum() == 36


def test_chosen_sites_are_drawn_and_the_others_are_in_the_legend():
    figure = plots.cells(HIGH_SYMMETRY["rocksalt"], sites=[5, 5, np.int64(7)])
    drawn, atoms = meshes(figure)
    assert [mesh.name for mesh in drawn] == ["Cl b × 4"]
    assert {text.split(", ")[1].split("<")[0] for text in drawn[0].hovertext} == {"site 5", "site 7"}
    assert [(mesh.name, mesh.showlegend) for mesh in atoms] == [("Na a × 4", True), ("Cl b × 4", False)]
    assert not meshes(plots.cells(HIGH_SYMMETRY["rocksalt"], atoms=False))[1]


def test_orbits_that_look_alike_are_numbered():
    sigma = sigma_phase((26, 26, 26, 26, 26))
    names = [mesh.name for mesh in meshes(plots.cells(sigma))[0]]
    assert names == ["Fe a × 2", "Fe f × 4", "Fe i1 × 8", "Fe i2 × 8", "Fe j × 8"]


def test_shared_sites_show_their_occupants():
    figure = plots.cells(Path(seitz.__file__).parent / "data" / "demo" / "CuZn_brass.cif")
    assert [mesh.name for mesh in meshes(figure)[0]] == ["Cu0.7 Zn0.3 a × 4"]


def test_many_orbits_have_colours_of_their_own():
    drawn, _ = meshes(plots.cells(random_cell(np.random.default_rng(0), 12)))
    assert len({mesh.color for mesh in drawn}) == 12


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sites": [4]}, "4 is not there, the sites are 0 to 3"),
        ({"sites": [-1]}, "-1 is not there"),
        ({"sites": [1.0]}, "1.0 is no site number"),
        ({"sites": [True]}, "True is no site number"),
        ({"sites": "some"}, "'some'"),
        ({"sites": 2}, "sites=2"),
        ({"gap": 1.0}, "gap=1.0"),
        ({"gap": -0.1}, "gap=-0.1"),
        ({"opacity": np.nan}, "opacity=nan"),
    ],
)
def test_options_of_cells_outside_their_limits_are_named(options, message):
    with pytest.raises(OptionError, match=re.escape(message)):
        plots.cells(HIGH_SYMMETRY["fcc"], **options)


def box(a, b, c, sites=((0, 0, 0), (0.5, 0.5, 0.5))):
    return seitz.Cell(np.diag([a, b, c]).astype(float), sites, [26, 13])


AWKWARD = {
    "needle along a": box(40, 3, 4),
    "needle along b": box(3, 40, 4),
    "needle along c": box(3, 4, 60),
    "needle along [110]": seitz.Cell([[20, 20, 0], [-2, 2, 0], [0, 0, 3]], [[0, 0, 0]], [26]),
    "needle towards the eye": seitz.Cell([[16, -36, 17], [3, 1, 0], [0, 0, 3]], [[0, 0, 0]], [26]),
    "sheet across a": box(3, 30, 30),
    "sheet across b": box(30, 3, 30),
    "sheet across c": box(30, 30, 3),
    "long hexagonal cell": hcp(ratio=4.5),
    "slab": box(2.8, 2.8, 30, [(0, 0, 0.4), (0.5, 0.5, 0.47)]),
    "oblique": seitz.Cell([[3, 0, 0], [13, 3, 0], [-9, 7, 3.5]], [[0, 0, 0], [0.5, 0.5, 0.5]], [26, 13]),
    "a points down": seitz.Cell([[0, 0, -20], [3, 0, 0], [0, -3, 0]], [[0, 0, 0]], [26]),
    "bcc": HIGH_SYMMETRY["bcc"],
    "sigma": sigma_phase(),
}


def projected(scene, points):
    """(n, 3) to the right, up and to the eye: parallel projection of plotly, whose frame is 2 units high."""
    triple = lambda thing: np.array([getattr(thing, axis) for axis in "xyz"], float)  # noqa: E731
    ranges = np.array([getattr(scene, f"{axis}axis").range for axis in "xyz"], float)
    span = ranges[:, 1] - ranges[:, 0]
    scales = triple(scene.aspectratio) / span
    np.testing.assert_allclose(scales, scales[0], rtol=1e-9, err_msg="equal scales")
    assert (points >= ranges[:, 0]).all(), "what is outside the axes is cut"
    assert (points <= ranges[:, 1]).all()
    eye = triple(scene.camera.eye)
    right = np.array([-eye[1], eye[0], 0]) / np.hypot(eye[0], eye[1])
    towards = eye / np.linalg.norm(eye)
    return (points - ranges.mean(axis=1)) * scales @ np.array([right, np.cross(towards, right), towards]).T


def everything(figure):
    """(n, 3) corners of cells, atoms, unit cell, and the places of the letters."""
    drawn = [np.column_stack([t.x, t.y, t.z]).astype(float) for t in figure.data]
    drawn.append(np.array([[note.x, note.y, note.z] for note in figure.layout.scene.annotations]))
    points = np.concatenate(drawn)
    return points[np.isfinite(points).all(axis=1)]


def check_frame(figure):
    seen = projected(figure.layout.scene, everything(figure))
    half = np.array([(900 - 20 - figure.layout.meta["seitz_frame"][1]) / (600 - 70), 1.0])
    share = np.abs(seen[:, :2]).max(axis=0) / half
    assert (share < 0.92).all(), "letters need the rest"
    assert share.max() > 0.88, "the frame is used"
    eye = figure.layout.scene.camera.eye
    distance = np.linalg.norm([eye.x, eye.y, eye.z])
    assert np.abs(seen).max() * 1.3 < distance < 5, "nothing is behind the eye"


@pytest.mark.parametrize("name", AWKWARD)
def test_cells_of_any_shape_are_in_the_frame_with_their_letters(name):
    figure = plots.cells(AWKWARD[name])
    check_frame(figure)
    assert [note.text for note in figure.layout.scene.annotations] == ["<i>a</i>", "<i>b</i>", "<i>c</i>"]
    check_frame(plots.cells(AWKWARD[name], sites=[0], gap=0.5, atoms=False))


@settings(max_examples=15)
@given(cells(max_sites=3))
def test_random_cells_are_in_the_frame(cell):
    check_frame(plots.cells(cell, sites="all"))


@pytest.mark.parametrize("name", [name for name in AWKWARD if "needle" in name])
def test_long_cells_are_seen_from_the_side(name):
    cell = AWKWARD[name]
    longest = cell.lattice[np.linalg.norm(cell.lattice, axis=1).argmax()]
    scene = plots.cells(cell).layout.scene
    middle = np.array([np.mean(getattr(scene, f"{axis}axis").range) for axis in "xyz"])
    right, up, towards = projected(scene, middle[None] + 1e-3 * longest)[0]
    assert np.hypot(right, up) > 1.4 * abs(towards)


def test_letters_stand_beyond_the_tips_and_tell_lengths():
    cell = AWKWARD["oblique"]
    for note, vector in zip(plots.cells(cell).layout.scene.annotations, cell.lattice, strict=True):
        beyond = np.array([note.x, note.y, note.z]) - vector
        np.testing.assert_allclose(np.cross(beyond, vector), 0, atol=1e-9)
        assert beyond @ vector > 0
        assert note.hovertext.endswith(f" = {np.linalg.norm(vector):.3f} Å")


def test_narrow_pictures_show_a_crystal_smaller(simple):
    figure = plots.cells(AWKWARD["needle along a"])
    half = (500 - 20 - figure.layout.meta["seitz_frame"][1]) / (800 - 70)
    narrow = go.Figure(layout=fitted(figure, 500, 800)["layout"])
    seen = projected(narrow.layout.scene, everything(figure))
    assert 0.88 * half < np.abs(seen[:, 0]).max() < 0.92 * half
    assert fitted(figure, 1800, 600)["layout"]["scene"] == fitted(figure, 900, 600)["layout"]["scene"]
    tall = plots.cells(AWKWARD["needle along c"])
    assert fitted(tall, 500, 800)["layout"]["scene"] == fitted(tall, 900, 600)["layout"]["scene"]
    assert fitted(simple, 100, 900) == fitted(simple, 900, 600)


# --- files -------------------------------------------------------------------------------------------------------

BROWSER = any(
    map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"))
)


@pytest.fixture
def needs_browser():
    pytest.importorskip("kaleido", reason="pictures are made with kaleido: pip install 'seitz[plot]'")
    if not BROWSER:
        pytest.skip("pictures need Chrome or Chromium")


@pytest.fixture
def simple():
    return go.Figure(go.Scatter(x=[1, 2], y=[3, 4]), {"title": {"text": "a < b"}})


def test_html_is_one_page_that_opens_offline_and_sends_nothing(tmp_path, simple):
    plots.save(simple, tmp_path / "figure.html")
    page = (tmp_path / "figure.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "<title>a &lt; b</title>" in page
    assert len(page) > 1_000_000, "the library is inside"
    assert not re.search(r"<(?:script|link|img)[^>]*\s(?:src|href)=", page)
    assert '"showSendToCloud": false' in page
    first = (tmp_path / "figure.html").read_bytes()
    plots.save(simple, str(tmp_path / "figure.html"))
    assert (tmp_path / "figure.html").read_bytes() == first
    assert [p.name for p in tmp_path.iterdir()] == ["figure.html"]


def test_html_can_leave_the_library_to_the_network(tmp_path, simple):
    plots.save(simple, tmp_path / "figure.html", plotly_js="cdn")
    page = (tmp_path / "figure.html").read_text(encoding="utf-8")
    assert len(page) < 50_000
    assert len(re.findall(r'<script[^>]*\ssrc="https://cdn\.plot\.ly/plotly-[\d.]+\.min\.js"', page)) == 1
    with pytest.raises(OptionError, match="plotly_js='inline': give 'embed' or 'cdn'"):
        plots.save(simple, tmp_path / "other.html", plotly_js="inline")
    with pytest.raises(OptionError, match=r"plotly_js='cdn' is for \.html, not for \.png"):
        plots.save(simple, tmp_path / "other.png", plotly_js="cdn")
    assert [p.name for p in tmp_path.iterdir()] == ["figure.html"]


def test_a_page_fits_a_crystal_to_its_window(tmp_path, simple):
    for name, figure in (("crystal", plots.cells(HIGH_SYMMETRY["bcc"])), ("other", simple)):
        plots.save(figure, tmp_path / f"{name}.html", plotly_js="cdn")
        page = (tmp_path / f"{name}.html").read_text(encoding="utf-8")
        assert ("Plotly.relayout(page" in page) == (name == "crystal")
        assert "NEEDED" not in page


@pytest.mark.usefixtures("needs_browser")
def test_pictures_are_written(tmp_path, simple):
    plots.save(simple, tmp_path / "figure.SVG")
    assert (tmp_path / "figure.SVG").read_text(encoding="utf-8").startswith("<svg")
    plots.save(simple, tmp_path / "figure.png", width=320, height=200, scale=1.5)
    header = (tmp_path / "figure.png").read_bytes()[:24]
    assert header.startswith(b"\x89PNG")
    assert (int.from_bytes(header[16:20]), int.from_bytes(header[20:24])) == (480, 300)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["figure.SVG", "figure.png"]


@pytest.mark.parametrize("name", ["figure", "figure.pdf", "figure.html.gz"])
def test_another_suffix_is_refused(tmp_path, simple, name):
    with pytest.raises(OptionError, match=r"not one of \.html, \.png, \.svg"):
        plots.save(simple, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_what_is_no_figure_or_size_is_refused(tmp_path, simple):
    with pytest.raises(OptionError, match="'dict' is no plotly figure"):
        plots.save({"data": []}, tmp_path / "figure.html")
    for option in ("width", "height", "scale", "timeout"):
        with pytest.raises(OptionError, match=f"{option}=0"):
            plots.save(simple, tmp_path / "figure.png", **{option: 0})
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_missing_is_named(tmp_path, simple):
    with pytest.raises(WriteError, match="does not exist"):
        plots.save(simple, tmp_path / "nowhere" / "figure.html")


def test_without_a_browser_the_error_says_what_to_install(tmp_path, simple, monkeypatch):
    pytest.importorskip("kaleido")
    monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "no-browser"))
    (tmp_path / "figure.png").write_bytes(b"before")
    with pytest.raises(MissingExtraError, match="install Chrome or Chromium"):
        plots.save(simple, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes() == b"before"


@pytest.mark.skipif(sys.platform == "win32", reason="the browsers of these tests are shell scripts")
@pytest.mark.parametrize(
    ("script", "message"), [("sleep 600", "within 3 s"), ("exit 1", "made no picture")], ids=["hangs", "dies"]
)
def test_a_browser_that_does_not_work_ends_in_time(tmp_path, simple, monkeypatch, script, message):
    pytest.importorskip("kaleido")
    browser = tmp_path / "browser"
    browser.write_text(f"#!/bin/sh\n{script}\n")
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER_PATH", str(browser))
    with pytest.raises(WriteError, match=message):
        plots.save(simple, tmp_path / "figure.svg", timeout=3)
    assert [p.name for p in tmp_path.iterdir()] == ["browser"]


@pytest.mark.parametrize("missing", ["plotly", "kaleido"])
def test_without_the_extra_the_error_names_it(tmp_path, simple, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MissingExtraError, match=r"pip install '?seitz\[plot\]"):
        plots.save(simple, tmp_path / "figure.png")
    assert not list(tmp_path.iterdir())


def test_loading_the_module_does_not_load_plotly():
    code = "import sys, seitz; seitz.plots.cells; print('plotly' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


# --- predictions -------------------------------------------------------------------------------------------------


def test_parity_tells_the_error_of_each_group_and_marks_what_is_asked_for():
    known = np.array([0.0, 1.0, 2.0, np.nan])
    figure = plots.parity(
        known,
        known + np.array([0.1, 0.1, 0.4, 0.0]),
        unit="eV",
        ids=["a", "b", "c", "d"],
        groups=["x", "x", "y", "y"],
        highlight=["b"],
    )
    assert list(trace(figure, "x: mean error 0.1 eV, n = 2").x) == [0.0, 1.0]
    assert list(trace(figure, "y: mean error 0.4 eV, n = 1").x) == [2.0]
    assert list(trace(figure, "highlighted").text) == ["b"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.0], [[0.0]]), "shape"),
        (([np.nan], [1.0]), "no row"),
        (([0.0], [1.0], ["a", "b"]), "2 entries for 1"),
        (([0.0], [1.0], ["a"], ["z"]), "'z' is not among the ids"),
    ],
)
def test_parity_refuses_what_does_not_belong_together(arguments, message):
    known, predicted, *rest = arguments
    options = dict(zip(("ids", "highlight"), rest, strict=False))
    with pytest.raises(OptionError, match=message):
        plots.parity(known, predicted, **options)


def test_intervals_of_the_right_width_follow_the_diagonal():
    error = np.random.default_rng(0).laplace(scale=0.1, size=20_000)
    figure = plots.calibration(error, np.zeros(20_000), np.full(20_000, 0.1 * np.log(10)))
    line = trace(figure, "scaled intervals")
    assert np.abs(np.array(line.y) - np.array(line.x)).max() < 0.02
    assert trace(figure, "intervals as given: 90").y[0] == pytest.approx(0.9, abs=0.01)
    with pytest.raises(OptionError, match="level"):
        plots.calibration([0.0], [0.0], [1.0], level=90)
    with pytest.raises(OptionError, match="half_width has shape"):
        plots.calibration([0.0], [0.0], [1.0, 2.0])


def test_every_element_has_a_place_of_its_own():
    from seitz.elements import MAX_Z
    from seitz.plots.judging import place

    places = {place(z) for z in range(1, MAX_Z + 1)}
    assert len(places) == MAX_Z
    for below, above in ((3, 1), (11, 3), (10, 2), (13, 5), (39, 21), (72, 40), (104, 72), (86, 54)):
        assert place(below)[1] == place(above)[1]
    assert [place(z)[0] for z in (57, 71, 89, 103)] == [8, 8, 9, 9]


def test_the_periodic_table_shows_what_it_is_given():
    figure = plots.periodic_table({"Fe": 0.25, "O": 0.5}, label="error", unit="eV")
    assert np.nansum(figure.data[0].z) == 0.75
    assert sum("0.25" in note.text for note in figure.layout.annotations) == 1
    with pytest.raises(OptionError, match="'Xx' is no element"):
        plots.periodic_table({"Xx": 1.0})
    with pytest.raises(OptionError, match="no element has a number"):
        plots.periodic_table({"Fe": np.nan})
