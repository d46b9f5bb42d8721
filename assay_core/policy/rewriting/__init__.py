"""Policy files written anew: `fmt` and `migrate`, with comments and order kept."""
