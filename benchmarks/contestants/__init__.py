"""Who runs: filesync, the peers where they are installed, and the floor below which no program of this kind gets."""
