"""How plans look in Discord: pure functions from the contract's Plan to Discord's JSON."""
