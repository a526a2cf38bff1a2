import os

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Most of a test's time is XLA's, to make a small net fast that runs for a few steps. So it compiles
# in a third of the time; processes that a test starts inherit it. `XLA_FLAGS= pytest` for all that a
# user's run has.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true "
    "--xla_cpu_use_fusion_emitters=false",
)
