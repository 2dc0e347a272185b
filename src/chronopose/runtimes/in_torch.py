"""A model run by torch itself, as plain as it is or made faster at load without changing what it answers."""

import copy
import platform
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

from chronopose.clips.contract import Carried, PoseModel, PoseOutput, RecurrentPoseModel
from chronopose.clips.moving import Moving
from chronopose.models.person import PersonModel
from chronopose.runtimes.names import Backend, Precision

WITHIN = 1e-5
"""How far features of a folded model may be from the plain model's, in units of the largest: rounding is a tenth."""


class TorchRuntime:
    """A `Runtime` of torch: the model in eval mode on its device; bf16 is autocast, inside the steps alone.

    On a GPU the convolutions' weights are channels-last, as the crops are. (bf16 on a GPU has not been measured here.)

    Args:
        model: a pose model and module; it is moved to the device.
        device: where it runs.
        precision: "fp32" or "bf16".
        moving: how features change as their crop moves, where the plain model knows it: a copy made faster may have
            its weights laid out so that none can be read.
    """

    name: Backend = "torch"

    def __init__(
        self, model: PoseModel, device: torch.device, precision: Precision = "fp32", moving: Moving | None = None
    ) -> None:
        self.model, self.device, self.precision = model, device, precision
        self.moving = None if moving is None else moving.on(device)
        self.spec, self.skeleton = model.spec, model.skeleton
        module = model.to(device).eval()  # type: ignore[attr-defined]
        if device.type == "cuda":
            module.to(memory_format=torch.channels_last)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16")

    def encode(self, pixels: UInt8[Tensor, "N 3 H W"]) -> Float[Tensor, "N ..."]:
        """(N, 3, H, W) pixels of single frames -> (N, ...) features."""
        if self.precision == "fp32":
            return self.model.encode(pixels)
        with self._autocast():
            return self.model.encode(pixels).float()

    def fuse(self, features: Float[Tensor, "B T ..."], state: Any = None) -> tuple[PoseOutput, Any]:
        """(B, T, ...) features of windows -> the answer, and the state for the next call."""
        if self.precision == "fp32":
            return self.model.fuse(features, state)
        with self._autocast():
            return self.model.fuse(features, state)

    def fresh(self, batch: int) -> Carried:
        """The state of persons never seen before, where the model carries one."""
        assert isinstance(self.model, RecurrentPoseModel)
        return self.model.fresh(batch)

    def __call__(self, pixels: UInt8[Tensor, "B T 3 H W"]) -> PoseOutput:
        """(B, T, 3, H, W) pixels of windows -> the answer."""
        return self.fuse(torch.unflatten(self.encode(pixels.flatten(0, 1)), 0, pixels.shape[:2]))[0]


def faster(model: PoseModel, device: torch.device) -> PoseModel:
    """A copy of a model for inference on a device, with the same answers to `WITHIN`; the model itself is left alone.

    Norms are folded into the convolutions before them, branches that were trained side by side become one, and on a
    CPU of AMD's linear layers go to oneDNN.
    """
    probe = _noise(cast(nn.Module, model), model.spec.height, model.spec.width)
    frames = 1 if model.spec.recurrent else len(model.spec.offsets)

    def features(one: Any) -> Tensor:
        """Those of the probe; the second step is run for its layers."""
        found: Tensor = one.encode(probe)
        one.fuse(found[:, None].expand(-1, frames, *found.shape[1:]))
        return found

    trunk = getattr(getattr(model, "backbone", None), "trunk", None)
    return cast(PoseModel, _changed(cast(nn.Module, model), trunk, device, features))


def faster_persons(model: PersonModel, device: torch.device) -> PersonModel:
    """The same for the network that finds persons."""
    probe = _noise(model, model.config.long_side, model.config.long_side)
    return cast(PersonModel, _changed(model, model.trunk, device, lambda one: cast(Tensor, one(probe).logit)))


def _changed(
    model: nn.Module, trunk: nn.Module | None, device: torch.device, answer: Callable[[nn.Module], Tensor]
) -> nn.Module:
    """A faster copy, or a plain one where its answer is another."""
    from timm.utils.model import reparameterize_model

    plain = model.eval()
    # What is copied is known by its place, so the trunk's copy is told through the copier's own table.
    copies: dict[int, Any] = {}
    changed = copy.deepcopy(plain, copies)
    if trunk is not None:
        reparameterize_model(copies[id(trunk)], inplace=True)
    with torch.inference_mode():
        _fold_norms(changed, answer)
        if device.type == "cpu" and _slow_linears():
            _send_linears(changed)
        # A norm whose input another layer reads too cannot be told from one that is alone; the numbers can.
        wanted, got = answer(plain), answer(changed)
    off = (wanted - got).abs().max() / wanted.abs().max().clamp_min(1e-6)
    return changed if off <= WITHIN else copy.deepcopy(plain)


def _noise(model: nn.Module, height: int, width: int) -> Tensor:
    """One crop of noise (1, 3, H, W), always the same."""
    noise = torch.randint(0, 256, (1, 3, height, width), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return noise.to(next(model.parameters()).device)


def _fold_norms(model: nn.Module, run: Callable[[nn.Module], object]) -> None:
    """Folds each norm into the convolution whose output it is given as the model runs, in place."""
    made: dict[int, tuple[Tensor, nn.Module]] = {}  # by id of the tensor, which is held so that the id stays its own
    pairs: dict[nn.Module, nn.Module] = {}  # norm -> convolution
    calls: Counter[nn.Module] = Counter()

    def after(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        calls[module] += 1
        if isinstance(module, _BatchNorm):
            _, source = made.get(id(inputs[0]), (None, None))
            if source is not None:
                pairs[module] = source
        else:
            made[id(output)] = (output, module)

    kinds = (_BatchNorm, nn.Conv2d, nn.ConvTranspose2d)
    hooks = [m.register_forward_hook(after) for m in model.modules() if isinstance(m, kinds)]
    run(model)
    for hook in hooks:
        hook.remove()
    homes = {child: (parent, name) for parent in model.modules() for name, child in parent.named_children()}
    for norm, convolution in pairs.items():
        if calls[norm] == calls[convolution] == 1:
            transposed = isinstance(convolution, nn.ConvTranspose2d)
            folded = fuse_conv_bn_eval(cast(Any, convolution), cast(_BatchNorm, norm), transpose=transposed)
            setattr(*homes[convolution], folded)
            setattr(*homes[norm], _what_follows(norm))


def _what_follows(norm: nn.Module) -> nn.Module:
    """timm's norms carry the activation that follows them."""
    activation = getattr(norm, "act", None)
    return activation if isinstance(activation, nn.Module) else nn.Identity()


class PrepackedLinear(nn.Module):
    """A linear layer by oneDNN in float32, its weight laid out once.

    On AMD's CPUs MKL, torch's own choice, reaches 40 % of what oneDNN does; docs/export.md has the figures.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.bias = linear.bias
        # No buffer: a laid-out weight cannot be copied or moved as other tensors can.
        self._weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach())

    def forward(self, x: Float[Tensor, "*b C"]) -> Float[Tensor, "*b D"]:
        return cast(Tensor, torch.ops.mkldnn._linear_pointwise(x, self._weight, self.bias, "none", [], ""))


def _slow_linears() -> bool:
    """Whether this is a CPU of AMD's, with a torch that has oneDNN's layer under the name it has been found under."""
    vendor = platform.processor()
    if Path("/proc/cpuinfo").exists():
        vendor += Path("/proc/cpuinfo").read_text(errors="replace")[:4096]
    ops = torch.ops.mkldnn
    known = hasattr(ops, "_linear_pointwise") and hasattr(ops, "_reorder_linear_weight")
    return "AuthenticAMD" in vendor and torch.backends.mkldnn.is_available() and known  # type: ignore[no-untyped-call]


def _send_linears(model: nn.Module) -> None:
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Linear and child.weight.dtype == torch.float32:
                setattr(parent, name, PrepackedLinear(child))
