"""Checks that a model judges: faithfulness, relevance, criteria of your own; and a judge for OpenAI-compatible APIs."""
