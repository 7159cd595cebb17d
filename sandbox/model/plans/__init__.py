"""Plans: what a person wants done with a server, in the words of whatever operation table the request's schema gives.

A grammar, not a list of sentences: a request is cut into clauses, each clause has a verb and a noun phrase, and noun
phrases name existing things by selectors, or what an earlier clause makes. What the grammar or the schema does not know
is declined in the person's own words.
"""

from sandbox.model.plans.planner import is_plan, plan

__all__ = ["is_plan", "plan"]
