"""Optimisations: functions from graph to graph."""
