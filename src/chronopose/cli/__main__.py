"""The command `chronopose`: its verbs, and what happens to errors."""

import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from chronopose import __version__
from chronopose.cli.machine import prepare
from chronopose.core.errors import InputError

_VERBS = {
    "predict": ("predict:predict", "Find the persons in videos and write their poses."),
    "live": ("live:live", "Answer a camera, a stream or a playing file as it runs."),
    "demo": ("demo:demo", "Run the bundled model on a clip whose truth is known."),
    "draw": ("predict:draw", "Draw saved poses onto their video."),
    "convert": ("convert:convert", "Turn a file of poses into another format."),
    "relabel": ("convert:relabel", "Give saved poses new track ids, without running a model."),
    "eval": ("evaluate:app", "Score a model on labelled data."),
    "train": ("train:app", "Train a model by a recipe."),
    "data": ("data:app", "List known data sets, and check a folder of one."),
    "synth": ("synth:synth", "Render clips of people with exact labels."),
    "synth-assets": ("synth_assets:synth_assets", "Build the folder of assets that `synth` renders from."),
    "models": ("models:app", "List models, show what one costs, import published weights."),
    "export": ("export:export", "Write a model as graphs for onnxruntime, OpenVINO or torch."),
    "bench": ("bench:app", "Measure where a video's time goes, and what models cost."),
    "doctor": ("doctor:doctor", "Show versions and devices, and what is missing."),
}

_GOES_ON = {
    "predict": "; the same command goes on from here",
    "synth": "; the same command goes on from here",
    "train": "; the same command with --resume goes on from the last checkpoint",
}


def build_app() -> App:
    """The command line; a verb's module is imported when the verb, or its help, is asked for."""
    app = App(
        name="chronopose",
        version=__version__,
        help="Human pose estimation in video.",
        result_action="return_value",
        suppress_keyboard_interrupt=False,  # `run` has more to say about it
    )
    for name, (place, summary) in _VERBS.items():
        app.command(f"chronopose.cli.{place}", name=name, help=summary)
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and exits: 0 where all went well, 1 after an error, 130 after Ctrl-C."""
    prepare()
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """The command line with these arguments; gives the exit code."""
    try:
        code = int(build_app()(list(arguments), exit_on_error=False, print_error=False) or 0)
        sys.stdout.flush()
        return code
    except CycloptsError as error:
        return _fail(str(error))
    except InputError as error:
        return _fail(str(error))
    except BrokenPipeError:  # whoever read what is printed has gone, as `head` goes
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python would say so at its exit
        return 141
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except KeyboardInterrupt:
        _fail(f"stopped{_GOES_ON.get(next(iter(arguments), ''), '')}")
        return 130


def _fail(message: str) -> int:
    print(f"chronopose: {' '.join(message.split())}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    main()
