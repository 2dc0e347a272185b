"""Settings for every test: passive OpenMP threads, no network, Ctrl-C heard, no time limits inside hypothesis."""

import os
import signal

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

# A job in the background is started deaf to Ctrl-C, and so would be the programs that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
