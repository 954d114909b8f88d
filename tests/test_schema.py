"""The column table: names as published, one meaning each, in the order of the compiled block."""

from __future__ import annotations

from typing import get_args

import pytest

from seitz import descriptors
from seitz.descriptors import descriptor
from seitz.descriptors.schema import PROPERTIES, Source, block_features
from seitz.elements import MAX_Z, SYMBOLS, atomic_number, table
from seitz.environments import ROW_NAMES, element_species
from seitz.errors import DescriptorError, ElementError


def test_ks2022_has_its_256_columns_where_the_specification_puts_them():
    names = descriptor("ks2022").names
    assert len(names) == len(set(names)) == 256
    expected = {
        0: "mean_EffectiveCoordination",
        6: "max_MeanBondLength",
        11: "var_CellVolume",
        12: "MaxPackingEfficiency",
        13: "mean_NeighDiff_shell1_Number",
        17: "range_NeighDiff_shell1_Number",
        73: "mean_NeighDiff_shell1_NValance",
        117: "range_NeighDiff_shell1_GSmagmom",
        118: "NComp",
        123: "Comp_L10Norm",
        124: "mean_Number",
        129: "most_Number",
        249: "most_GSmagmom",
        250: "frac_sValence",
        253: "frac_fValence",
        254: "MaxIonicChar",
        255: "MeanIonicChar",
    }
    assert {i: names[i] for i in expected} == expected


def test_the_labels_are_those_of_the_original_table(shared_records):
    labels = next(shared_records("reference/ward2017_original.jsonl.gz"))["labels"]
    left_out = ("mean_WCMagnitude", "CanFormIonic")
    kept = [n for n in labels if not n.startswith(left_out) and "SpaceGroupNumber" not in n]
    assert tuple(kept) == descriptor("ks2022").names


def test_every_feature_has_a_unit_a_formula_and_a_source():
    for feature in descriptors()["ward2017"].features:
        assert feature.unit
        assert feature.formula
        assert feature.quantity
        assert feature.source in get_args(Source)


def test_the_block_positions_are_consecutive_and_properties_exist():
    block = block_features()
    assert [f.position for f in block] == list(range(271 + 112 + 90 + 48))
    known = {*table().names, "IonicElectronegativity"}
    assert {name for f in block for name in f.properties} <= known
    assert len(ROW_NAMES) == 5 + len(PROPERTIES)


def test_the_digest_follows_the_schema():
    assert descriptor("ks2022").digest == descriptor("ks2022").digest
    assert len(descriptor("ks2022").digest) == 16


@pytest.mark.parametrize("name", ["ks2023", "", None, ["ks2022"]])
def test_an_unknown_descriptor_is_an_error_that_lists_the_known_ones(name):
    with pytest.raises(DescriptorError, match="ks2022"):
        descriptor(name)


def test_the_element_table_is_complete_and_read_only():
    elements = table()
    assert elements.values.shape == (MAX_Z + 1, 22)
    assert elements.values[26, elements.names.index("Number")] == 26
    assert elements.values[1:, 0].tolist() == list(range(1, MAX_Z + 1))
    with pytest.raises(ValueError, match="read-only"):
        elements.values[1, 0] = 0
    assert not (element_species().properties != element_species().properties).any()  # no NaN reaches a kernel


def test_symbols_and_numbers_are_inverse():
    assert [atomic_number(s) for s in SYMBOLS[1:]] == list(range(1, MAX_Z + 1))


@pytest.mark.parametrize("label", ["X", "", "fe", "Xx", "Fee", "1", "Q+", "Nh"])
def test_labels_that_are_no_element_are_refused(label):
    with pytest.raises(ElementError, match="no chemical element"):
        atomic_number(label)
