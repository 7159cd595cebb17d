"""llm: every language model behind one contract, with conversations, counts, costs and failures handled."""
