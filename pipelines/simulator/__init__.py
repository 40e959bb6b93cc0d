"""A simulated Recoup API for the demo, the tests and the benchmarks, with a clock and a seed of its own.

Only names to import belong here. In the rest of the product, pipelines/demo/ alone imports this package.
"""

from pipelines.simulator.api import Simulator
from pipelines.simulator.faults import Fault
from pipelines.simulator.fleet import Fleet
from pipelines.simulator.server import SimulatorTransport, serve
from pipelines.simulator.tasks import Lateness, SimRun, SimTask

__all__ = [
    "Fault",
    "Fleet",
    "Lateness",
    "SimRun",
    "SimTask",
    "Simulator",
    "SimulatorTransport",
    "serve",
]
