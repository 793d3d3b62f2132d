"""Rules: the skill contract, which the dispatcher holds a skill to as well."""
