"""`assay mcp wrap`: one server behind the policy."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("wrap", context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False})
@click.option("--policy", metavar="FILE", help="The policy; else the one that `assay run` would find here.")
@click.option("--dry-run", is_flag=True, help="Log what would be denied and let it through; malformed frames stay out.")
@click.option("--label", default="default-mcp-server", show_default=True, help="What the server is called in logs.")
@click.option("--decision-log", metavar="FILE|none", help="Where decisions are logged; each before it takes effect.")
@click.option("--durability", type=click.Choice(("write", "sync")), default="write", show_default=True,
              help="sync: a decision is on the disk, not only with the kernel, before it takes effect.")  # fmt: skip
@click.option("--log-contents", is_flag=True, help="Log arguments and results as well. They may hold secrets.")
@click.option("--event-source", metavar="URI", help="The source of logged events, e.g. scheme://name.")
@click.option("--env-allow", multiple=True, metavar="NAME", help="Let the server see this variable; repeatable.")
@click.option("--env-strict", is_flag=True, help="Hide every variable that is not allowed from the server.")
@click.option("--grace", type=click.FloatRange(0, 600), default=5.0, show_default=True, metavar="SECONDS",
              help="How long the server may take to end.")  # fmt: skip
@click.option("--max-line-bytes", type=click.IntRange(1024), default=16 * 1024 * 1024, show_default=True,
              help="The longest line that a client may send.")  # fmt: skip
@click.option("--max-response-bytes", type=click.IntRange(1024), default=256 * 1024 * 1024, show_default=True,
              help="The longest line that a server may send.")  # fmt: skip
@click.option("--deny-deprecations", is_flag=True, help="Refuse a policy in an old form.")
@click.option("-v", "--verbose", is_flag=True, help="Say every decision on standard error.")
@click.argument("argv", nargs=-1, required=True, metavar="-- COMMAND [ARG]...", type=click.UNPROCESSED)
def command(argv: tuple[str, ...], **options: object) -> None:
    """Put a policy in front of an MCP server that talks over standard input and output.

    Nothing that the policy denies reaches the server; all else passes byte for byte. `assay mcp wrap --policy
    policy.yaml -- npx -y @modelcontextprotocol/server-filesystem /srv`. The exit code is the server's, 128 + n after
    signal n; 2 where it was not started.
    """
    from assay_enforcer_mcp.commands.wrap_command import wrap

    wrap(argv, options)
