"""What was granted, answered, used and revoked: records and the state folded from them."""
