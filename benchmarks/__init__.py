"""Measurements behind docs/benchmarks.md. Not tests: they take their time and assert nothing."""
