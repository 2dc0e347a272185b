"""Rewrites the tree in the README from the first lines of the modules' docstrings."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "chronopose"


def tree() -> str:
    """A block of indented lines, one for each module."""
    files = sorted(
        (f for f in SOURCE.rglob("*.py") if f.name != "__init__.py"),
        key=lambda f: (len(f.relative_to(SOURCE).parts), f),
    )
    names = [str(file.relative_to(SOURCE)) for file in files]
    lines = [(ast.get_docstring(ast.parse(file.read_text())) or "").split("\n", 1)[0] for file in files]
    width = max(map(len, names)) + 2
    return "\n".join(f"    {name:<{width}}{line}" for name, line in zip(names, lines))


def main() -> None:
    """Puts the tree between its two marks."""
    readme = ROOT / "README.md"
    text = readme.read_text()
    start, end = "<!-- tree -->\n\n", "\n\n<!-- end of tree -->"
    readme.write_text(re.sub(f"{start}.*?{end}", lambda _: f"{start}{tree()}{end}", text, flags=re.DOTALL))


if __name__ == "__main__":
    main()
