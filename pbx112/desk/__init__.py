"""What desk phones can dial outside a call, served over FastAGI."""

from .server import DeskServer
from .watch import LineWatch

__all__ = ["DeskServer", "LineWatch"]
