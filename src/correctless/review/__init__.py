"""Review of deferred decisions: the open set, the answers to it and the gate."""
