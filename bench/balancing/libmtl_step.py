"""LibMTL's architecture and weightings from a checkout, without its Trainer and its data handling."""

import sys
import types

import cvxpy
import torch
from timing import Run
from torch import nn
from torch_nets import Problem, stepping

# Its own defaults, of its config.py.
_ARGUMENTS = {
    "mgda_gn": "none",
    "calpha": 0.5,
    "rescale": 1,
    "update_weights_every": 1,
    "optim_niter": 20,
    "max_norm": 1.0,
}


def libmtl(problem: Problem, name: str, checkout: str) -> Run:
    """Its hard sharing with one of its weightings, as its Trainer puts them together.

    Raises:
        ModuleNotFoundError: the solver of Nash_MTL is not installed; it would go on without.
    """
    if name == "Nash_MTL" and "ECOS" not in cvxpy.installed_solvers():
        raise ModuleNotFoundError("ecos")
    if "LibMTL" not in sys.modules:
        # Its package alone: what it imports by itself asks for torchvision and a GPU.
        package = types.ModuleType("LibMTL")
        package.__path__ = [f"{checkout}/LibMTL"]
        sys.modules["LibMTL"] = package
    from LibMTL import weighting
    from LibMTL.architecture.HPS import HPS

    weighting_name, _, rep_grad = name.partition(", ")
    model_class = type("Model", (HPS, getattr(weighting, weighting_name)), {})
    tasks = [f"t{n}" for n in range(problem.net.tasks)]
    decoders = nn.ModuleDict(dict(zip(tasks, problem.heads(), strict=True)))
    model = model_class(tasks, problem.trunk, decoders, bool(rep_grad), False, torch.device("cpu"))
    model.init_param()

    def backward() -> None:
        answers = model(problem.inputs)
        losses = torch.zeros(len(tasks))
        for n, loss in enumerate(problem.losses([answers[task] for task in tasks])):
            losses[n] = loss
        model.backward(losses, **_ARGUMENTS)

    return stepping(model.parameters(), backward)
