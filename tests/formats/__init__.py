"""Tests of the formats; a package, so that names like test_posetrack.py may stand in other rooms too."""
