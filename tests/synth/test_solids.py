"""Shapes fill their unit, noise has no seam, and every print has ink."""

import numpy as np
import pytest

from chronopose.synth.solids import SOLIDS, noise_block, print_atlas


@pytest.mark.parametrize("name", sorted(SOLIDS))
def test_solids_fill_their_unit_and_face_outwards(name: str) -> None:
    corners = SOLIDS[name]()
    assert corners.dtype == np.float32
    assert np.abs(corners[:, :3]).max() == pytest.approx(0.5, abs=1e-6)
    assert np.allclose(np.linalg.norm(corners[:, 3:6], axis=1), 1, atol=1e-5)
    assert ((corners[:, 6:] >= 0) & (corners[:, 6:] <= 1)).all()
    if name != "card":
        assert ((corners[:, :3] * corners[:, 3:6]).sum(axis=1) > 0).all()


def test_noise_repeats_without_a_seam() -> None:
    noise = noise_block().astype(int)
    seam = np.abs(noise[0] - noise[-1]).mean()
    inside = np.abs(noise[1:] - noise[:-1]).mean()
    assert seam < 1.5 * inside


def test_every_print_of_the_atlas_has_ink() -> None:
    atlas = print_atlas()
    cells = atlas.reshape(8, 64, 8, 64, 3).swapaxes(1, 2).reshape(64, -1)
    assert (cells.max(axis=1) == 255).all()
