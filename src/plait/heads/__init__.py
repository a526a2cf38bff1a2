"""From a task's tokens to its logits."""

from plait.heads._head import Head
from plait.heads._linear_head import LinearHead

__all__ = ["Head", "LinearHead"]
