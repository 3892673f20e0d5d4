"""A seeded storm: calls come in while everything breaks, and afterwards every call is accounted for."""
