"""The wallboard of the 112 room: a process of its own, which reads the daemon's journal and asks Asterisk for lines."""
