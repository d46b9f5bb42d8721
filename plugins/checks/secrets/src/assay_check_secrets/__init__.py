"""Refuses tool calls whose arguments carry credentials: the policy key `secrets`."""

from assay_check_secrets.check import SecretsCheck
from assay_check_secrets.options import SecretsOptions

__all__ = ["SecretsCheck", "SecretsOptions"]
