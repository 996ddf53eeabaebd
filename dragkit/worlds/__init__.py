"""Procedural worlds of exact geometry: every image comes with its true points and motion."""

from .batch import SceneBatch
from .car import Car
from .lion import FACTORS, GEOMETRY, Lion
from .renderer import Render, render
from .scene import Meadow, Scene
from .truth import Landmarks, Motion, motion
from .world import WORLDS, World

__all__ = [
    "FACTORS",
    "GEOMETRY",
    "WORLDS",
    "Car",
    "Landmarks",
    "Lion",
    "Meadow",
    "Motion",
    "Render",
    "Scene",
    "SceneBatch",
    "World",
    "motion",
    "render",
]
