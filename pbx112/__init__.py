"""pbx112 answers Indonesia's emergency number 112 beside an on-premise Asterisk."""

__version__ = "0.1.0"
