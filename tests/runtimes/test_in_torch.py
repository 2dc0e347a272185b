"""Torch's runtime answers as the plain model does, folded or not, and the fast copy leaves its model alone."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from chronopose.layers.backbone import Backbone, BackboneConfig
from chronopose.models import checkpoint
from chronopose.runtimes.as_module import RuntimeModel
from chronopose.runtimes.contract import Runtime
from chronopose.runtimes.in_torch import WITHIN, PrepackedLinear, TorchRuntime, faster
from tests.contracts.test_pose_model import CONFIGS, assert_same, build, clips, encoded
from tests.runtimes.tiny_graphs import KINDS, pixels, tiny


def norms(model: Any) -> int:
    return sum(isinstance(module, _BatchNorm) for module in model.modules())


@torch.no_grad()
@pytest.mark.parametrize("kind", CONFIGS)
def test_every_model_made_faster_keeps_its_answers(kind: str) -> None:
    model = build(kind).eval()
    changed: Any = faster(model)
    shown = clips(model, 3)
    wanted, got = encoded(model, shown), encoded(changed, shown)
    assert (wanted - got).abs().max() <= WITHIN * wanted.abs().max()
    assert_same(changed(shown), model(shown), 1e-4)
    assert norms(changed) == 0


@torch.no_grad()
@pytest.mark.parametrize("kind", KINDS)
def test_norms_with_statistics_of_their_own_are_folded_exactly(kind: str) -> None:
    model: Any = tiny(kind).model
    changed: Any = faster(model)
    torch.testing.assert_close(changed(pixels(kind, 2)).xy_crop, model(pixels(kind, 2)).xy_crop, atol=1e-3, rtol=0)
    assert norms(changed) == 0 and (kind == "listpose" or norms(model) > 0)


@torch.no_grad()
@pytest.mark.parametrize("name", ["dsta-small", "ftp-small", "listpose-small"])
def test_bundled_models_are_folded_within_a_hundred_thousandth(name: str) -> None:
    model: Any = checkpoint.load(name).model
    changed: Any = faster(model)
    shown = clips(model, 1)
    wanted, got = encoded(model, shown), encoded(changed, shown)
    assert (wanted - got).abs().max() <= 1e-5 * wanted.abs().max()
    assert norms(changed) == 0 < norms(model)


class Twice(nn.Module):
    """A convolution whose output is read before its norm too: folding would change the answer."""

    def __init__(self) -> None:
        super().__init__()
        self.model = build("regression").eval()
        self.spec, self.skeleton = self.model.spec, self.model.skeleton
        self.conv, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
        assert self.norm.running_mean is not None
        self.norm.running_mean.fill_(3.0)

    def encode(self, given: torch.Tensor) -> torch.Tensor:
        seen = self.conv(given.float() / 255)
        return (seen + self.norm(seen)).mean((2, 3))

    def fuse(self, features: torch.Tensor, state: None = None) -> tuple[torch.Tensor, None]:
        return features, None

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return self.encode(given.flatten(0, 1))


@torch.no_grad()
def test_a_norm_that_cannot_be_folded_stays() -> None:
    torch.manual_seed(0)
    model: Any = Twice().eval()
    shown = clips(model.model, 2)
    torch.testing.assert_close(faster(model)(shown), model(shown))


@torch.no_grad()
def test_branches_trained_side_by_side_become_one() -> None:
    torch.manual_seed(0)

    class Branched(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = Backbone(BackboneConfig(name="mobileone_s0"), 64, 64)
            self.spec = build("regression").spec
            self.spec = type(self.spec)(offsets=(0,), height=64, width=64)
            self.skeleton = build("regression").skeleton

        def encode(self, given: torch.Tensor) -> torch.Tensor:
            return self.backbone(given)

        def fuse(self, features: torch.Tensor, state: None = None) -> tuple[torch.Tensor, None]:
            return features, None

        def forward(self, given: torch.Tensor) -> torch.Tensor:
            return self.encode(given.flatten(0, 1))

    model: Any = Branched().eval()
    changed: Any = faster(model)
    shown = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)
    wanted = model.encode(shown)
    assert (changed.encode(shown) - wanted).abs().max() <= WITHIN * wanted.abs().max()
    layers = [sum(isinstance(m, nn.Conv2d) for m in one.modules()) for one in (model, changed)]
    assert layers[1] < layers[0]


def test_the_model_itself_is_left_as_it_was() -> None:
    model: Any = tiny("dsta").model
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    faster(model)
    assert before.keys() == model.state_dict().keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


@torch.inference_mode()
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(5, 24), (2, 3, 24), (1, 24)])
def test_a_prepacked_layer_is_the_layer(bias: bool, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    layer, x = nn.Linear(24, 10, bias=bias), torch.randn(shape)
    torch.testing.assert_close(PrepackedLinear(layer)(x), layer(x), atol=1e-6, rtol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("kind", KINDS)
def test_in_bf16_features_and_answers_are_fp32_and_near(kind: str) -> None:
    model: Any = tiny(kind).model
    runtime = TorchRuntime(model, precision="bf16")
    assert isinstance(runtime, Runtime) and runtime.precision == "bf16"
    asked = RuntimeModel(runtime)
    features = asked.encode(pixels(kind, 3)[:, 0])
    assert features.dtype == torch.float32
    exact = model.encode(pixels(kind, 3)[:, 0])
    assert 0 < (features - exact).abs().max() < 0.1 * exact.abs().max()
    answer = asked(pixels(kind, 3))
    assert answer.xy_crop.dtype == torch.float32 and answer.xy_crop.isfinite().all()
