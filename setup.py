"""Where `conf/` and `experiments/` go: they stand beside the package, and in the wheel inside it."""

from setuptools import find_namespace_packages, find_packages, setup

BESIDE = {"jpegai_bench.conf": "conf", "jpegai_bench.experiments": "experiments"}

setup(
    packages=[
        *find_packages(include=["jpegai_bench*"]),
        *find_namespace_packages(include=["hydra_plugins*"]),
        *BESIDE,
    ],
    package_dir=BESIDE,
)
