"""One compiled model, from its start once more: compiling is what takes a test's time."""

import keras


class Start:
    """All that a step of a compiled model moves, as it is now, to come back to."""

    def __init__(self, model):
        model.build_optimizer()
        held = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
        self.weights = model.get_weights()
        self.values = [(v, keras.ops.convert_to_numpy(v).copy()) for v in held]

    def restore(self):
        for variable, value in self.values:
            variable.assign(value)
