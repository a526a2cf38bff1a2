"""Balancers between the features of a model, one file a method."""
