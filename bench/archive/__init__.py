"""The records of years: how fast they are loaded, asked and verified, and how much room they take
(`make bench-records`)."""
