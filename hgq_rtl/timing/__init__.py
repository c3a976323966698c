"""Delay and area of operations on a device."""
