"""What a video costs is told stage by stage, and adds up."""

import math
from pathlib import Path

import pytest

from chronopose.inference.speed import NETWORKS, STAGES, peak_memory_mb, speed
from chronopose.inference.stages import Measure
from chronopose.inference.stream import PoseStream, StreamConfig
from chronopose.models.complexity import complexity
from tests.inference.tiny_pose import BrightSpots, moving_spots, predictor, tiny_model, write_video


@pytest.mark.parametrize("video", [True, False])
def test_every_stage_has_its_time_and_the_rest_is_small(video: bool, tmp_path: Path) -> None:
    spots = moving_spots(24, [(10, 5, 2, 255), (100, 35, -3, 220)])
    clip = write_video([frame.pixels for frame in spots], tmp_path / "spots.mp4")

    def stream(measure: Measure) -> PoseStream:
        return PoseStream(predictor(), BrightSpots(), StreamConfig(), measure)

    model = tiny_model() if video else None
    cost = speed(str(clip), stream, model=lambda: model, video=video)
    assert (cost.frames, cost.info.width) == (24, 128)
    assert 24 <= cost.poses <= 2 * 24 and cost.encoded >= 24
    assert tuple(cost.stages) == STAGES
    used = [stage for stage, seconds in cost.stages.items() if seconds > 0]
    assert used == [stage for stage in STAGES if video or stage != "draw"]
    assert 0.5 * cost.alone_s < sum(cost.stages.values()) <= cost.alone_s
    assert cost.seconds > 0 and cost.processor_s > 0 and 50 < cost.memory_mb <= peak_memory_mb()
    networks = sum(cost.stages[stage] for stage in NETWORKS)
    assert cost.outside_networks == pytest.approx(1 - networks / cost.alone_s)
    if model is None:
        assert cost.encode_macs is None and math.isnan(cost.floor_s)
    else:
        assert cost.encode_macs == complexity(model).macs_encode_per_frame
        assert cost.floor_s == cost.encode_macs / cost.peak_macs
    assert cost.encode_s == cost.stages["encode"] / cost.encoded
    assert [entry.name for entry in tmp_path.iterdir()] == ["spots.mp4"]
