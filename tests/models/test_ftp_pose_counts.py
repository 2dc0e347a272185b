"""FTP-Pose: parameters and multiply-accumulates of the layouts that were worked out by hand from the paper's tables."""

import functools
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from chronopose.layers.backbone import BackboneConfig
from chronopose.models.complexity import complexity
from chronopose.models.ftp_pose import FTPPose, FTPPoseConfig

BASELINE: dict[str, Any] = {"high_resolution": False, "keep_hrb": 1, "keep_lrb": 1}
UNPRUNED: dict[str, Any] = {"keep_hrb": 1, "keep_lrb": 1}
S24 = {"coarse_depth": 2, "shared_depth": 4}
S26 = {"coarse_depth": 2, "shared_depth": 6}
S324 = {"coarse_depth": 3, "shared_depth": 24}
B46 = {
    "backbone": BackboneConfig(name="vit_base_patch16_224"), "coarse_depth": 4, "shared_depth": 6, "heads": 12,
}  # fmt: skip
POST = {"recovery": "scatter_post"}
QUERY = {"recovery": "query"}


@functools.cache
def on_paper(config: FTPPoseConfig) -> FTPPose:
    """A network of full size without memory for its weights."""
    with torch.device("meta"):
        return FTPPose(config)


@functools.cache
def encode_macs(backbone: BackboneConfig) -> int:
    return complexity(on_paper(FTPPoseConfig(backbone=backbone, shared_depth=1, **BASELINE))).macs_encode_per_frame


@pytest.mark.parametrize(
    ("gmacs", "layout", "row"),
    [
        (22.2, S24, BASELINE),
        (31.6, S24, UNPRUNED),
        (19.9, S24, POST),
        (21.2, S24, QUERY),
        (80.0, S24, {**UNPRUNED, "hr_scale": 4}),
        (28.0, S24, {**POST, "hr_scale": 4}),
        (24.7, S26, BASELINE),
        (37.8, S26, UNPRUNED),
        (21.7, S26, {}),
        (22.0, S26, QUERY),
        (108.0, S26, {**UNPRUNED, "hr_scale": 4}),
        (30.5, S26, {**POST, "hr_scale": 4}),
        (48.9, S324, BASELINE),
        (94.6, S324, UNPRUNED),
        (29.5, S324, POST),
        (30.5, S324, {}),
        (98.6, B46, BASELINE),
        (145.0, B46, UNPRUNED),
        (85.2, B46, POST),
        (90.3, B46, QUERY),
        (118.0, B46, {**POST, "hr_scale": 4}),
    ],
)
def test_a_window_costs_what_was_counted_for_it(gmacs: float, layout: dict[str, Any], row: dict[str, Any]) -> None:
    config = FTPPoseConfig(**{**layout, **row})
    model = on_paper(config)
    with torch.no_grad():
        features = torch.zeros(1, 3, model.backbone.channels, *model.backbone.grid, device="meta")
        with FlopCounterMode(display=False) as counter:
            model.fuse(features)
    total = 3 * encode_macs(config.backbone) + counter.get_total_flops() / 2
    assert total / 1e9 == pytest.approx(gmacs, rel=0.01)


@pytest.mark.parametrize(
    ("millions", "tolerance", "exactly", "layout", "row"),
    [
        (72.4, 1e-3, 72_422_159, S324, BASELINE),
        (75.8, 1e-3, 75_803_279, S324, {}),
        (75.8, 1e-3, 75_803_279, S324, UNPRUNED),
        (77.6, 1e-3, 77_578_511, S324, QUERY),
        (38.8, 3e-3, 38_707_343, S26, BASELINE),
        (42.0, 3e-3, 42_088_463, S26, {}),
    ],
)
def test_the_parameters_are_as_many_as_worked_out(
    millions: float, tolerance: float, exactly: int, layout: dict[str, Any], row: dict[str, Any]
) -> None:
    count = sum(parameter.numel() for parameter in on_paper(FTPPoseConfig(**{**layout, **row})).parameters())
    assert count == exactly
    assert count / 1e6 == pytest.approx(millions, rel=tolerance)
