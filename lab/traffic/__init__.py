"""Years of realistic 112 traffic, through the real model, journal chain and records, without an exchange: for
benchmarks, for the sample that the auditor's guide is about, and for trying reports."""
