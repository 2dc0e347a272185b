"""The models by name: a config and the module it builds."""

from typing import Any

from torch import nn

from chronopose.models.dsta import DSTA, DSTAConfig
from chronopose.models.person import PersonConfig, PersonModel

MODELS: dict[str, tuple[type[Any], type[nn.Module]]] = {
    "dsta": (DSTAConfig, DSTA),
    "person": (PersonConfig, PersonModel),
}
