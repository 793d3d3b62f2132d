"""From an agent's answer to decisions: read, corrected against the contract, never lost."""
