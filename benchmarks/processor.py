"""The CPU that figures were made on, in words: what it is called, and whether it has bf16 and 8-bit products."""

import platform
from pathlib import Path

FLAGS = {"avx512f": "AVX-512", "avx512_vnni": "VNNI", "avx512_bf16": "bf16", "amx_tile": "AMX"}


def processor() -> str:
    """Name and what decides between precisions, as Linux tells it; elsewhere the name alone."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor() or platform.machine()
    fields = dict(map(str.strip, line.split(":", 1)) for line in info.read_text().splitlines() if ":" in line)
    flags = set(fields.get("flags", "").split())
    has = [f"{'' if flag in flags else 'no '}{name}" for flag, name in FLAGS.items()]
    return f"{fields.get('model name', platform.machine())} ({', '.join(has)})"


def main() -> None:
    """Prints it."""
    print(processor())


if __name__ == "__main__":
    main()
