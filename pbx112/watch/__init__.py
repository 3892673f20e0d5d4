"""What the daemon tells monitoring: metrics as folds over the events, and whether it is well."""

from prometheus_client import disable_created_metrics

from .gauges import Gauges
from .meter import Meter
from .server import WatchServer

__all__ = ["Gauges", "Meter", "WatchServer"]

disable_created_metrics()  # type: ignore[no-untyped-call]  # a third of the page, and of no use to a Prometheus
