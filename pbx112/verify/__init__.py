"""`pbx112 verify`: calls every line with a test, and writes down what came of it.

The daemon alone acts on Asterisk: the command, and the schedule in the plan, order a run of it (:mod:`.orders`), which
it goes through line by line (:mod:`.rounds`); one test is :mod:`pbx112.model.line_test`.
"""

from .orders import OrderServer
from .schedule import Schedule

__all__ = ["OrderServer", "Schedule"]
