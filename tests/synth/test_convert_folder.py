"""The whole folder: what the converter writes is what the engine reads."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from chronopose.core.errors import InputError
from chronopose.synth.assets import read_assets
from chronopose.synth.convert.folder import Sources, convert_assets
from tests.synth.tiny import tiny_body
from tests.synth.tiny_sources import bvh_text, write_all


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    return Sources(**write_all(tmp_path_factory.mktemp("sources")))


def test_the_engine_reads_what_was_built(sources: Sources, tmp_path: Path) -> None:
    steps: list[int] = []
    built = convert_assets(sources, tmp_path / "out", begin=steps.append, advance=steps.append)
    assert steps == [4, 1, 1, 1, 1]
    assert (built.clips, built.frames, built.panoramas, built.left_out) == (1, 45, 1, [])
    assert built.licences == {"CC0": 77}
    assets = read_assets(tmp_path / "out")
    truth = tiny_body()
    np.testing.assert_allclose(assets.body.vertices, truth["verts"] * 0.1, atol=1e-6)
    heads = (assets.body.vertices[assets.body.head_vertices] * assets.body.head_weights[..., None]).sum(axis=1)
    neck, head = (assets.body.bone_names.index(name) for name in ("neck02", "head"))
    np.testing.assert_allclose(heads[neck], [0, 0.54, 0], atol=1e-5)  # a mean of 24 vertices
    np.testing.assert_allclose(heads[head], [0, 0.62, 0], atol=1e-5)
    assert set(assets.garments) == {"female_casualsuit01", "shoes01"}
    assert assets.garments["shoes01"].scale[2] is None and assets.garments["shoes01"].hides.any()
    assert assets.motions.names == ("bvh/01_01",) and assets.motions.points.shape == (45, 23, 3)
    assert assets.panoramas[0].name == "meadow" and assets.panoramas[0].pixels().shape == (64, 128, 3)


def test_motion_and_panoramas_may_be_left_out(sources: Sources, tmp_path: Path) -> None:
    convert_assets(Sources(makehuman=sources.makehuman, clothes=sources.clothes), tmp_path / "out")
    assets = read_assets(tmp_path / "out")
    assert len(assets.garments) == 2 and assets.motions.names == () and assets.panoramas == ()


def test_a_folder_that_holds_something_stays(sources: Sources, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(InputError, match="is there already and holds files"):
        convert_assets(sources, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["note.txt"]
    (tmp_path / "empty").mkdir()
    convert_assets(sources, tmp_path / "empty")
    assert (tmp_path / "empty" / "body.npz").is_file()


def test_a_failure_leaves_nothing(sources: Sources, tmp_path: Path) -> None:
    (tmp_path / "motion").mkdir()
    (tmp_path / "motion" / "bad.bvh").write_text("HIERARCHY")
    with pytest.raises(InputError, match=r"bad\.bvh"):
        convert_assets(replace(sources, motion=tmp_path / "motion"), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["motion"]
    (tmp_path / "motion" / "good.bvh").write_text(bvh_text())
    built = convert_assets(replace(sources, motion=tmp_path / "motion"), tmp_path / "out", keep_going=True)
    assert built.clips == 1 and len(built.left_out) == 1 and "bad.bvh" in built.left_out[0]


def test_a_frame_rate_that_cannot_be(sources: Sources, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--amc-fps 0"):
        convert_assets(replace(sources, amc_fps=0), tmp_path / "out")
