"""Boxes to tracks: detectors, and a joint-aware tracker."""
