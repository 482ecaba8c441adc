"""Yardsticks for detection: one recorded or simulated set of data a file, each run by itself."""
