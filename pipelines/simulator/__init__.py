"""A Recoup API of our own on loopback, with a clock, a seed and a known ground truth.

Only names to import belong here. Of the product, demo/ alone imports this package.
"""

from pipelines.simulator.api import Simulator
from pipelines.simulator.faults import Fault
from pipelines.simulator.fleet import Fleet
from pipelines.simulator.ground_truth import Truth, TruthRun, TruthTask, TruthTick
from pipelines.simulator.server import SimulatorTransport, serve
from pipelines.simulator.tasks import SimRun, SimTask

__all__ = [
    "Fault",
    "Fleet",
    "SimRun",
    "SimTask",
    "Simulator",
    "SimulatorTransport",
    "Truth",
    "TruthRun",
    "TruthTask",
    "TruthTick",
    "serve",
]
