"""Scheduled graphs to hardware description text."""
