"""The packages of the wheel: pyproject.toml cannot find some and name others, and `sql/` lies beside the package."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["pipelines", "pipelines.*"]), "pipelines.sql"],
    package_dir={"pipelines.sql": "sql"},
    package_data={
        "pipelines": ["py.typed"],
        "pipelines.orchestrate": ["*.yaml"],
        "pipelines.publish": ["*.yaml"],
        "pipelines.report": ["templates/*"],
        "pipelines.sql": ["**/*.csv", "**/*.md", "**/*.sql", "**/*.txt", "**/*.yml"],
    },
)
