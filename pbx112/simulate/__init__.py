"""The switch in virtual time: the real model and the real calls, on an exchange made of numbers."""
