"""A model run by torch itself, as plain as it is or made faster at load without changing what it answers."""

import copy
import platform
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

from chronopose.clips.contract import Carried, PoseModel, RecurrentPoseModel
from chronopose.clips.moving import Moving, moved
from chronopose.core.types import Floats, Pixels
from chronopose.models.person import PersonModel
from chronopose.runtimes.contract import Answer, State
from chronopose.runtimes.names import Backend, Precision

WITHIN = 1e-5
"""How far features of a folded model may be from the plain model's, in units of the largest: rounding is a tenth."""


class TorchRuntime:
    """A `Runtime` of torch: the model in eval mode on its device; bf16 is autocast, inside the steps alone.

    Its rows are tensors there. On a GPU the convolutions' weights are channels-last, as the crops are. (bf16 on a GPU
    has not been measured here.)

    Args:
        model: a pose model and module; it is moved to the device.
        device: where it runs, as torch writes it.
        precision: "fp32" or "bf16".
        moving: how features change as their crop moves, where the plain model knows it: a copy made faster may have
            its weights laid out so that none can be read.
        batch: crops encoded in one pass; more need memory and gain little.
    """

    name: Backend = "torch"

    def __init__(
        self,
        model: PoseModel,
        device: str = "cpu",
        precision: Precision = "fp32",
        moving: Moving | None = None,
        batch: int = 32,
    ) -> None:
        self.model, self.device, self.precision, self.moving, self.batch = model, device, precision, moving, batch
        self.spec, self.skeleton = model.spec, model.skeleton
        module = cast(nn.Module, model).to(device).eval()
        if device.startswith("cuda"):
            module.to(memory_format=torch.channels_last)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=self.precision == "bf16")

    @torch.inference_mode()
    def encode(self, crops: Pixels) -> Float[Tensor, "N ..."]:
        """(N, H, W, 3) uint8 crops of single frames -> (N, ...) features."""
        parts = []
        for start in range(0, len(crops), self.batch):
            pixels = torch.from_numpy(crops[start : start + self.batch]).to(self.device, non_blocking=True)
            with self._autocast():
                # A permuted view is channels-last memory: no copy.
                parts.append(self.model.encode(pixels.permute(0, 3, 1, 2)).float())
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    @torch.inference_mode()
    def fuse(self, features: Float[Tensor, "B T ..."], state: State | None = None) -> tuple[Answer, State | None]:
        """(B, T, ...) features of windows -> the answer, and the state for the next call where the model has one."""
        carried = None if state is None else Carried(state.tokens, torch.from_numpy(state.valid).to(self.device))
        with self._autocast():
            output, after = self.model.fuse(features, carried)
        xy, score, sigma = (
            None if part is None else part.float() for part in (output.xy_crop, output.score, output.sigma)
        )
        # Whoever has been answered is known from now on; to ask the device would be to wait for it.
        valid = np.ones(len(features), dtype=np.bool_)
        return Answer(xy, score, sigma), None if after is None else State(after.tokens, valid)

    @torch.inference_mode()
    def moved(self, features: Float[Tensor, "N ..."], moves: NDArray[np.float64]) -> Float[Tensor, "N ..."]:
        """(N, ...) features after their crops' `moves` (N, 3)."""
        assert self.moving is not None
        return moved(features, torch.from_numpy(self.moving.matrices(moves)).to(self.device))

    def joined(self, parts: Sequence[Tensor]) -> Tensor:
        """Rows one after the other, in memory of their own."""
        return torch.cat(list(parts))

    @torch.inference_mode()
    def fresh(self) -> Tensor:
        """(1, ...) tokens of a person never seen before, where the model carries a state."""
        assert isinstance(self.model, RecurrentPoseModel)
        return self.model.fresh(1).tokens

    def to_host(self, rows: Tensor) -> Floats:
        """Rows as numpy has them."""
        return rows.cpu().numpy()

    def from_host(self, values: Floats) -> Tensor:
        """The other way round."""
        return torch.from_numpy(values).to(self.device)


class TorchPersons:
    """A `PersonNetwork` of torch.

    Args:
        model: in eval mode from here on; it is moved to the device.
        device: where it runs, as torch writes it.
    """

    def __init__(self, model: PersonModel, device: str = "cpu") -> None:
        self.model, self.device = model.to(device).eval(), device
        config = model.config
        self.long_side, self.score_scale, self.score_shift = config.long_side, config.score_scale, config.score_shift

    @torch.inference_mode()
    def __call__(self, pictures: Pixels) -> tuple[Floats, Floats]:
        """(B, H, W, 3) uint8 -> logit (B, N) and boxes (B, N, 4) of every cell."""
        output = self.model(torch.from_numpy(pictures).to(self.device).permute(0, 3, 1, 2))
        return output.logit.float().cpu().numpy(), output.boxes.float().cpu().numpy()


def faster(model: PoseModel, device: str = "cpu") -> PoseModel:
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


def faster_persons(model: PersonModel, device: str = "cpu") -> PersonModel:
    """The same for the network that finds persons."""
    probe = _noise(model, model.config.long_side, model.config.long_side)
    return cast(PersonModel, _changed(model, model.trunk, device, lambda one: cast(Tensor, one(probe).logit)))


def _changed(
    model: nn.Module, trunk: nn.Module | None, device: str, answer: Callable[[nn.Module], Tensor]
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
        if device == "cpu" and _slow_linears():
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
