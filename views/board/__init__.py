"""How the request board looks: pure, from the contract's messages to Discord's JSON, for gateway and executor alike."""
