"""Build hook: `filesync init` writes what stands at the top level; everything else is in pyproject.toml."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

EXAMPLES = (
    "OAUTH_SETUP.md",
    "env.example",
    "crontab.example",
    "config/connector.example.yaml",
    "config/connector.schema.json",
)


class BuildWithExamples(build_py):
    """Copy the examples beside the modules; an editable install takes them from the checkout."""

    def run(self) -> None:
        super().run()
        for name in () if self.editable_mode else EXAMPLES:
            target = Path(self.build_lib, "filesync", "examples", name)
            self.mkpath(str(target.parent))
            self.copy_file(name, str(target))


setup(cmdclass={"build_py": BuildWithExamples})
