"""Several losses as one."""

from torch import Tensor, nn

from chronopose.clips.contract import ClipBatch, PoseOutput


class LossSum(nn.Module):
    """All parts of several losses under their own names."""

    def __init__(self, *losses: nn.Module) -> None:
        super().__init__()
        self.losses = nn.ModuleList(losses)

    def forward(self, output: PoseOutput, batch: ClipBatch) -> dict[str, Tensor]:
        parts: dict[str, Tensor] = {}
        for loss in self.losses:
            for name, part in loss(output, batch).items():
                if name in parts:
                    raise ValueError(f"two losses give a part called {name!r}; every part needs a name of its own")
                parts[name] = part
        return parts
