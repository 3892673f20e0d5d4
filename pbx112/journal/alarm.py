"""What is told of trouble, and of its end."""


class Over(str):
    """An alarm's last word, for whoever is told by `on_alarm`: all is well again."""

    __slots__ = ()
