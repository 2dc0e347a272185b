"""`chronopose train`: run a recipe, every field of its configuration a flag."""

import dataclasses
import importlib
import logging
import pkgutil
import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from cyclopts.config import Dict, Yaml

from chronopose.core.errors import InputError

_NOT_RECIPES = {"presets"}


def train(
    recipe: str,
    *flags: Annotated[str, Parameter(allow_leading_hyphen=True, show=False)],
) -> int:
    """Train a model by a recipe. `chronopose train RECIPE --help` shows every field.

    Fields are set by flags such as --optim.lr 3e-4 or --data.lspet FOLDER, over a YAML file given as --config, over
    the recipe's own values. --out names the run's folder, --resume goes on in it, --print-config shows the result
    and trains nothing.

    Parameters
    ----------
    recipe
        A recipe of chronopose.recipes: smoke, default, dsta, person.
    flags
        Fields of the recipe, and --out, --config, --resume, --init-timm, --print-config.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    module = _recipe(recipe)
    recipe_config = module.config()
    file, rest = _config_file(list(flags))
    layers: list[Any] = [Yaml(file, must_exist=True)] if file else []
    app = App(name=f"chronopose train {recipe}", help=module.__doc__, version_flags=[], result_action="return_value")
    app.config = [*layers, Dict(_plain(recipe_config))]

    def run(
        config: Annotated[Any, Parameter(name="*")] = recipe_config,
        *,
        out: Path = Path("runs") / recipe,
        resume: Annotated[bool, Parameter(negative=())] = False,
        pretrained: Annotated[bool, Parameter(negative=())] = False,
        print_config: Annotated[bool, Parameter(negative=())] = False,
    ) -> int:
        """Train.

        Parameters
        ----------
        out
            Folder of the run.
        resume
            Go on from the newest checkpoint in it.
        pretrained
            Start the backbone from timm's pretrained weights, downloaded on first use.
        print_config
            Print the configuration as YAML and stop.
        """
        return _run(module, config, out, resume, pretrained, print_config)

    # The recipe's dataclass is known only now; with it as the annotation every field becomes a flag.
    run.__annotations__["config"] = Annotated[type(recipe_config), Parameter(name="*")]
    app.default(run)
    return int(app(rest, exit_on_error=False, print_error=False) or 0)


def _run(module: Any, config: Any, out: Path, resume: bool, pretrained: bool, print_config: bool) -> int:
    import yaml

    if print_config:
        print(yaml.safe_dump(_plain(config), sort_keys=False), end="")
        return 0
    from chronopose.models import checkpoint
    from chronopose.training.trainer import train as run_training

    model, loss, data = module.build(config)
    if pretrained:
        checkpoint.load_timm_weights(model)
    out.mkdir(parents=True, exist_ok=True)
    (out / "config.yaml").write_text(yaml.safe_dump(_plain(config), sort_keys=False))
    card = module.card(config) if hasattr(module, "card") else checkpoint.Card()
    run_training(
        config.train,
        config.optim,
        model=model,
        loss=loss,
        data=data,
        out=out,
        save=lambda trained, path: checkpoint.save(trained, path, card),
        resume=resume,
    )
    print(f"wrote {out / 'model.safetensors'}\nnext: chronopose predict VIDEO --model {out}")
    return 0


def recipes() -> list[str]:
    """Names of the recipes."""
    import chronopose.recipes

    return [name for _, name, _ in pkgutil.iter_modules(chronopose.recipes.__path__) if name not in _NOT_RECIPES]


def _recipe(name: str) -> Any:
    if name not in recipes():
        raise InputError(f"no recipe {name!r}; there are {', '.join(recipes())}")
    return importlib.import_module(f"chronopose.recipes.{name}")


def _config_file(flags: list[str]) -> tuple[Path | None, list[str]]:
    """The file after --config, and the flags without it."""
    if "--config" not in flags:
        return None, flags
    at = flags.index("--config")
    if at + 1 == len(flags):
        raise InputError("--config wants a YAML file")
    path = Path(flags[at + 1])
    if not path.is_file():
        raise InputError(f"--config {path}: no such file")
    return path, flags[:at] + flags[at + 2 :]


def _plain(config: Any) -> Any:
    """A configuration as JSON values, nothing where a field is None: a layer cannot unset a field."""
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        values = {field.name: _plain(getattr(config, field.name)) for field in dataclasses.fields(config)}
        return {name: value for name, value in values.items() if value is not None}
    if isinstance(config, tuple | list):
        return [_plain(item) for item in config]
    return str(config) if isinstance(config, Path) else config
