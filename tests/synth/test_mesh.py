"""Thinned meshes keep their form and keep apart what must stay apart; normals point outwards with length one."""

import numpy as np
import pytest
from numpy.typing import NDArray

from chronopose.core.types import Floats
from chronopose.synth.mesh import normals, thin


def ball(rings: int = 40) -> tuple[Floats, NDArray[np.int32]]:
    """A sphere of one metre across, its triangles turned outwards."""
    polar, around = np.meshgrid(
        np.linspace(0.01, np.pi - 0.01, rings), np.arange(2 * rings) * np.pi / rings, indexing="ij"
    )
    places = 0.5 * np.stack([np.sin(polar) * np.sin(around), np.cos(polar), np.sin(polar) * np.cos(around)], axis=-1)
    number = np.arange(rings * 2 * rings).reshape(rings, 2 * rings)
    a, b = number[:-1], np.roll(number, -1, axis=1)[:-1]
    c, d = number[1:], np.roll(number, -1, axis=1)[1:]
    triangles = np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)])
    return places.reshape(-1, 3).astype(np.float32), triangles.astype(np.int32)


def volume(places: Floats, triangles: NDArray[np.int32]) -> float:
    a, b, c = (places[triangles[:, k]].astype(np.float64) for k in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


def test_normals_of_a_ball_point_outwards() -> None:
    places, triangles = ball()
    found = normals(places, triangles)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert ((found * places).sum(axis=1) / 0.5).min() > 0.99


def test_a_vertex_of_no_triangle_has_no_normal() -> None:
    places = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 5, 5]], np.float32)
    found = normals(places, np.array([[0, 1, 2]], np.int32))
    np.testing.assert_allclose(found, [[0, 0, 1]] * 3 + [[0, 0, 0]])


def test_normals_weigh_triangles_by_area() -> None:
    """The corner belongs to one large triangle that faces z and a sliver that faces x."""
    places = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 0.01]], np.float32)
    found = normals(places, np.array([[0, 1, 2], [0, 2, 3]], np.int32))
    np.testing.assert_allclose(found[0], [0.01, 0, 1] / np.hypot(0.01, 1), atol=1e-6)


def test_thinning_keeps_the_form() -> None:
    places, triangles = ball()
    fewer = thin(places, triangles, 0.06)
    assert len(fewer) < 0.5 * len(triangles)
    assert volume(places, fewer) == pytest.approx(volume(places, triangles), rel=0.05)
    # Every corner is a vertex of the ball, so nothing sticks out.
    assert set(np.unique(fewer)) <= set(np.unique(triangles))


def test_thinning_leaves_no_degenerate_and_no_twin_triangles() -> None:
    places, triangles = ball()
    fewer = thin(places, np.concatenate([triangles, triangles[:, [1, 2, 0]]]), 0.08)
    assert fewer.dtype == np.int32
    assert (np.diff(np.sort(fewer, axis=1), axis=1) > 0).all()
    turned = {tuple(np.roll(row, -int(row.argmin()))) for row in fewer}
    assert len(turned) == len(fewer)


def test_both_sides_of_a_sheet_survive() -> None:
    """Two triangles of the same corners that face opposite ways are no twins."""
    places = np.eye(3, dtype=np.float32)
    assert len(thin(places, np.array([[0, 1, 2], [0, 2, 1]], np.int32), 0.01)) == 2


def test_a_tiny_cell_changes_nothing() -> None:
    places, triangles = ball(10)
    fewer = thin(places, triangles, 1e-4)
    assert {tuple(sorted(row)) for row in fewer} == {tuple(sorted(row)) for row in triangles}


def test_parts_never_melt_into_each_other() -> None:
    """Two balls a millimetre apart: without parts the coarse grid ties them together."""
    places, triangles = ball(20)
    both = np.concatenate([places, places + np.float32([1.001, 0.013, 0.007])])
    joined = np.concatenate([triangles, triangles + len(places)])
    parts = np.repeat(np.array([0, 1], np.int32), len(places))

    def bridges(found: NDArray[np.int32]) -> int:
        return int((parts[found].min(axis=1) != parts[found].max(axis=1)).sum())

    assert bridges(thin(both, joined, 0.3)) > 0
    assert bridges(thin(both, joined, 0.3, parts)) == 0


def test_cells_may_differ_from_place_to_place() -> None:
    places, triangles = ball()
    above = places[:, 1] > 0
    fewer = thin(places, triangles, np.where(above, 0.01, 0.15).astype(np.float32))
    high = above[fewer].all(axis=1).sum()
    assert high > 0.9 * above[triangles].all(axis=1).sum()
    assert (~above[fewer]).all(axis=1).sum() < 0.3 * high


def test_no_triangles_stay_none() -> None:
    none = np.zeros((0, 3), np.int32)
    assert thin(np.zeros((4, 3), np.float32), none, 0.02).shape == (0, 3)
    assert not normals(np.zeros((4, 3), np.float32), none).any()
