"""What a refusal is held against: something that this login is known to read."""

from collections.abc import Callable


class Control:
    """Asks for a folder that this sync was shown or has read; where there is none yet, finds one first."""

    def __init__(self, ask: Callable[[str], object], find: Callable[[], str | None]) -> None:
        """`ask` raises what a request raises; `find` asks for what the login is shown, and gives a folder of it."""
        self._ask = ask
        self._find = find
        self._folder_id: str | None = None

    def note(self, folder_id: str) -> None:
        """Note a folder that was read."""
        self._folder_id = folder_id

    def __call__(self) -> None:
        folder_id = self._folder_id or self._find()
        if folder_id is not None:
            self._ask(folder_id)
