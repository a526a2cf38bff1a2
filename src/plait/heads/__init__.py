"""From a task's tokens to its logits."""

from plait.heads._head import Head

__all__ = ["Head"]
