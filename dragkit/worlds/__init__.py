"""Procedural worlds of exact geometry: every image comes with its true points and motion."""

from .ellipsoids import Meadow, Render, Scene, render
from .lion import FACTORS, GEOMETRY, Landmarks, Lion, Motion, motion

__all__ = [
    "FACTORS",
    "GEOMETRY",
    "Landmarks",
    "Lion",
    "Meadow",
    "Motion",
    "Render",
    "Scene",
    "motion",
    "render",
]
