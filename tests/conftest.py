"""Settings for every test: passive OpenMP threads, and shapes checked at run time."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
