"""The machine a run is on: kept awake, and programs where no agent writes."""
