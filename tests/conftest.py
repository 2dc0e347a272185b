"""Settings for every test: passive OpenMP threads, no network, no time limits inside hypothesis."""

import os

# Before torch is imported: spinning threads on a busy machine turn seconds into minutes.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from hypothesis import HealthCheck, settings

settings.register_profile(
    "chronopose",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,  # a landing is not to hang on the luck of a draw; every run by hand draws anew
)
settings.load_profile("chronopose")
