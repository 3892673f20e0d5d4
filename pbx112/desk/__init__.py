"""What desk phones can dial outside a call, served over FastAGI."""

from .server import DeskServer

__all__ = ["DeskServer"]
