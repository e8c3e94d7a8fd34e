"""Draw docs/demo.svg, the picture of the README, from what `filesync demo` prints: python -m tests.contract.picture"""

import io
import re
import subprocess
import sys

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from tests import ROOT


def shown(printed: str) -> str:
    """Choose the parts that show what filesync is: the status and the changes."""
    blocks = ["$ " + block.split("\n\n")[0] for block in printed.split("$ ")[1:]]
    return "\n\n".join(block for block in blocks if block.startswith(("$ filesync status", "$ filesync changes")))


def draw(text: str) -> str:
    console = Console(record=True, width=112, file=io.StringIO(), color_system="truecolor", force_terminal=True)
    for line in text.splitlines():
        console.print(Text(line[:112], style="bold" if line.startswith("$") else ""), soft_wrap=True)
    without_fonts = re.sub(
        r"@font-face \{\{.*?\}\}\s*|<!--.*?-->\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL
    )  # they are on a host
    return console.export_svg(title="filesync demo", code_format=without_fonts)


if __name__ == "__main__":
    command = [sys.executable, "-m", "filesync", "demo"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    (ROOT / "docs" / "demo.svg").write_text(draw(shown(printed)), encoding="utf-8")
