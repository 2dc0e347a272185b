"""The models by name: a config and the module it builds."""

from typing import Any

from torch import nn

from chronopose.models.baselines import Regression, RegressionConfig, SimpleBaseline, SimpleBaselineConfig
from chronopose.models.dsta import DSTA, DSTAConfig
from chronopose.models.ftp_pose import FTPPose, FTPPoseConfig
from chronopose.models.listpose import ListPose, ListPoseConfig
from chronopose.models.person import PersonConfig, PersonModel
from chronopose.models.tokenpose import TokenPose, TokenPoseConfig

MODELS: dict[str, tuple[type[Any], type[nn.Module]]] = {
    "dsta": (DSTAConfig, DSTA),
    "ftp_pose": (FTPPoseConfig, FTPPose),
    "listpose": (ListPoseConfig, ListPose),
    "person": (PersonConfig, PersonModel),
    "regression": (RegressionConfig, Regression),
    "simple_baseline": (SimpleBaselineConfig, SimpleBaseline),
    "tokenpose": (TokenPoseConfig, TokenPose),
}


def kind_of(config: Any) -> str:
    """The kind of model, a key of `MODELS`, that a config is for."""
    return next(kind for kind, (config_class, _) in MODELS.items() if type(config) is config_class)


def network_of(config: Any) -> Any:
    """The network that a config describes, with the weights that it starts from."""
    return MODELS[kind_of(config)][1](config)
