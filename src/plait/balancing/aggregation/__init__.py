"""Balancers that make the update out of the tasks' gradients themselves, one file a method."""
