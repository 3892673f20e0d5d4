"""A whole 112 exchange on one machine, on loopback: Asterisk, Postgres, the daemon, phones, a GSM gateway, callers.

`make demo`, `make test`, `make up` and the benchmark stand on it. Nothing here is part of the product.
"""
