"""`make doctor`: looks at configuration, keys, intents and everything named, without starting anything.

(Filled below once the configuration's own check can be called.)
"""
