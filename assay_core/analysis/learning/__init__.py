"""Learning what an agent does from recorded behaviour, and writing it as a policy."""

from assay_core.analysis.learning.knobs import Generalisation, Knobs
from assay_core.analysis.learning.learner import Learner, Learnt, learn

__all__ = ["Generalisation", "Knobs", "Learner", "Learnt", "learn"]
