"""`chronopose train`: run a recipe, every field of its configuration a flag."""

import copy
import dataclasses
import importlib
import logging
import os
import pkgutil
import sys
import tempfile
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from cyclopts import App, Parameter
from cyclopts.config import Dict

from chronopose.core.errors import InputError

_NOT_RECIPES = {"ablation", "ablation_clips", "mixture", "paper_run", "papers", "presets", "published"}


# --help is ours: after a recipe it shows the recipe's fields.
app = App(name="train", help_flags=[], version_flags=[])


@app.default
def train(
    recipe: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *flags: Annotated[str, Parameter(allow_leading_hyphen=True, show=False)],
) -> int:
    """Train a model by a recipe. `chronopose train RECIPE --help` shows every field.

    Fields are set by flags such as --optim.lr 3e-4 or --data.lspet FOLDER, over a YAML file given as --config, over
    the recipe's own values. --out names the run's folder, --resume goes on in it. --print-config shows the result and
    trains nothing, --dry-run takes two steps and tells what the run will cost. On several GPUs:
    torchrun --nproc-per-node 4 -m chronopose.cli.__main__ train RECIPE ...

    Parameters
    ----------
    recipe
        A recipe of chronopose.recipes: smoke, default, listpose, ftp_pose, dsta, person; a paper's own run, such as
        dsta-r50-posetrack17, where papers lists the names; or ablation/NAME, where ablation/ lists the names.
    flags
        Fields of the recipe, and --out, --config, --resume, --pretrained, --backbone, --dry-run, --print-config.
    """
    if recipe in ("--help", "-h"):
        app.help_print([])
        return 0
    with _together() as main:
        # Of several processes one speaks.
        level = logging.INFO if main else logging.ERROR
        logging.basicConfig(level=level, format="%(message)s", stream=sys.stderr)
        return _train(recipe, list(flags), main)


def _together() -> AbstractContextManager[bool]:
    """Around the whole work, for a process that may be one of several; gives whether it speaks for all."""
    if "WORLD_SIZE" not in os.environ:
        return nullcontext(True)
    from chronopose.training.ranks import together

    return together()


def _train(recipe: str, flags: list[str], main: bool) -> int:
    module = _recipe(recipe)
    recipe_config = module.config()
    file, rest = _config_file(flags)
    about = f"{module.__doc__}\n\n--config FILE takes fields from a YAML file, under those given as flags."
    verb = App(
        name=f"chronopose train {recipe}",
        help=about,
        version_flags=[],
        result_action="return_value",
        suppress_keyboard_interrupt=False,
    )
    verb.config = [Dict(_read_yaml(file, recipe_config), source=str(file))] if file else []
    verb.default_parameter = Parameter(consume_multiple=True)  # --window -1 0 1
    form = _form(recipe_config)

    def run(
        config: Any,
        *,
        out: Path = Path("runs") / recipe,
        resume: Annotated[bool, Parameter(negative=())] = False,
        pretrained: Annotated[bool, Parameter(negative=())] = False,
        backbone: str | None = None,
        dry_run: Annotated[bool, Parameter(negative=())] = False,
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
        backbone
            Start the backbone from that of this pose model, of any kind: weights, a run, or what `models import` wrote.
        dry_run
            Take two steps, print what the whole run will cost, and write nothing.
        print_config
            Print the configuration as YAML and stop.
        """
        if pretrained and backbone is not None:
            raise InputError(f"--backbone {backbone}: --pretrained is given too; wanted one of them")
        settings = _filled(config, recipe_config)
        if print_config:
            _say(_yaml(settings), main)
        elif dry_run:
            _say(_rehearsed(module, settings, pretrained, backbone), main)
        else:
            _run(module, settings, out, resume, pretrained, backbone, main)
            _say(f"wrote {out / 'model.safetensors'}\nnext: chronopose predict VIDEO --model {out}\n", main)
        return 0

    # The recipe's fields are known only now; with them as the annotation every field becomes a flag.
    run.__annotations__["config"] = Annotated[form, Parameter(name="*")]
    run.__defaults__ = (form(),)
    verb.default(run)
    return int(verb(rest, exit_on_error=False, print_error=False) or 0)


def _run(module: Any, config: Any, out: Path, resume: bool, pretrained: bool, backbone: str | None, main: bool) -> None:
    from chronopose.core.files import replacing
    from chronopose.formats import weights_file
    from chronopose.models import checkpoint
    from chronopose.training import trackers
    from chronopose.training.trainer import train as run_training

    trackers.check(config.train.log)
    if hasattr(module, "check_start") and not (pretrained or backbone or resume):
        module.check_start(config)
    model, loss, data = _built(module, config, pretrained, backbone)
    card = module.card(config) if hasattr(module, "card") else weights_file.Card()

    def note() -> None:
        with replacing(out / "config.yaml") as waiting:
            waiting.write_text(_yaml(config))

    def save(trained: Any, path: Path) -> None:
        checkpoint.save(trained, path, card)
        note()

    new = not out.exists()
    begun = (out / "checkpoints").exists()  # a run that is there may refuse this configuration, and keeps its own
    if main and not begun:
        out.mkdir(parents=True, exist_ok=True)
        note()
    try:
        run_training(
            config.train,
            config.optim,
            model=model,
            loss=loss,
            data=data,
            out=out,
            save=save,
            resume=resume,
        )
    except InputError:
        if main and new and [file.name for file in out.iterdir()] == ["config.yaml"]:  # it never began
            (out / "config.yaml").unlink()
            out.rmdir()
        raise


def _rehearsed(module: Any, config: Any, pretrained: bool, backbone: str | None) -> str:
    """What the first two steps of a run tell of the whole.

    A recipe whose data are on nobody's disk may have a function `rehearsal(config, folder)`, which makes some in an
    empty folder and gives the configuration that learns from them.
    """
    from chronopose.models.complexity import complexity
    from chronopose.training.rehearsal import rehearse

    with tempfile.TemporaryDirectory() as folder:
        if hasattr(module, "rehearsal"):
            config = module.rehearsal(config, Path(folder))
        model, loss, data = _built(module, config, pretrained, backbone)
        cost = complexity(model)
        seen = rehearse(config.train, config.optim, model=model, loss=loss, data=data)
    device = "" if seen.device_bytes is None else f", {seen.device_bytes / 1e9:.2f} GB on {seen.device}"
    processes = f", {seen.ranks} processes" if seen.ranks > 1 else ""
    lines = {
        "parameters": f"{cost.parameters:,}; {seen.learned:,} are trained, those of the loss among them",
        "MACs": f"{cost.macs_encode_per_frame:,} a frame, {cost.macs_fuse_per_window:,} a window",
        "data": f"{len(data):,} samples, {config.train.batch_size * config.train.accumulate} in a step",
        "device": f"{seen.device}{processes}",
        "memory": f"{seen.memory_bytes / 1e9:.2f} GB{device}, at most, of one process without its workers",
        "step": f"{seen.step_s:.3f} s; the first {seen.first_step_s:.3f} s",
        "run": f"about {_duration(seen.run_s)} for {seen.steps:,} steps, without validation",
    }
    return "".join(f"{name:<12}{text}\n" for name, text in lines.items())


def _built(module: Any, config: Any, pretrained: bool, backbone: str | None) -> tuple[Any, Any, Any]:
    import torch

    from chronopose.models import checkpoint

    torch.manual_seed(config.train.seed)  # of the first weights, the same on every rank
    model, loss, data = module.build(config)
    if pretrained:
        checkpoint.load_timm_weights(model)
    if backbone is not None:
        checkpoint.transfer_backbone(model, backbone)
    return model, loss, data


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 1 else f"{seconds:.0f} s"


def _say(text: str, main: bool) -> None:
    if main:
        print(text, end="")


def recipes() -> list[str]:
    """Names of the recipes."""
    from chronopose import recipes
    from chronopose.recipes import papers

    modules = [name for _, name, _ in pkgutil.iter_modules(recipes.__path__) if name not in _NOT_RECIPES]
    return [*modules, *papers.RECIPES]


def _recipe(name: str) -> Any:
    if name.startswith("ablation/"):
        from chronopose.recipes import ablation

        return ablation.recipe(name.removeprefix("ablation/"))
    if name not in recipes():
        raise InputError(f"no recipe {name!r}; there are {', '.join(recipes())}, and ablation/NAME")
    from chronopose.recipes import papers

    if name in papers.RECIPES:
        return papers.recipe(name)
    return importlib.import_module(f"chronopose.recipes.{name}")


def _config_file(flags: list[str]) -> tuple[Path | None, list[str]]:
    """The file after --config, and the flags without it."""
    flags = [part for flag in flags for part in (flag.split("=", 1) if flag.startswith("--config=") else [flag])]
    if "--config" not in flags:
        return None, flags
    at = flags.index("--config")
    if at + 1 == len(flags):
        raise InputError("--config wants a YAML file")
    path = Path(flags[at + 1])
    if not path.is_file():
        raise InputError(f"--config {path}: no such file")
    return path, flags[:at] + flags[at + 2 :]


def _read_yaml(path: Path, config: Any) -> dict[str, Any]:
    """The fields in a YAML file for a configuration."""
    import yaml

    try:
        values = yaml.safe_load(path.read_bytes())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"--config {path}: not readable as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise InputError(f"--config {path}: must hold fields and values, got {type(values).__name__}")
    if isinstance(train := values.get("train"), dict) and (old := train.pop("tensorboard", None)) is not None:
        train.setdefault("log", ["tensorboard"] if old else [])  # as older runs wrote it down
    for name, value in values.items():
        # A lone value would be taken for the first of the fields.
        if dataclasses.is_dataclass(getattr(config, str(name), None)) and not isinstance(value, dict):
            raise InputError(f"--config {path}: {name} must hold fields and values, got {value!r}")
    return values


def _form(config: Any) -> type[Any]:
    """A class with the fields of a configuration, and its values for defaults, nested ones too.

    The command line fills in a form and not the configuration's own class, whose defaults are not the recipe's.
    """
    hints = get_type_hints(type(config))
    fields: list[tuple[str, Any, Any]] = []
    for name in (field.name for field in dataclasses.fields(config)):
        value = getattr(config, name)
        nested = dataclasses.is_dataclass(value)
        kind = _form(value) if nested else hints[name]
        if name == "log":
            kind = Annotated[kind, Parameter(name=("log", "--log"))]
        made = kind if nested else partial(copy.copy, value)
        fields.append((name, kind, dataclasses.field(default_factory=made)))
    # Without a module of ours it would pass for one of the standard library, whose classes are no flags.
    about = {"__doc__": type(config).__doc__, "__module__": __name__}
    return dataclasses.make_dataclass(type(config).__name__, fields, kw_only=True, frozen=True, namespace=about)


def _filled(form: Any, like: Any) -> Any:
    """A filled form as the configuration that it was made from: its class, and so its checks."""
    values = {field.name: getattr(form, field.name) for field in dataclasses.fields(like)}
    nested = {name: getattr(like, name) for name in values if dataclasses.is_dataclass(getattr(like, name))}
    return type(like)(**values | {name: _filled(values[name], before) for name, before in nested.items()})


def _yaml(config: Any) -> str:
    """A configuration as a file that --config takes."""
    import yaml

    return str(yaml.safe_dump(_plain(config), sort_keys=False))


def _plain(config: Any) -> Any:
    """A configuration as JSON values."""
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        return {field.name: _plain(getattr(config, field.name)) for field in dataclasses.fields(config)}
    if isinstance(config, tuple | list):
        return [_plain(item) for item in config]
    return str(config) if isinstance(config, Path) else config
