"""Whether somebody changed the records: the chain verified, anchored outside, and counted a second time."""
